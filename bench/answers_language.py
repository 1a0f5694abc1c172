"""Which language a whole reply is in, judged apart from the guard that holds it there: letters, then plain langdetect.

A reply is cut into stretches of one script and into sentences; each tells a language or nothing. Names that a reply
may quote, quotations, addresses and codes are left out before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bench.answers_desk import Answer, Question
from kefu.script_lock import foreign, quoted

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|『[^』]*』|《[^》]*》|\([^)]*\)|（[^）]*）")
_CODES = re.compile(r"https?://[!-~]+|[!-~]+@[!-~]+|[!-~]*\d[!-~]*")
_SENTENCE = re.compile(r"[.!?:;。！？：；\n]+")
_SCRIPTS = {  # a stretch of each, how many letters tell, and the language
    "th": (re.compile("[\u0e01-\u0e4e]"), 6),
    "zh": (re.compile("[\u3400-\u9fff]"), 4),
    "ja": (re.compile("[\u3041-\u30fa]"), 4),
    "ko": (re.compile("[\uac00-\ud7a3]"), 4),
}
_NOT_LATIN = re.compile("[\u0e01-\u0e4e\u3041-\u30fa\u3400-\u9fff\uac00-\ud7a3]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_VIETNAMESE = re.compile("[ăâđêôơư\u1ea0-\u1ef9]")
_MIN_WORDS = 4  # without capitals, of a Latin sentence that tells: names and addresses are in no language
_MIN_WORDS_OTHER = 8  # of one that is neither English nor Vietnamese
_SURE = 0.9  # langdetect's probability from which a sentence in any other language counts
_FUNCTION_WORDS = frozenset(
    "the a an of to in on for from with by at is are was be been will would can could may must not no and or if it its "
    "this that these your you we our us they their i my me have has do does please as so but when which".split()
)
OUTCOMES = {
    "right": "right",
    "untold": "tells no language",
    "letters": "right but for wrong letters",
    "wrong": "wrong or mixed",
    "given up": "given up",
}


@dataclass(frozen=True)
class Judged:
    """A reply under some walls."""

    walls: str
    answer: Answer
    outcome: str
    told: frozenset[str] = frozenset()  # the languages in it
    letters: str = ""  # those of a wrong script
    drift: str = ""  # why the guard stopped the model's first try

    @property
    def question(self) -> Question:
        return self.answer.question


def judged(walls: str, answer: Answer) -> Judged:
    """What a reply is like to its shopper: judged against the question's language, not the one that was detected."""
    language = answer.question.language
    stopped = answer.traces.get("drift")
    drift = str(stopped[0]["why"]) if stopped else ""
    if not answer.text:
        return Judged(walls, answer, "given up", drift=drift)
    names, plain = _names(answer), answer.text
    for name in names:
        plain = plain.replace(name, " ")
    told, letters = frozenset(languages(plain) or _of_few_words(plain)), "".join(foreign(language).findall(plain))
    if told - {language}:
        outcome = "wrong"
    elif letters:
        outcome = "letters"
    else:
        outcome = "right" if told else "untold"
    return Judged(walls, answer, outcome, told, letters, drift)


def _names(answer: Answer) -> tuple[str, ...]:
    """The foreign strings that the reply may have, the longest first."""
    names = quoted(answer.question.language, answer.question.text, [source.text for source in answer.sources])
    return tuple(sorted(names, key=len, reverse=True))


def languages(reply: str) -> set[str]:
    """The languages that stretches of a reply tell; empty for one that tells none ("30", "Visa, JCB")."""
    plain = _CODES.sub(" ", _QUOTED.sub(" ", reply))
    told = {language for language, (letter, least) in _SCRIPTS.items() if len(letter.findall(plain)) >= least}
    if "ja" in told:
        told -= {"zh"}
    latin = _NOT_LATIN.sub("\n", plain)
    return told | {language for sentence in _SENTENCE.split(latin) for language in _of_latin(sentence)}


def _of_few_words(reply: str) -> set[str]:
    """The language of a reply too short to be sure: any letter of a script, any Vietnamese one, plain words."""
    told = {language for language, (letter, _) in _SCRIPTS.items() if letter.search(reply)}
    if told:
        return told
    if _VIETNAMESE.search(reply):
        return {"vi"}
    return (
        {"en"}
        if reply.isascii() and len([w for w in _WORD.findall(reply) if w.islower() and len(w) > 1]) > 1
        else set()
    )


def _of_latin(sentence: str) -> Iterator[str]:
    found = _WORD.findall(sentence)
    words = [word for word in found if word.islower()]
    if len(words) < _MIN_WORDS:
        return
    if sum(bool(_VIETNAMESE.search(word)) for word in words) >= 0.25 * len(words):
        yield "vi"
    elif len(_FUNCTION_WORDS.intersection(word.lower() for word in found)) >= 2:
        yield "en"
    elif len(words) >= _MIN_WORDS_OTHER and (other := _heard(sentence)):
        yield other


def _heard(sentence: str) -> str | None:
    from langdetect import DetectorFactory, LangDetectException, detect_langs  # type: ignore[import-untyped]

    DetectorFactory.seed = 0
    try:
        best = detect_langs(sentence)[0]
    except LangDetectException:  # nothing that it knows
        return None
    return str(best.lang) if best.prob >= _SURE and best.lang not in ("en", "vi") else None
