"""The steps of an order's way, and of its latest return, as its card shows them. Knows no rule of the shop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from kefu.amounts import date_text
from kefu.card_shapes import Step
from kefu.words import word
from shop.views import Order, Return

_WAY = ("placed", "packed", "dispatched", "delivered")
_REACHED = {"pending": 1, "processed": 2, "shipped": 3, "delivered": 4}  # steps of its way that an order has made
_BACK = {"requested": 1, "approved": 1, "received": 2, "refunded": 3, "exchanged": 3}  # the same of a return


def steps(order: Order, language: str) -> Iterator[Step]:
    """What is done, where it is now, what lies ahead; a way that was broken off ends in "stopped"."""
    draw = _Drawn(language, order.address.country)
    times = {"placed": order.placed_at}
    for shipment in order.shipments:
        for scan in shipment.scans:
            times.setdefault(scan.code, scan.at)
    if order.delivered_at:
        times["delivered"] = order.delivered_at
    if order.status == "cancelled":
        yield from draw.stopped("step", "placed", "cancelled", times)
        return
    yield from draw.way("step", _WAY, times, _REACHED[order.status])
    if order.returns:
        yield from _back(order.returns[-1], draw)


def _back(back: Return, draw: _Drawn) -> Iterator[Step]:
    table = f"{back.kind}_status"
    times = {"requested": back.requested_at}
    for at, status in back.events:
        times.setdefault(status, at)
    if back.status == "rejected":
        yield from draw.stopped(table, "requested", "rejected", times)
        return
    first = "approved" if back.status == "approved" else "requested"
    last = "exchanged" if back.kind == "exchange" and back.status != "refunded" else "refunded"
    yield from draw.way(table, (first, "received", last), times, _BACK[back.status])


class _Drawn:
    """Steps in a language, their days by the clocks of a country."""

    def __init__(self, language: str, country: str) -> None:
        self._language, self._country = language, country

    def way(self, table: str, codes: Sequence[str], times: Mapping[str, datetime], reached: int) -> Iterator[Step]:
        """`reached` steps are made; the last of those is where it is now, unless it is the end."""
        for n, code in enumerate(codes, start=1):
            if n > reached:
                yield self._step(table, code, None, "ahead")
            else:
                yield self._step(table, code, times.get(code), "now" if n == reached < len(codes) else "done")

    def stopped(self, table: str, first: str, end: str, times: Mapping[str, datetime]) -> Iterator[Step]:
        """A way that ended before its end."""
        yield self._step(table, first, times.get(first), "done")
        yield self._step(table, end, times.get(end), "stopped")

    def _step(
        self, table: str, code: str, at: datetime | None, state: Literal["done", "now", "ahead", "stopped"]
    ) -> Step:
        day = date_text(at, self._language, self._country) if at else ""
        return Step(text=word(self._language, table, code), at=day, state=state)
