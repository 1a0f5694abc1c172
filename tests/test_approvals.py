"""A change that waits is decided once, in time, by the one who was asked: on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kefu.approvals import TTL, Approvals, Asked
from kefu.card_shapes import ApprovalCard
from kefu.conversations import MIGRATIONS, Conversations
from kefu.events import NotFound
from shop.changes import CancelOrder
from shop.database import Engine, open_database

ANNA, BORIS = "customer:anna", "guest:boris"
WISH = CancelOrder(order="JL10023", reason="no_longer_needed")


class Clock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
async def engine(url: str) -> AsyncIterator[Engine]:
    engine = await open_database(url, MIGRATIONS)
    yield engine
    await engine.dispose()


async def ask(approvals: Approvals, conversation: str, **values: Any) -> Asked:
    id, until = approvals.offer()
    card = ApprovalCard(
        language="vi", id=id, title="Hủy đơn JL10023?", lines=(), money="", confirm="Xác nhận", cancel="Không",
        hint="", expires_at=until.isoformat(), state="pending", state_text="",
    )  # fmt: skip
    asked = {"owner": ANNA, "customer": "anna", "message": "m1", "tool": "cancel_pending_order", "wish": WISH}
    await approvals.ask(conversation=conversation, card=card, fingerprint="f", **(asked | values))
    return await approvals.get(id, asked["owner"])  # type: ignore[arg-type]


async def conversation(engine: Engine, owner: str = ANNA) -> str:
    return (await Conversations(engine).start(owner)).id


async def test_what_was_asked_is_kept_whole(engine: Engine) -> None:
    asked = await ask(Approvals(engine), await conversation(engine))
    assert (asked.state, asked.wanted, asked.customer, asked.message) == ("pending", WISH, "anna", "m1")
    assert asked.card.title == "Hủy đơn JL10023?" and asked.fingerprint == "f"


async def test_of_a_hundred_clicks_one_decides(engine: Engine, url: str) -> None:
    other = await open_database(url, MIGRATIONS)  # another replica
    replicas = [Approvals(engine), Approvals(other)]
    asked = await ask(replicas[0], await conversation(engine))
    won = await asyncio.gather(*(replicas[n % 2].decide(asked.id, ANNA, n % 3 > 0) for n in range(100)))
    await other.dispose()
    assert sum(won) == 1


async def test_a_stranger_decides_nothing(engine: Engine) -> None:
    approvals = Approvals(engine)
    asked = await ask(approvals, await conversation(engine))
    assert not await approvals.decide(asked.id, BORIS, True)
    with pytest.raises(NotFound):
        await approvals.get(asked.id, BORIS)
    assert (await approvals.get(asked.id, ANNA)).state == "pending"


async def test_silence_means_no(engine: Engine) -> None:
    clock = Clock()
    approvals = Approvals(engine, now=clock)
    asked = await ask(approvals, await conversation(engine))
    clock.at += TTL - timedelta(seconds=1)
    assert (await approvals.get(asked.id, ANNA)).state == "pending"
    clock.at += timedelta(seconds=1)
    assert (await approvals.get(asked.id, ANNA)).state == "expired"
    assert not await approvals.decide(asked.id, ANNA, True)


async def test_a_new_message_means_no(engine: Engine) -> None:
    approvals = Approvals(engine)
    here, elsewhere = await conversation(engine), await conversation(engine)
    asked, other = await ask(approvals, here), await ask(approvals, elsewhere)
    assert [one.id for one in await approvals.void(here)] == [asked.id]
    assert not await approvals.decide(asked.id, ANNA, True)
    assert await approvals.decide(other.id, ANNA, True)


async def test_only_the_latest_of_two_waits(engine: Engine) -> None:
    approvals = Approvals(engine)
    here = await conversation(engine)
    first, second = await ask(approvals, here), await ask(approvals, here)
    states = {id: asked.state for id, asked in (await approvals.of(here)).items()}
    assert states == {first.id: "void", second.id: "pending"}


async def test_a_yes_that_the_shop_could_not_hear_can_be_said_again(engine: Engine) -> None:
    approvals = Approvals(engine)
    asked = await ask(approvals, await conversation(engine))
    assert await approvals.decide(asked.id, ANNA, True)
    await approvals.settle(asked.id, "pending")
    again = await approvals.get(asked.id, ANNA)
    assert again.click(True) != asked.click(True), "the same message would only be answered as before"
    assert await approvals.decide(asked.id, ANNA, True)


async def test_a_yes_whose_process_died_can_be_said_again_but_not_soon(engine: Engine) -> None:
    clock = Clock()
    approvals = Approvals(engine, now=clock)
    asked = await ask(approvals, await conversation(engine))
    assert await approvals.decide(asked.id, ANNA, True)
    assert not await approvals.decide(asked.id, ANNA, True)
    clock.at += timedelta(seconds=31)
    assert not await approvals.decide(asked.id, ANNA, False), "a no cannot undo it"
    assert await approvals.decide(asked.id, ANNA, True)


async def test_it_goes_with_its_conversation(engine: Engine) -> None:
    approvals, here = Approvals(engine), await conversation(engine)
    asked = await ask(approvals, here)
    await Conversations(engine).delete(here, ANNA)
    with pytest.raises(NotFound):
        await approvals.get(asked.id, ANNA)
