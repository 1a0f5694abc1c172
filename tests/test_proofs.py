"""Proving an order, on SQLite and on PostgreSQL alike: who gets in, who is locked out, and what is kept of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from kefu.conversations import MIGRATIONS, Conversation, Conversations
from kefu.events import NotFound
from kefu.proofs import LOCKED, MISSES, WITHIN, Proofs
from shop.database import open_database
from shop.errors import ShopUnavailable
from shop.numbers import canonical

ANNAS, BOBS = "JL10023", "JL10024"
SECRETS = {ANNAS: ("anna", {"4821", "anna@example.com"}), BOBS: ("bob", {"0007"}), "JL10025": ("anna", {"4821"})}
MINUTE = timedelta(minutes=1)


class Orders:
    """A shop that proves orders and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.asked_again = asyncio.Event()
        self.down = False

    async def prove(self, number: str, secret: str) -> str | None:
        self.asked.append((number, secret))
        self.asked_again.set()
        await asyncio.sleep(0)  # as a real shop: others run meanwhile
        if self.down:
            raise ShopUnavailable("down")
        customer, right = SECRETS.get(canonical(number), ("", set[str]()))
        return customer if secret in right else None

    def of(self, customer: str) -> Any:
        raise AssertionError("nobody asked for orders")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(url, MIGRATIONS)
    yield engine
    await engine.dispose()


