"""What a wish says between the lines, by a model whose answer a schema holds to the catalogue's values.

Every value comes with the shopper's own words for it; one whose words do not stand in the message, were understood
already or are nearer in meaning to another value is dropped: a small model invents more than it hears. What the word
lists understood stays. Without a model they alone are heard. Knows no search.
"""

from __future__ import annotations

import logging
import string
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, create_model

from kefu.events import ModelError
from kefu.llm import LLM
from kefu.products import intent as intents
from kefu.products.intent import Intent, Meant
from kefu.products.nearness import Nearness
from kefu.wants.ask_model import fill
from kefu.wants.looking_for import Vocabulary
from kefu.wants.spoken import Said, folded, word_list

log = logging.getLogger(__name__)
_PROMPTS = Path(__file__).parent.parent / "prompts"
_ASKED: tuple[intents.Field, ...] = (
    "recipient",
    "occasion",
    "category",
    "material",
    "style",
    "season",
    "fit",
    "feature",
)
_ALONE = frozenset({"category", "recipient"})  # of which the word lists' finding stands alone
_MOST = 6  # wishes in one message
_SHORTEST = 2  # letters of the words for one


async def understood(llm: LLM, vocabulary: Vocabulary, intent: Intent, nearness: Nearness | None = None) -> Intent:
    """The intent with what a model adds to it; the same one where the model is away or gives nothing of use.
    `nearness`: holds the model's values against the meaning of the words; None takes its word for them."""
    shape = _shape(tuple(_values(vocabulary)))
    values = ", ".join(_values(vocabulary))
    instructions = string.Template((_PROMPTS / "wish.md").read_text(encoding="utf-8")).substitute(values=values).strip()
    try:
        filled = await fill(llm, shape, instructions, _examples(shape, vocabulary), intent.text)
    except ModelError as error:
        log.warning("a wish is understood by its words alone: %s: %s", type(error).__name__, error)
        return intent
    heard = [(one["words"], one["value"]) for one in filled.model_dump()["heard"]] if filled else []
    told = [(words.strip(), value) for words, value in heard if _stands(words, value, vocabulary, intent)]
    if nearness:
        told = await nearness.bears_out(told, vocabulary, intent.language)
    fields = _values(vocabulary)
    added = {
        value: Meant(field=fields[value], value=value, said=words, of=vocabulary.means(fields[value], value) or ())
        for words, value in reversed(told)
    }
    return intent.model_copy(update={"meant": (*intent.meant, *reversed(added.values()))})


def _stands(words: str, value: str, vocabulary: Vocabulary, intent: Intent) -> bool:
    """Whether a value's words stand in the message, are not understood already, and refuse nothing."""
    field, quoted = _values(vocabulary).get(value), folded(words).strip()
    if field is None or len(quoted) < _SHORTEST or quoted not in folded(intent.text):
        return False
    if field in _ALONE and intent.values(field):
        return False
    known = [folded(one) for one in (*(meant.said for meant in intent.meant), intent.budget_said) if one]
    if any(one in quoted or quoted in one for one in known):
        return False
    return not word_list("looking_for").says(Said.of(words, intent.language), "not")


def _values(vocabulary: Vocabulary) -> dict[str, intents.Field]:
    """Every value that can be meant, with its field; a value that two fields have is the first one's."""
    found: dict[str, intents.Field] = {}
    for field in _ASKED:
        for value in vocabulary.listed(field):
            found.setdefault(value, field)
    return found


@lru_cache(maxsize=8)
def _shape(values: tuple[str, ...]) -> type[BaseModel]:
    """The answer's schema: a list of the shopper's words with one of the values each."""
    value = Literal[values]  # type: ignore[valid-type]
    words = (str, Field(max_length=40))
    one = create_model("Wish", __config__=ConfigDict(extra="forbid"), words=words, value=(value, ...))
    heard = (list[one], Field(max_length=_MOST))
    return create_model("Wishes", __config__=ConfigDict(extra="forbid"), heard=heard)


def _examples(shape: type[BaseModel], vocabulary: Vocabulary) -> list[tuple[str, BaseModel]]:
    """Those of the examples whose values the catalogue knows."""
    known = _values(vocabulary)
    return [
        (
            shown["text"],
            shape.model_validate({"heard": [{"words": w, "value": v} for w, v in shown["heard"] if v in known]}),
        )
        for shown in _shown()
    ]


@cache
def _shown() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((_PROMPTS / "wish_examples.yaml").read_text(encoding="utf-8"))
    return found
