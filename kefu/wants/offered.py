"""What may be meant, offered to choose from: as a card, and as the answer to it. Knows intents and words, no order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from kefu.card_shapes import Action, ChoicesCard
from kefu.wants.counting import LAST, places
from kefu.wants.labelled import INTENTS, Intent
from kefu.wants.spoken import Said, folded
from kefu.words import FOLDER, say, word
from shop import numbers

_ALONE = re.compile(r"\W*([1-9])\W*")


def choices_card(intents: Sequence[Intent], language: str) -> ChoicesCard:
    """What each intent is called; choosing one says just that."""
    called = [word(language, "wish", intent) for intent in intents]
    actions = tuple(Action(label=text, message=text) for text in called)
    return ChoicesCard(language=language, title=say(language, "choices_title"), choices=actions)


def said_as_offered(text: str) -> Intent | None:
    """The intent whose name on a card this is, in any of the shop's languages."""
    return _names().get(folded(text).strip())


def chosen(text: str, offered: Sequence[Intent], language: str) -> Intent | None:
    """Which of those that were offered a message chooses, by its name or its place ("2", "the first one")."""
    if (named := said_as_offered(text)) in offered:
        return named
    alone = _ALONE.fullmatch(numbers.plain(text))
    at = [int(alone[1])] if alone else [place.at for place in places(Said.of(text, language)) if place.of == "one"]
    if len(at) != 1 or not offered:
        return None
    return offered[-1] if at[0] == LAST else offered[at[0] - 1] if at[0] <= len(offered) else None


@cache
def _names() -> dict[str, Intent]:
    languages = [file.stem for file in FOLDER.glob("*.yaml")]
    return {folded(word(language, "wish", intent)): intent for language in languages for intent in INTENTS}
