"""What a wish says between the lines, by a model whose answer a schema holds to the catalogue's values.

Every value comes with the shopper's own words for it; one whose words do not stand in the message is dropped, and what
the word lists understood stays. Without a model the word lists alone are heard. Knows no search.
"""

from __future__ import annotations

import logging
import string
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, create_model

from kefu.events import ModelError
from kefu.llm import LLM
from kefu.products import intent as intents
from kefu.products.intent import Intent, Meant
from kefu.wants.ask_model import fill
from kefu.wants.looking_for import Vocabulary
from kefu.wants.spoken import folded

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


async def understood(llm: LLM, vocabulary: Vocabulary, intent: Intent) -> Intent:
    """The intent with what a model adds to it; the same one where the model is away or gives nothing of use."""
    shape = _shape(tuple(_values(vocabulary)))
    values = ", ".join(_values(vocabulary))
    instructions = string.Template((_PROMPTS / "wish.md").read_text(encoding="utf-8")).substitute(values=values).strip()
    try:
        filled = await fill(llm, shape, instructions, _examples(shape, vocabulary), intent.text)
    except ModelError as error:
        log.warning("a wish is understood by its words alone: %s: %s", type(error).__name__, error)
        return intent
    heard = [(one["words"], one["value"]) for one in filled.model_dump()["heard"]] if filled else []
    return intent.model_copy(update={"meant": (*intent.meant, *_added(heard, vocabulary, intent))})


def _added(heard: Sequence[tuple[str, str]], vocabulary: Vocabulary, intent: Intent) -> list[Meant]:
    """What the model heard that stands in the shopper's words, and that the lists did not hear."""
    said, taken = folded(intent.text), {meant.field for meant in intent.meant}
    refused = [folded(meant.said) for meant in intent.meant if meant.field == "must_not"]
    known = {meant.value for meant in intent.meant}
    found: dict[str, Meant] = {}
    for words, value in heard:
        field = _values(vocabulary).get(value)
        stands = len(words.strip()) >= _SHORTEST and folded(words).strip() in said
        if field is None or not stands or value in known or any(one in folded(words) for one in refused):
            continue
        if field in _ALONE and field in taken:
            continue
        of = vocabulary.means(field, value) or ()
        found.setdefault(value, Meant(field=field, value=value, said=words.strip(), of=of))
    return list(found.values())


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
