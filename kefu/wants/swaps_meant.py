"""Which items are to become which variants: "size L instead of M", "đổi sang màu đen", "换成大一码". Knows no rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from kefu.wants.described import names_things
from kefu.wants.items_meant import AND, items_in
from kefu.wants.options import Named, Value, named_values, step, stepped, value_of, values_of, variants_with
from kefu.wants.spoken import MOST_PARTS, Said, Span, word_list
from shop.changes import Swap
from shop.views import Item, Product


@dataclass(frozen=True)
class SwapsMeant:
    """The swaps, or what is missing: "item" with the items to choose from, or "option" with the items that are meant,
    the options to ask for and the variants of the first one's product that may be offered."""

    swaps: tuple[Swap, ...]
    missing: Literal["", "item", "option"] = ""
    items: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


def swaps_meant(
    text: str, language: str, items: Sequence[Item], products: Sequence[Product], *, chosen: Sequence[str] = ()
) -> SwapsMeant:
    """All ids come from `items` and `products`. `chosen`: the items, where they are known from before."""
    said = Said.of(text, language).without_numbers()
    by_id = {product.id: product for product in products}
    known = [item for item in items if item.id in chosen]
    swaps: list[Swap] = []
    for wish in _wishes(said, items, products):
        meant, unclear = (known, ()) if known else _items(wish, items, by_id)
        if not meant:
            return SwapsMeant((), "item", tuple(unclear))
        for item in meant:
            made = _swap(wish, item, by_id.get(item.product), [one.id for one in meant])
            if not isinstance(made, Swap):
                return made
            swaps.append(made)
    return SwapsMeant(tuple({swap.item: swap for swap in swaps}.values()))


def _wishes(said: Said, items: Sequence[Item], products: Sequence[Product]) -> list[Said]:
    """The message in parts with an item and an option each: "the dress to L and the shirt to white"."""
    ends = [*(match.end() for match in islice(AND.finditer(said.text), MOST_PARTS)), len(said.text)]
    wishes, start, last = [], 0, 0
    for end in ends:
        so_far, new = said.part(start, last), said.part(last, end)
        whole = names_things(so_far, items) and (named_values(so_far, products) or step(so_far))
        if whole and names_things(new, items) and (named_values(new, products) or step(new)):
            wishes.append(so_far)
            start = last
        last = end
    return [*wishes, said.part(start, len(said.text))]


def _items(said: Said, items: Sequence[Item], products: Mapping[str, Product]) -> tuple[Sequence[Item], Sequence[str]]:
    """The items meant, or those to ask about. What is wanted instead does not describe them; what remains does, and
    whether they can be had so at all."""
    named = named_values(said, products.values())
    wanted = _wanted_words(named)
    told = items_in(_without(said, wanted), items)
    if not told.items and names_things(said, items):  # "the scarf in navy", where it is red
        told = items_in(_without(said, named), items)
    if told.items and told.why != "only":
        return [item for item in items if item.id in told.items], ()
    fitting = [item for item in items if not told.candidates or item.id in told.candidates]
    described = [n.value for n in named if n not in wanted]
    fitting = [item for item in fitting if _agrees(item, described)] or fitting
    if len(fitting) > 1 and (named or step(said)):
        able = [item for item in fitting if _wanted(said, item, products.get(item.product))]
        fitting = able or fitting
    if len(fitting) == 1 or (len({item.variant for item in fitting}) == 1 and told.why == "described"):
        return fitting, ()
    return (), [item.id for item in fitting]


def _without(said: Said, named: Iterable[Named]) -> Said:
    return said.without(Span(one.start, one.end, "") for one in named)


def _wanted_words(named: Sequence[Named]) -> list[Named]:
    """What is asked for by the words around it; where none say so, what is left beside "instead of …"."""
    wanted = [n for n in named if n.role == "wanted"]
    if wanted or not any(n.role == "unwanted" for n in named):
        return wanted
    return [n for n in named if n.role == "named"]


def _agrees(item: Item, described: Iterable[Value]) -> bool:
    own = values_of(item.options)
    return all(any(value == mine for mine in own) for value in described)


def _wanted(said: Said, item: Item, product: Product | None) -> list[Value]:
    """The values that the item is to have and has not; its own ones only where the words ask for them outright."""
    if product is None:
        return []
    own = values_of(item.options)
    named = named_values(said, [product])
    asked = [n.value for n in named if n.role == "wanted"]
    others = [n.value for n in named if n.role == "named" and n.value not in own]
    fresh = [value for value in asked if value not in own] or (asked and [v for v in asked if not others]) or others
    if by := step(said):
        size = stepped(product, item.options, by)
        fresh = [*fresh, size] if size else fresh
    return fresh


def _swap(said: Said, item: Item, product: Product | None, meant: Sequence[str]) -> Swap | SwapsMeant:
    wanted = _wanted(said, item, product)
    if product is None:
        return SwapsMeant((), "option", tuple(meant))
    found = variants_with(product, item.options, wanted) if wanted else []
    if len(found) > 1:
        found = [variant for variant in found if variant.stock > 0] or found
    if len(found) == 1:
        return Swap(item=item.id, variant=found[0].id)
    offered = [v for v in found or product.variants if v.id != item.variant]
    return SwapsMeant((), "option", tuple(meant), _open_options(said, item, product), tuple(v.id for v in offered))


def _open_options(said: Said, item: Item, product: Product) -> tuple[str, ...]:
    """The options to ask for: the one that was named without a value ("another colour"), else all with a choice."""
    choices: dict[str, set[Value]] = {}
    for variant in product.variants:
        for option, names in variant.options.items():
            choices.setdefault(option, set()).add(value_of(option, names))
    several = [option for option, values in choices.items() if len(values) > 1]
    words = word_list("swaps")
    heard = [o for o in several for key in ("size", "colour") if key[:4] == o[:4].lower() and words.says(said, key)]
    return tuple(heard or several)
