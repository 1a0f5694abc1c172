"""Reasons in the model's words: one short sentence a product, shown only when every claim in it is stored.

A sentence with an unsupported claim is written once more, then the reason from the records stands. Knows no surface.
"""

from __future__ import annotations

import string
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from kefu import script_lock
from kefu.control_tokens import harmless
from kefu.events import ModelError
from kefu.languages import LANGUAGES
from kefu.llm import LLM, TextDelta
from kefu.products.assortment import Assortment
from kefu.products.claims import first_sentence, pointed, unsupported
from kefu.products.facts import facts
from kefu.products.reasons import Reason
from kefu.products.recommend import Recommended
from kefu.reply_guard import Drift, ReplyGuard
from kefu.script_lock import Dialect
from shop.search import Hit

_PROMPTS = Path(__file__).parent.parent / "prompts"
_MAX_TOKENS = 80
_TRIES = 2
_LONGEST = 220  # characters of one reason


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
        reason = found.reasons[hit.product.id]
        try:
            for _ in range(_TRIES):
                said, why = await _sentence(llm, lock, assortment, found, hit)
                if not why:
                    claims = pointed(said, hit, found.intent, assortment.vocabulary)
                    reason = Reason(text=said, claims=claims, by="model")
                    break
                rejected.append(f"{said} [{', '.join(why)}]")
        except ModelError as error:
            rejected.append(str(error))
        yield Phrased(hit.product.id, reason, tuple(rejected))


async def _sentence(
    llm: LLM, lock: Dialect | None, assortment: Assortment, found: Recommended, hit: Hit
) -> tuple[str, list[str]]:
    """What the model says of a product, and what is wrong with it."""
    intent, told = found.intent, facts(hit.product, found.intent.language)
    spoken = LANGUAGES[intent.language]
    system = _filled("reason.md", language=spoken.name, native=spoken.native)
    user = _filled("reason_product.md", wish=harmless(intent.text), facts=harmless(told))
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    allowed = script_lock.quoted(intent.language, intent.text, [told])
    extra = script_lock.request_fields(lock, script_lock.grammar(intent.language, allowed)) if lock else None
    written = ""
    async with aclosing(llm.stream(messages, max_tokens=_MAX_TOKENS, temperature=0.3, extra=extra)) as pieces:
        async for piece in pieces:
            written += piece.text if isinstance(piece, TextDelta) else ""
    said = first_sentence(written)
    if not said or len(said) > _LONGEST:
        return said[:_LONGEST], ["too long or empty"]
    if drift := _drift(said, intent.language, allowed):
        return said, [drift]
    others = [other.product for other in found.shown]
    return said, unsupported(said, hit, intent, found.limits, assortment.vocabulary, others)


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
