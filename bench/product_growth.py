"""What product search costs as a catalogue grows: the time to index it, its size on disk, a search, and a change.

The public catalogue once, ten and a hundred times: the copies have another number in the name, another price, another
stock, and made-up vectors near the original's (bench/retail_vectors.py). The wishes are embedded by the real model.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.retail import CURRENCY, Item
from bench.retail_shop import Shop, add, database, fill, opened, vectors
from bench.retail_vectors import Copying, Remembering
from shop.limits import Limits
from shop.models import ProductRow, VariantRow
from shop.money import Money
from shop.search import ProductSearch, Query
from shop.sessions import changing

COPIES = (1, 10, 100)
_TIMES = 10  # each change is made so often
_WARM = 8  # searches before those that count


async def measure(items: Sequence[Item], wishes: Sequence[Query], memory: Remembering, place: Path) -> dict[str, Any]:
    """For each size, a row."""
    load = round(os.getloadavg()[0], 1)
    return {"load": load, "rows": [await _size(items, n, wishes, memory, place / f"{n}") for n in COPIES]}


async def _size(
    items: Sequence[Item], copies: int, wishes: Sequence[Query], memory: Remembering, place: Path
) -> dict[str, Any]:
    embedder = Copying(memory)
    async with opened(place, embedder) as shop:
        products = await fill(shop.engine, items, copies)
        print(f"  {products} products", file=sys.stderr)
        row: dict[str, Any] = {"products": products, "index_s": await _seconds(shop.index.sync())}
    async with opened(place, embedder) as shop:  # as after a restart
        row["start_s"] = await _seconds(shop.index.sync())
        row["first_s"] = await _seconds(shop.search.search(wishes[0]))
        row |= await speed(shop.search, wishes, memory)
        row["changes"] = await _changes(shop, items)
    sizes = {"sqlite_mb": [database(place)], "chroma_mb": [f for f in vectors(place).rglob("*") if f.is_file()]}
    return row | {name: round(sum(f.stat().st_size for f in files) / 1e6, 1) for name, files in sizes.items()}


async def _seconds(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return round(time.perf_counter() - began, 2)


async def speed(search: ProductSearch, wishes: Sequence[Query], memory: Remembering) -> dict[str, float]:
    """p50 and p95 in milliseconds of a search, and of it without what the embedding took."""
    for wish in wishes[:: max(1, len(wishes) // _WARM)]:
        await search.search(wish)
    memory.forget_queries()
    whole, rest = [], []
    for wish in wishes:
        embedded = len(memory.spent)
        began = time.perf_counter()
        await search.search(wish)
        whole.append(1000 * (time.perf_counter() - began))
        rest.append(whole[-1] - 1000 * sum(memory.spent[embedded:]))
    return {
        f"{name}_p{p}_ms": round(float(np.percentile(ms, p)), 1)
        for name, ms in (("search", whole), ("rest", rest))
        for p in (50, 95)
    }


# Changes


@dataclass(frozen=True)
class _Change:
    """A kind of change: how it is written, and a wish that finds `product` once it is seen, or finds it no more."""

    kind: str
    write: Callable[[AsyncSession, Item], Awaitable[object]]
    wish: Callable[[Item], Query]
    product: Callable[[Item], str]
    there: bool = True


async def _changes(shop: Shop, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Milliseconds from the commit of a change until the index has followed it, and until a search has shown it; and
    how many texts were embedded for it. A row for each kind."""
    some = items[:: len(items) // _TIMES][:_TIMES]
    return [await _made(shop, some, change) for change in _CHANGES]


async def _made(shop: Shop, items: Sequence[Item], change: _Change) -> dict[str, Any]:
    spent, embedded = [], 0
    for item in items:
        async with changing(shop.engine) as db:
            await change.write(db, item)
        began = time.perf_counter()
        embedded += (await shop.index.sync()).embedded
        synced = time.perf_counter()
        hits = (await shop.search.search(change.wish(item))).hits
        if (change.product(item) in {hit.product.id for hit in hits}) != change.there:
            raise RuntimeError(f"{change.kind}: a search does not show it ({item.id})")
        spent.append((synced - began, time.perf_counter() - began))
    row: dict[str, Any] = {"kind": change.kind, "n": len(items), "embedded": embedded}
    for name, seconds in zip(("sync", "seen"), np.array(spent).T, strict=True):
        row |= {f"{name}_{which}_ms": round(1000 * float(of(seconds)), 1) for which, of in _OF.items()}
    return row


_OF: dict[str, Callable[[Any], Any]] = {"p50": np.median, "most": np.max}
_NEW_PRICE = Money.of("98765.43", CURRENCY)  # nothing else costs that


def _same(item: Item) -> str:
    return item.id


def _renamed(item: Item) -> str:
    return f"Quite another {item.id[:8]} {item.name}"


def _added(item: Item) -> Item:
    return replace(item, id=f"{item.id}-new", name=f"Brand new {item.id[:8]} {item.name}")


async def _nothing(db: AsyncSession, item: Item) -> None:
    pass


async def _rename(db: AsyncSession, item: Item) -> None:
    await db.execute(update(ProductRow).where(ProductRow.id == item.id).values(names={"en": _renamed(item)}))


async def _reprice(db: AsyncSession, item: Item) -> None:
    await db.execute(update(VariantRow).where(VariantRow.product == item.id).values(price=_NEW_PRICE.amount))


async def _add(db: AsyncSession, item: Item) -> None:
    await add(db, [_added(item)])


async def _delete(db: AsyncSession, item: Item) -> None:
    await db.execute(delete(ProductRow).where(ProductRow.id == _added(item).id))


def _priced(item: Item) -> Query:
    return Query(item.name, "en", limits=Limits(lowest=_NEW_PRICE))


_CHANGES = (
    _Change("a title", _rename, lambda item: Query(_renamed(item), "en"), _same),
    _Change("nothing", _nothing, lambda item: Query(_renamed(item), "en"), _same),
    _Change("a price", _reprice, _priced, _same),
    _Change("a product more", _add, lambda item: Query(_added(item).name, "en"), lambda item: _added(item).id),
    _Change(
        "a product less", _delete, lambda item: Query(_added(item).name, "en"), lambda item: _added(item).id, False
    ),
)
