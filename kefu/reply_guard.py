"""Reads a reply while it streams, and stops it before the shopper has read a line in a wrong script or language.

Knows no model and no passages: text in, text out, or `Drift`. What happens then is for the turn to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from kefu.language_evidence import clean, english_words, script, telling_words, vietnamese_letters
from kefu.languages import Voice, detect
from kefu.script_lock import exceptions, foreign, own, stray

_STEP = 10  # characters between two looks at the language, if no sentence ends before
_LINE = 80  # characters
# How many different words tell English, how many another language: names and addresses of other languages have more
# than proper nouns in them ("phường Bến Nghé, quận 1"). What stands alone needs fewer than what is pieced together.
_SENTENCE, _JOINED, _WHOLE = (5, 7), (6, 8), (4, 4)
_LONG, _WINDOW = 100, 60  # of a sentence longer than that the newest characters are looked at by themselves
_HAN = 12.0  # as many words' worth of it, without kana, are no Japanese (kefu.language_evidence)

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
# What is quoted or in brackets may be in any language: a policy's name, a button, a term of law. Not for longer than a
# line, though, and a reply that begins with a quotation mark is no quotation. The newest one need not be closed yet.
_QUOTATION = re.compile(r"(?<=[\s\S])[“\"「『《(（«][^“”\"「」『』《》()（）«»\n]{0,80}(?:[”\"」』》)）»]|$)")

_TAG = re.compile(r"<\|\w|</?(?:shop|tool_call)>")  # of chat templates, and kefu.prompt's own
_TAG_BEGUN = re.compile(r"<[|/a-z_]{0,11}$")
_HEADING = re.compile(r"^#+ .+ › ", re.MULTILINE)  # a passage as the model is shown it
_PROMPTS = Path(__file__).parent / "prompts"


class Drift(Exception):
    """The reply left its language or script, or recites the prompt. Its text, in words for the log, says how."""


class ReplyGuard:
    """Follows one reply. Text is passed on at once, but for what might become a wrong letter, an allowed foreign
    string or a control token: that is held back until it is clear. Where the text is cut into chunks changes nothing.

    After `Drift`, at most about 80 characters in the wrong language have been passed on, and no wrong letter.
    """

    def __init__(self, language: str, allowed: Iterable[str] = (), voice: Voice = Voice.AUTO) -> None:
        self._language, self._voice = language, voice
        self._foreign, self._own, self._stray = foreign(language), own(language), stray(language)
        self._names = sorted(exceptions(language, allowed), key=len, reverse=True)
        self._held = ""
        self._said = ""  # what was passed on, without allowed foreign strings
        self._looked = 0  # how much of it a look has seen

    def feed(self, text: str) -> str:
        """The next chunk -> what may be shown now. Raises Drift."""
        return self._settle(self._held + text, over=False)

    def end(self) -> str:
        """What was held back when the reply ended. Raises Drift."""
        rest = self._settle(self._held, over=True)
        self._look(over=True)
        return rest

    def _settle(self, text: str, over: bool) -> str:
        at = 0
        while at < len(text) and (over or not self._undecided(text, at)):
            if name := next((name for name in self._names if text.startswith(name, at)), ""):
                self._said += " "
                at += len(name)
                continue
            if wrong := self._foreign.match(text, at) or _TAG.match(text, at):
                raise Drift(f"{wrong.group()} in a reply in {self._language}")
            self._said += text[at]
            if self._stray and self._stray.search(self._said, len(self._said) - 2):
                raise Drift(f"a mark on no letter in a reply in {self._language}: {self._said[-_LINE:]}")
            at += 1
            if self._look_is_due():
                self._look()
        self._held = text[at:]
        return text[:at]

    def _undecided(self, text: str, at: int) -> bool:
        """Whether more text may make an allowed string, or a tag, of what begins here."""
        rest = text[at : at + 24]
        return bool(_TAG_BEGUN.match(rest)) or any(
            len(rest) < len(name) and name.startswith(rest) for name in self._names
        )

    def _look_is_due(self) -> bool:
        sentence_ended = self._said[-1] in "。！？\n" or self._said[-2:] in (". ", "! ", "? ")
        return sentence_ended or len(self._said) - self._looked >= _STEP

    def _look(self, over: bool = False) -> None:
        self._looked = len(self._said)
        if recited := _HEADING.search(self._said) or _instructions().search(self._said):
            raise Drift(f"words of the prompt: {recited.group()}")
        plain = _QUOTATION.sub(" ", self._said)
        told = list(self._told(plain))
        if over and len(plain) <= _LINE and not (self._own and self._own.search(plain)):
            told.append(self._tell(plain, *_WHOLE))
        if other := next((language for language in told if language not in (None, self._language)), None):
            raise Drift(f"{other} in a reply in {self._language}: {plain[-_LINE:].strip()}")

    def _told(self, plain: str) -> Iterator[str | None]:
        """The languages that the newest part of the reply tells."""
        sentences = [s for s in _SENTENCE_END.split(plain) if not s.isspace()] or [""]
        newest = sentences[-1]
        if self._own:
            yield self._tell(self._own.split(plain)[-1][-_LINE:], *_SENTENCE)  # what follows its own last letter
            yield self._tell_han(newest)
            return
        language = self._tell(newest, *_SENTENCE)
        yield language
        if language is None:
            yield self._tell(" ".join(sentences[-2:]), *_JOINED) or self._tell(" ".join(sentences[-3:]), *_JOINED)
        if len(newest) > _LONG:
            yield self._tell(newest[-_WINDOW:], *_JOINED)

    def _tell(self, text: str, english: int, others: int) -> str | None:
        words, enough = telling_words(clean(text))
        if not enough or text.isupper():  # capitals alone are codes
            return None
        found = detect(text, conversation=self._language, voice=self._voice).language
        if found == self._language:
            return found
        if found != "en" and 10 * english_words(words) > len(words):
            return None
        if found == "vi" and not vietnamese_letters(words):  # French looks like it to a detector, without its letters
            return None
        return found if len(set(words)) >= (english if found == "en" else others) else None

    def _tell_han(self, sentence: str) -> str | None:
        """Chinese or Japanese: both have its letters."""
        written = script(clean(sentence))
        if not written or written[0] != "Han" or written[2] < _HAN:
            return None
        return detect(sentence, conversation=self._language).language


@cache
def _instructions() -> re.Pattern[str]:
    """Finds what the prompts tell the model, word by word, but not who it is: a shopper may be told that."""
    texts = (file.read_text(encoding="utf-8") for file in sorted(_PROMPTS.glob("*.md")))
    sentences = (s.strip() for text in texts for s in re.split(r"[.:]\s+|\n", text) if "$shop_name" not in s)
    fixed = (part.strip(" .:") for s in sentences for part in re.split(r"\$\w+", s))
    long = [re.escape(part) for part in fixed if part.count(" ") >= 4]
    return re.compile("|".join(long or [r"(?!)"]), re.IGNORECASE)
