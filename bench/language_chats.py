"""Simulated conversations: does the language follow the shopper from turn to turn?

Knows the lines it is given and how shoppers mix them with what says nothing; detects only through what is handed in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from bench.language_lines import Line

# What shoppers send between sentences, in any language.
SIGNS = ("ok", "OK", "okk", "👍", "😂😂", "🙏", "❤️", "?", "...", "!!!", "123", "2", "10/11", "299.000", "#W2611340",
         "W7390021", "KF-20261103-8847", "SF1390275518462", "iPhone 15", "AirPods Pro", "Nike", "size M", "XL", "38.5",
         "COD", "hi", "hello", "0912345678", "me.too88@mail.example", "https://shop.example/p/88213",
         "IMG_2034.jpg", "PayPal")  # fmt: skip
_LOCALES = {"zh": "zh-CN", "en": "en-GB", "vi": "vi-VN", "th": "th-TH"}
_SIGN, _SWITCH, _OWN_BROWSER, _TONELESS = 0.3, 0.08, 0.6, 1 / 3


@dataclass(frozen=True)
class Turn:
    """What the shopper sends, and the language they are in when they send it."""

    text: str
    language: str
    sign: bool
    switched: bool


@dataclass(frozen=True)
class Chat:
    """A conversation: the browser's locale, and 5 to 10 turns."""

    locale: str
    turns: list[Turn]


def chats(lines: Iterable[Line], count: int, seed: int = 1) -> list[Chat]:
    """`count` seeded conversations of these lines.

    A shopper has one of four languages; their browser is set to it in 60 % of the chats, else to English. The first
    turn is a line; later ones are in 30 % of the cases a sign ("ok", emoji, an order number), which leaves the language
    as it is, and in 8 % of the rest the shopper changes to another language, with a full sentence, and stays there. A
    third of the shoppers type Vietnamese without marks. No line is left out as too hard.
    """
    random = Random(seed)
    pool: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        pool[line.language, "toneless" if line.kind == "toneless" else "plain"].append(line.text)
        if line.kind == "full":
            pool[line.language, "full"].append(line.text)
    return [_chat(random, pool) for _ in range(count)]


def _chat(random: Random, pool: dict[tuple[str, str], list[str]]) -> Chat:
    language = random.choice(tuple(_LOCALES))
    locale = _LOCALES[language] if random.random() < _OWN_BROWSER else "en-US"
    toneless = random.random() < _TONELESS
    turns: list[Turn] = []
    for turn in range(random.randint(5, 10)):
        sign = switched = False
        if turn and random.random() < _SIGN:
            text, sign = random.choice(SIGNS), True
        elif turn and random.random() < _SWITCH:
            language = random.choice([other for other in _LOCALES if other != language])
            text, switched = random.choice(pool[language, "full"]), True
        else:
            text = random.choice(pool[language, "toneless" if toneless and language == "vi" else "plain"])
        turns.append(Turn(text, language, sign, switched))
    return Chat(locale, turns)


def follow(talks: Iterable[Chat], detect: Callable[[str, str | None, str], str]) -> dict[str, list[int]]:
    """For each kind of turn, [right, all]; a wrong turn misleads the ones after it, as it would at a desk."""
    counts = {"sentence": [0, 0], "sign": [0, 0], "switch": [0, 0]}
    for talk in talks:
        heard: str | None = None
        for turn in talk.turns:
            heard = detect(turn.text, heard, talk.locale)
            count = counts["switch" if turn.switched else "sign" if turn.sign else "sentence"]
            count[0] += heard == turn.language
            count[1] += 1
    return counts
