"""Which items of an order a message is about: "the dress", "cả hai", "ทั้งหมด", "第二件", "one of the two shirts".

Knows the items and the words, not what is to be done with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kefu.wants.counting import LAST, Place, count, places
from kefu.wants.described import contradicts, description, likeness, names_looks, names_things, of_item
from kefu.wants.spoken import LATIN, Said, word_list
from shop.views import Item

Why = Literal["all", "described", "place", "only", "how_many", "unclear"]

_BOTH = {"both": 2, "all_three": 3}
AND = re.compile(
    rf"[,，、;；&+\n]|(?<![{LATIN}])(?:and|plus|và|cùng|với|va)(?![{LATIN}])|和|跟|与|以及|还有|及|และ|กับ|แล้วก็"
)
_PLURAL = re.compile(
    r"(?<![a-z])(?:both|these|those|the two|hai cái|các|những|mấy)(?![a-z])|这些|那些|两件|两个|เหล่านี้|ทั้งสอง"
)
_SHIRTS = re.compile(
    r"(?<![a-z])(?:the|my|these|those) (?:[a-z-]+ )?(?!jeans|pants|trousers|shorts|shoes"
    r"|glasses)[a-z-]*[^s\W]s(?![a-z'’])"
)
_ONE_OF = re.compile(
    r"(?<![a-z])(?:one|một|1) (?:of|trong|cái trong|chiếc trong)(?![a-z])|其中一|里面一|ใน(?:สอง|2)|หนึ่งใน"
)


@dataclass(frozen=True)
class ItemsMeant:
    """The ids that are meant, or else those to be asked about: "how_many" where equal units leave only that open."""

    items: tuple[str, ...]
    candidates: tuple[str, ...]
    why: Why


def items_meant(text: str, language: str, items: Sequence[Item]) -> ItemsMeant:
    """The items of `items` that the text is about. All ids come from there, in its order."""
    return items_in(Said.of(text, language).without_numbers(), items)


def items_in(said: Said, items: Sequence[Item]) -> ItemsMeant:
    """As `items_meant`, for a message that was folded already."""
    words = word_list("items")
    if words.says(said, "except") and (without := _without_kept(said, items)):
        return _clear(without, "described", items)
    chosen = _described(said, items)
    every = words.says(said, "all") or any(words.says(said, key) for key, n in _BOTH.items() if n == len(items))
    if every and (chosen is None or len(chosen) == len(items)):
        return _clear(items, "all", items)
    named = [place for place in places(said) if place.of != "order"]
    if named and (placed := _placed(named, chosen or items)):
        return _clear(placed, "place", items)
    if chosen is not None:
        return _narrowed(said, chosen, items)
    if len(items) == 1 and not description(said).kinds:
        return _clear(items, "only", items)
    return ItemsMeant((), tuple(item.id for item in items), "unclear")


def _described(said: Said, items: Sequence[Item]) -> list[Item] | None:
    """Those that the parts of the text describe best; None where nothing is described."""
    parts = said.split(AND)
    if any(names_things(part, items) for part in parts):
        parts = [part for part in parts if names_things(part, items) or names_looks(part)]
    found = [item for part in parts for item in best(part, items)]
    return [item for item in items if item in found] if found else None


def best(said: Said, items: Sequence[Item]) -> list[Item]:
    """The items that one phrase describes best, equally well; none where it describes nothing."""
    told = description(said)
    fitting = [item for item in items if not contradicts(told, of_item(item))]
    if not fitting and said.restored:  # without its marks, what looks like a colour may be none
        fitting = list(items)
    scores = {item.id: likeness(said, [item]) for item in fitting}
    most = max(scores.values(), default=0.0)
    return [item for item in fitting if most > 0 and scores[item.id] == most]


def _narrowed(said: Said, chosen: Sequence[Item], items: Sequence[Item]) -> ItemsMeant:
    """Of those that fit, as many as are asked for. Each phrase may mean one; several that fit one phrase are asked
    about, unless all are meant."""
    wanted, clear, words = count(said), [], word_list("items")
    if any(words.says(said, key) for key in ("all", *_BOTH)) or (
        _PLURAL.search(said.text) and not _ONE_OF.search(said.text)
    ):
        return _clear(chosen, "described", items)
    for part in said.split(AND):
        fitting = [item for item in best(part, items) if item in chosen]
        alike = {(item.variant, item.price.amount) for item in fitting}
        number = 1 if _ONE_OF.search(part.text) else count(part) or wanted
        if len(fitting) <= 1 or number == len(fitting) or _is_plural(part):
            clear += fitting
        elif len(alike) == 1 and number and number < len(fitting):
            clear += fitting[:number]
        else:
            why: Why = "how_many" if len(alike) == 1 else "unclear"
            return ItemsMeant((), tuple(item.id for item in chosen), why)
    return _clear(clear, "described", items)


def _is_plural(said: Said) -> bool:
    """Whether an English phrase names several: "the shirts", but not "the jeans"."""
    return bool(_SHIRTS.search(said.text) and description(said).kinds)


def _without_kept(said: Said, items: Sequence[Item]) -> list[Item]:
    """What is left beside that which is named after "except", "keep", "trừ"; none where nothing is named there."""
    starts = [span for span in word_list("items").spans(said, ["except"])]
    after = max(span.end for span in starts)
    before, tail = said.part(0, min(span.start for span in starts)), said.part(after, len(said.text)).split(AND)
    kept = best(tail[0], items) if tail else []
    named = [item for part in (before, *tail[1:]) for item in best(part, items)] or items
    return [item for item in named if item not in kept] if kept else []


def _placed(named: Sequence[Place], items: Sequence[Item]) -> list[Item]:
    return [items[-1 if p.at == LAST else p.at - 1] for p in named if p.at == LAST or p.at <= len(items)]


def _clear(meant: Sequence[Item], why: Why, items: Sequence[Item]) -> ItemsMeant:
    ids = {item.id for item in meant}
    return ItemsMeant(tuple(item.id for item in items if item.id in ids), (), why)