class Desk:
    """Conversations of guests, and their proofs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.orders, self.clock = engine, Orders(), Clock()
        self.conversations = Conversations(engine)
        self.proofs = Proofs(engine, self.orders, now=self.clock)

    async def talk(self, owner: str | None = None) -> Conversation:
        return await self.conversations.start(owner or f"guest:{uuid.uuid4()}")

    async def miss(self, times: int, number: str = ANNAS, owner: str | None = None, address: str = "") -> None:
        """As many misses; each of another guest where no owner is given."""
        for _ in range(times):
            assert await self.proofs.prove(await self.talk(owner), number, "0000", address=address) == "wrong"


@pytest.fixture
def desk(engine: AsyncEngine) -> Desk:
    return Desk(engine)


# Who gets in


@pytest.mark.parametrize("secret", ["4821", "anna@example.com"])
@pytest.mark.parametrize("number", [ANNAS, "#jl-10023", "ＪＬ１００２３"])
async def test_a_guest_proves_an_order_in_this_conversation_only(desk: Desk, number: str, secret: str) -> None:
    talk = await desk.talk()
    assert await desk.proofs.customer(talk) is None
    assert await desk.proofs.prove(talk, number, secret) == "proved"
    assert await desk.proofs.customer(talk) == "anna"
    assert await desk.proofs.customer(await desk.talk(talk.owner)) is None
    assert await Proofs(desk.engine, desk.orders).customer(talk) == "anna"  # also after a restart


@pytest.mark.parametrize("number", [ANNAS, "JL99999", "", "\ud800\0", "' OR 1=1 --"])
async def test_a_wrong_secret_and_a_missing_order_are_alike(desk: Desk, number: str) -> None:
    talk = await desk.talk()
    assert await desk.proofs.prove(talk, number, "0007") == "wrong"
    assert await desk.proofs.customer(talk) is None
    assert len(desk.orders.asked) == 1


async def test_a_signed_in_shopper_needs_no_proof_and_can_become_nobody_else(desk: Desk) -> None:
    talk = await desk.talk("customer:bob")
    assert await desk.proofs.prove(talk, ANNAS, "4821") == "already"
    assert await desk.proofs.customer(talk) == "bob"
    assert desk.orders.asked == []


async def test_a_conversation_is_one_customers_for_good(desk: Desk) -> None:
    talk = await desk.talk()
    assert await desk.proofs.prove(talk, ANNAS, "4821") == "proved"
    assert await desk.proofs.prove(talk, BOBS, "0007") == "already"
    assert await desk.proofs.prove(talk, "JL10025", "4821") == "proved"  # hers, too
    assert await desk.proofs.prove(talk, BOBS, "1234") == "wrong"
    assert await desk.proofs.customer(talk) == "anna"


async def test_two_proofs_at_once_make_one_customer(desk: Desk) -> None:
    talk = await desk.talk()
    outcomes = await asyncio.gather(desk.proofs.prove(talk, ANNAS, "4821"), desk.proofs.prove(talk, BOBS, "0007"))
    assert sorted(outcomes) == ["already", "proved"]
    assert await desk.proofs.customer(talk) == ("anna" if outcomes[0] == "proved" else "bob")


async def test_staff_open_their_own_conversation_for_a_customer(desk: Desk) -> None:
    talk = await desk.talk("staff:mei")
    assert await desk.proofs.vouch(talk, "anna") == "proved"
    assert await desk.proofs.vouch(talk, "anna") == "proved"
    assert await desk.proofs.vouch(talk, "bob") == "already"
    assert await desk.proofs.customer(talk) == "anna"
    for owner in ("guest:staff:mei", "customer:mei"):
        with pytest.raises(ValueError, match="only staff"):
            await desk.proofs.vouch(await desk.talk(owner), "bob")


async def test_a_proof_goes_with_its_conversation(desk: Desk) -> None:
    talk = await desk.talk()
    await desk.proofs.prove(talk, ANNAS, "4821")
    await desk.conversations.delete(talk.id, talk.owner)
    assert await desk.proofs.customer(talk) is None
    with pytest.raises(NotFound):
        await desk.proofs.prove(talk, ANNAS, "4821")
    assert await rows(desk.engine, "proofs") == []


# Who is locked out


async def test_five_misses_lock_the_guest_also_with_the_right_secret_elsewhere(desk: Desk) -> None:
    me = "guest:me"
    for n in range(MISSES):
        await desk.miss(1, f"JL2000{n}", me)
    asked = len(desk.orders.asked)
    assert await desk.proofs.prove(await desk.talk(me), ANNAS, "4821") == "locked"
    assert len(desk.orders.asked) == asked, "the shop was asked"
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "proved"  # others are not


@pytest.mark.parametrize("number", [ANNAS, "JL99999"])
async def test_five_misses_of_anybody_lock_the_order_however_it_is_written(desk: Desk, number: str) -> None:
    for written in (number, number.lower(), f"#{number}", "JL-" + number[2:], f"{number} "):
        await desk.miss(1, written)
    assert await desk.proofs.prove(await desk.talk(), f"# {number}", "4821") == "locked"
    assert await desk.proofs.prove(await desk.talk(), f"{number}.\u200b", "4821") == "locked"
    assert await desk.proofs.prove(await desk.talk(), BOBS, "0007") == "proved"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::9"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("a proxy's name", "a proxy's name"),
    ],
)
async def test_five_misses_lock_the_line_they_came_from(desk: Desk, first: str, again: str) -> None:
    for n in range(MISSES):
        await desk.miss(1, f"JL2000{n}", address=first)
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821", address=again) == "locked"
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821", address="2001:db8:9::1") == "proved"


async def test_a_lock_ends_after_an_hour_and_hammering_does_not_prolong_it(desk: Desk) -> None:
    await desk.miss(MISSES)
    for _ in range(59):
        desk.clock.time += MINUTE
        assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "locked"
    desk.clock.time += MINUTE
    await desk.miss(MISSES)  # five new tries, and no more
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "locked"


async def test_no_five_misses_pass_within_any_hour(desk: Desk) -> None:
    await desk.miss(1)
    desk.clock.time += 59 * MINUTE
    await desk.miss(3)
    desk.clock.time += 2 * MINUTE  # the first is over an hour ago
    await desk.miss(2)
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "locked"


async def test_slow_misses_lock_nobody_out(desk: Desk) -> None:
    for _ in range(4 * MISSES):
        await desk.miss(1)
        desk.clock.time += WITHIN / 4
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "proved"


async def test_a_right_secret_clears_the_guest_but_not_the_order(desk: Desk) -> None:
    me = "guest:me"
    await desk.miss(MISSES - 1, owner=me)
    assert await desk.proofs.prove(await desk.talk(me), ANNAS, "4821") == "proved"
    await desk.miss(MISSES - 1, BOBS, owner=me)  # all tries again at another order
    await desk.miss(1)  # the order has one left for everybody: the right try was taken back, no other
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "locked"


async def test_a_proof_of_another_customers_order_is_no_miss(desk: Desk) -> None:
    talk = await desk.talk()
    await desk.proofs.prove(talk, ANNAS, "4821")
    for _ in range(2 * MISSES):
        assert await desk.proofs.prove(talk, BOBS, "0007") == "already"


async def test_an_outage_counts_as_no_try(desk: Desk) -> None:
    talk = await desk.talk()
    desk.orders.down = True
    for _ in range(2 * MISSES):
        with pytest.raises(ShopUnavailable):
            await desk.proofs.prove(talk, ANNAS, "0000")
    desk.orders.down = False
    await desk.miss(MISSES, owner=talk.owner)
    assert await desk.proofs.prove(talk, ANNAS, "4821") == "locked"


async def test_a_try_that_is_abandoned_while_the_shop_is_asked_counts(desk: Desk) -> None:
    for _ in range(MISSES):
        task = asyncio.create_task(desk.proofs.prove(await desk.talk(), ANNAS, "0000"))
        await desk.orders.asked_again.wait()
        desk.orders.asked_again.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "4821") == "locked"
    assert len(desk.orders.asked) == MISSES


@pytest.mark.parametrize("shared", ["owner", "order", "address"])
async def test_of_fifty_wrong_tries_at_once_on_two_replicas_five_reach_the_shop(
    url: str, desk: Desk, shared: str
) -> None:
    other = await open_database(url, MIGRATIONS)
    replicas = [desk.proofs, Proofs(other, desk.orders, now=desk.clock)]
    owner = "guest:me" if shared == "owner" else None
    talks = [await desk.talk(owner) for _ in range(50)]
    numbers = [ANNAS if shared == "order" else f"JL{20000 + n}" for n in range(50)]
    address = "203.0.113.7" if shared == "address" else ""
    outcomes = await asyncio.gather(
        *(replicas[n % 2].prove(talks[n], numbers[n], "0000", address=address) for n in range(50))
    )
    await other.dispose()
    assert len(desk.orders.asked) == MISSES
    assert sorted(outcomes) == ["locked"] * (50 - MISSES) + ["wrong"] * MISSES


async def test_right_and_wrong_tries_at_once_on_two_replicas_never_break(url: str, desk: Desk) -> None:
    other = await open_database(url, MIGRATIONS)
    replicas = [desk.proofs, Proofs(other, desk.orders, now=desk.clock)]
    owners = [f"guest:{n % 4}" for n in range(40)]
    talks = [await desk.talk(owner) for owner in owners]
    outcomes = await asyncio.gather(
        *(replicas[n % 2].prove(talks[n], (ANNAS, BOBS)[n % 3 % 2], "4821", address="::1") for n in range(40))
    )
    await other.dispose()
    for talk, outcome in zip(talks, outcomes, strict=True):
        assert await desk.proofs.customer(talk) == ("anna" if outcome == "proved" else None)
    assert outcomes.count("wrong") <= MISSES


# What is kept


async def rows(engine: AsyncEngine, table: str) -> list[dict[str, Any]]:
    async with engine.connect() as db:
        return [dict(row._mapping) for row in await db.execute(text(f"SELECT * FROM {table}"))]


async def test_neither_secret_nor_number_nor_address_lies_in_the_database(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    line = {"address": "203.0.113.7"}
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "wrong@example.com", **line) == "wrong"
    assert await desk.proofs.prove(await desk.talk(), ANNAS, "anna@example.com", **line) == "proved"
    missed, proved = await rows(desk.engine, "misses"), await rows(desk.engine, "proofs")
    assert len(missed) == 3 and len({row["key"] for row in missed}) == 3
    for telling in ("guest:", ANNAS, "203.0.113.7", "@example.com"):
        assert telling not in str(missed)
    assert [(row["customer"], row["order_number"], row["method"]) for row in proved] == [("anna", ANNAS, "order")]
    assert "@example.com" not in str(proved) + caplog.text  # drivers log what they are given


async def test_misses_are_forgotten_when_they_count_no_more(desk: Desk) -> None:
    await desk.miss(3)
    desk.clock.time += WITHIN + LOCKED
    await desk.miss(1, BOBS)
    assert len(await rows(desk.engine, "misses")) == 2  # the new one, against its guest and its order


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.integers(0, 40), min_size=1, max_size=30))
async def test_however_the_tries_are_spaced_no_more_than_five_reach_the_shop_in_an_hour(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int]
) -> None:
    engine = await open_database(f"sqlite:///{tmp_path_factory.mktemp('spaced') / 'kefu.db'}", MIGRATIONS)
    desk, times = Desk(engine), list[datetime]()
    for minutes in gaps:
        desk.clock.time += minutes * MINUTE
        if await desk.proofs.prove(await desk.talk(), ANNAS, "0000") == "wrong":
            times.append(desk.clock.time)
    await engine.dispose()
    assert times, "the first try is never locked"
    for first, sixth in zip(times, times[MISSES:], strict=False):
        assert sixth - first >= WITHIN
