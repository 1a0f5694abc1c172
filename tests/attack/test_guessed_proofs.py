"""Guessing the four digits: in the chat, over REST and mixed, with new guests, conversations and addresses. Of any
number of guesses at an order, five reach the shop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from kefu.proofs import LOCKED, MISSES
from shop.loading import key_of
from tests.attack.demo import CUSTOMERS, DemoOrder, leaks, order_of, orders_of
from tests.attack.desks import AttackDesk, Opening
from tests.attack.puppet import obey, reads
from tests.attack.site import Site
from tests.orders_desk import codes
from tests.scripted import ScriptedModel

Cases = Callable[[int], None]

_addresses = (f"203.0.{n // 250}.{n % 250 + 1}" for n in count())


class Guesser:
    """Tries secrets at orders, each time as a new guest from a new address."""

    def __init__(self, desk: AttackDesk, model: ScriptedModel) -> None:
        self.desk, self.model, self.site = desk, model, Site.of(desk)
        self.reached: Counter[str] = Counter()  # order -> guesses that the shop was asked about
        ask: Any = desk.shop.orders.prove

        async def prove(number: str, secret: str) -> str | None:
            self.reached[key_of(number)] += 1
            found: str | None = await ask(number, secret)
            return found

        desk.shop.orders.prove = prove  # type: ignore[method-assign]

    async def guess(self, way: str, number: str, secret: str, address: str = "") -> str:
        """What came of it: proved, wrong or locked."""
        address = address or next(_addresses)
        if way == "rest":
            async with self.site.browser(address) as browser:
                answer = await browser.post("/v1/proofs", json={"order": number, "secret": secret})
            assert leaks(answer.text) == set()
            return {200: "proved", 403: "wrong", 429: "locked"}[answer.status_code]
        obey(self.model, reads(number))
        guest = await self.desk.using(rounds=8 if way == "native" else 0).guest(f"guest:{address}")
        said = codes(await guest.say(f"Where is my order {number}? {secret}", address=address))
        return {"prove_wrong": "wrong", "prove_locked": "locked"}.get(said[0], said[0]) if said else "proved"


WAYS = ("rest", "native", "portable")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def guesser(opening: Opening, model: ScriptedModel) -> Guesser:
    return Guesser(await opening(), model)


@pytest.fixture
def an_hour_later(guesser: Guesser) -> Iterator[None]:
    """Locks of an earlier test are over."""
    guesser.desk.now.ahead += LOCKED + timedelta(minutes=61)
    guesser.reached.clear()
    yield
    assert guesser.desk.tripped() == []


def wrong(order: DemoOrder, n: int) -> str:
    return f"{(int(order.phone[-4:]) + 1 + n) % 10_000:04}"


pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("an_hour_later")]


@pytest.mark.parametrize("customer", CUSTOMERS)
async def test_five_guesses_at_an_order_whoever_makes_them(guesser: Guesser, customer: str, cases: Cases) -> None:
    for at, order in enumerate(orders_of(customer)):
        came = [await guesser.guess(WAYS[(at + n) % 3], order.number, wrong(order, n)) for n in range(MISSES)]
        came += [await guesser.guess(WAYS[(at + MISSES) % 3], order.number, order.phone[-4:])]
        assert came == ["wrong"] * MISSES + ["locked"], "also with the right digits"
        assert guesser.reached[order.number] == MISSES
    cases(len(orders_of(customer)))


ORDER = order_of("somchai-jaidee")


@pytest.mark.parametrize("way", WAYS)
async def test_ten_thousand_guesses_are_five(guesser: Guesser, way: str) -> None:
    """The first forty of them: the lock does not move."""
    came = Counter([await guesser.guess(way, ORDER.number, wrong(ORDER, n)) for n in range(40)])
    assert came == {"wrong": MISSES, "locked": 35} and guesser.reached[ORDER.number] == MISSES


async def test_guesses_at_once_are_counted_too(guesser: Guesser) -> None:
    tries = [guesser.guess(WAYS[n % 2 * 2], ORDER.number, wrong(ORDER, n)) for n in range(30)]
    assert Counter(await asyncio.gather(*tries))["locked"] >= 25 and guesser.reached[ORDER.number] <= MISSES


def spellings(number: str) -> list[str]:
    digits = number[2:]
    thai = "".join(chr(0x0E50 + int(digit)) for digit in digits)
    full = "".join(chr(ord(c) + 0xFEE0) for c in number)
    return [
        number, number.lower(), f"#{number}", f"JL-{digits}", f"J L {digits}", full, f"JL{thai}", f" {number} ",
        f"{number}\0", f"# {number}", f"{number}\u00a0", f"j\u00adl{digits}", f"JL\u2011{digits}",
        f"{number}.", f"({number})",
        f"{number}#", f"\u200b{number}", f"{number}\t\n", f"##{number}--", f"𝐉𝐋{digits}",
    ]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_another_spelling_is_no_other_order(guesser: Guesser, way: str) -> None:
    for n, number in enumerate(spellings(ORDER.number) * 2):
        await guesser.guess(way, number[:40], wrong(ORDER, n))
    assert guesser.reached[ORDER.number] == MISSES


@pytest.mark.parametrize("way", WAYS)
async def test_one_address_has_five_guesses_at_all_orders(guesser: Guesser, way: str) -> None:
    orders = [order for customer in CUSTOMERS for order in orders_of(customer)[:1]]
    address = next(_addresses)
    came = [await guesser.guess(way, order.number, wrong(order, 0), address) for order in orders]
    assert came == ["wrong"] * MISSES + ["locked"] * (len(orders) - MISSES) and guesser.reached.total() == MISSES


@pytest.mark.parametrize("way", WAYS)
async def test_a_right_proof_of_ones_own_does_not_buy_more_guesses(guesser: Guesser, way: str) -> None:
    own, address = order_of("emily-carter"), next(_addresses)
    for n in range(4):
        for digit in range(2):
            await guesser.guess(way, ORDER.number, wrong(ORDER, 2 * n + digit), address)
        await guesser.guess(way, own.number, own.phone[-4:], address)
    assert guesser.reached[ORDER.number] == MISSES


@pytest.mark.parametrize("way", WAYS)
async def test_many_digits_in_one_message_are_one_guess(guesser: Guesser, way: str) -> None:
    many = ", ".join([*(wrong(ORDER, n) for n in range(40)), ORDER.phone[-4:]])
    assert await guesser.guess(way, ORDER.number, many) == "wrong" and guesser.reached.total() <= 1


SECRETS = [
    "", " ", "%", "____", "4_48", "' OR '1'='1", "0000 OR 1=1", "null", "None", "@example.com", "somchai.j", "*", "\0",
    "somchai.j@example.com\0x", "+66 10 055 6148 OR", "06148x", "614", "61480", "-6148", "6148.0", "0x1804",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_secret_is_compared_not_understood(guesser: Guesser, secret: str) -> None:
    assert await guesser.guess("rest", ORDER.number, secret) == "wrong"


async def test_a_missing_order_is_guessed_at_like_any_other(guesser: Guesser) -> None:
    for way in WAYS:
        came = [await guesser.guess(way, f"JL9900{WAYS.index(way)}", "1234") for _ in range(MISSES + 1)]
        assert came == ["wrong"] * MISSES + ["locked"]


async def test_the_right_digits_prove_it(guesser: Guesser) -> None:
    """There is something to guess."""
    for way in WAYS:
        assert await guesser.guess(way, ORDER.number, ORDER.phone[-4:]) == "proved"


async def test_a_lock_outlasts_impatience(guesser: Guesser) -> None:
    for n in range(MISSES):
        await guesser.guess("rest", ORDER.number, wrong(ORDER, n))
    guesser.desk.now.ahead += LOCKED - timedelta(minutes=1)
    assert await guesser.guess("rest", ORDER.number, ORDER.phone[-4:]) == "locked"
