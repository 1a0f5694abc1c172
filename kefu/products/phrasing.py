"""Reasons in the model's words: one short sentence a product, shown only when every claim in it is stored.

The model sees the product's data and what of it meets the wish, never the wish itself: a small one would describe what
was asked for. A sentence with an unsupported claim is written once more, then the reason from the records stands. Knows
no surface.
"""

from __future__ import annotations

import re
import string
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from kefu import script_lock
from kefu.control_tokens import harmless
from kefu.events import ModelError
from kefu.languages import LANGUAGES
from kefu.llm import LLM, Finished, TextDelta
from kefu.products.assortment import Assortment
from kefu.products.claims import first_sentence, one_line, pointed, unsupported
from kefu.products.facts import properties
from kefu.products.reasons import Reason
from kefu.products.recommend import Recommended
from kefu.products.wording import unfounded
from kefu.reply_guard import Drift, ReplyGuard
from kefu.script_lock import Dialect
from kefu.shop_words import joined
from shop.search import Hit

_PROMPTS = Path(__file__).parent.parent / "prompts"
_MAX_TOKENS = 80
_TRIES = 2
_NO_PROPERTIES = {"price", "history", "listed_at"}  # what a reason of the records says beside what the product is like
_LONGEST = 220  # characters of one reason
_LABELS = re.compile(r"[:：](?!\d)")  # "For: men"

_Tried = tuple[str, list[str]]  # a sentence, and what is wrong with it


@dataclass(frozen=True)
class Phrased:
    """A product's reason, and what was wrong with the sentences that were not shown, for staff."""

    product: str
    reason: Reason
    rejected: tuple[str, ...] = ()


async def phrased(
    llm: LLM, lock: Dialect | None, assortment: Assortment, found: Recommended
) -> AsyncGenerator[Phrased, None]:
    """The reasons of what was found, one by one, in order. A model that is away costs the words, not the reason."""
    for hit in found.shown:
        rejected: list[str] = []
        tried: _Tried | None = None
        reason = found.reasons[hit.product.id]
        try:
            for _ in range(_TRIES):
                said, why = await _sentence(llm, lock, assortment, found, hit, tried)
                if not why:
                    claims = pointed(said, hit, found.intent, assortment.vocabulary)
                    reason = Reason(text=said, claims=claims, by="model")
                    break
                rejected.append(f"{said} [{', '.join(why)}]")
                tried = said, why
        except ModelError as error:
            rejected.append(str(error))
        yield Phrased(hit.product.id, reason, tuple(rejected))


async def _sentence(
    llm: LLM, lock: Dialect | None, assortment: Assortment, found: Recommended, hit: Hit, tried: _Tried | None
) -> _Tried:
    """What the model says of a product, and what is wrong with it; `tried`: what it said before."""
    intent, told = found.intent, properties(hit.product, found.intent.language)
    claims = [claim for claim in found.reasons[hit.product.id].claims if claim.attribute not in _NO_PROPERTIES]
    met = joined((claim.text for claim in claims), intent.language)
    asked = _asked(told, met)
    messages = [*_beginning(intent.language), {"role": "user", "content": asked}]
    if tried and tried[0]:
        again = _filled("reason_again.md", why=harmless(", ".join(tried[1])))
        messages += [{"role": "assistant", "content": tried[0]}, {"role": "user", "content": again}]
    allowed = script_lock.quoted(intent.language, "", [told])
    extra = script_lock.request_fields(lock, script_lock.grammar(intent.language, allowed)) if lock else None
    written, said, cut = "", "", False
    async with aclosing(llm.stream(messages, max_tokens=_MAX_TOKENS, temperature=0.3, extra=extra)) as pieces:
        async for piece in pieces:
            written += piece.text if isinstance(piece, TextDelta) else ""
            cut = isinstance(piece, Finished) and piece.reason == "length"
            said = first_sentence(written)
            if not one_line(written).endswith(said):
                break  # a second sentence is not shown
    if not said or cut or len(said) > _LONGEST or _LABELS.search(said):
        return said[:_LONGEST], ["not one short sentence"]
    if drift := _drift(said, intent.language, allowed):
        return said, [drift]
    others = [other.product for other in found.shown]
    wrong = unsupported(said, hit, intent, found.limits, assortment.vocabulary, others)
    return said, wrong + unfounded(said, hit.product, claims, intent.language)


def _beginning(language: str) -> list[dict[str, str]]:
    """What every request of a language begins with: the instructions and the examples."""
    spoken = LANGUAGES[language]
    sent = [{"role": "system", "content": _filled("reason.md", language=spoken.name, native=spoken.native)}]
    for shown in _examples().get(language, ()):
        sent.append({"role": "user", "content": _asked(shown["facts"], shown["met"])})
        sent.append({"role": "assistant", "content": shown["reason"]})
    return sent


def _asked(told: str, met: str) -> str:
    return _filled("reason_product.md", facts=harmless(told), met=harmless(met))


@cache
def _examples() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = yaml.safe_load(
        (_PROMPTS / "reason_examples.yaml").read_text(encoding="utf-8")
    )
    return found


def _drift(said: str, language: str, allowed: Sequence[str]) -> str:
    """How a sentence left the shopper's language, in words; "" where it did not."""
    guard = ReplyGuard(language, allowed)
    try:
        guard.feed(said)
        guard.end()
    except Drift as drift:
        return str(drift)
    return ""


def _filled(name: str, **values: str) -> str:
    return string.Template((_PROMPTS / name).read_text(encoding="utf-8")).substitute(values).strip()
