"""Decoding held to the reply's script: a grammar under which the model cannot write letters of another one.

Knows no prompt and no shop. Which server takes a grammar, and in which field, is found out by asking it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from enum import StrEnum
from functools import cache
from typing import Any

from kefu.events import ModelRefused
from kefu.language_evidence import SCRIPTS
from kefu.languages import LANGUAGES
from kefu.llm import LLM, TextDelta

# The letters of every script but Latin and Greek (32 Ω, Sony α7). Between the ranges lie digits, punctuation, currency
# signs and symbols, all at home in every text.
_LETTERS = (
    "\u0400-\u05ff\u0620-\u0e3e\u0e40-\u0e4e\u0e5c-\u1cff\u2e80-\u2fdf\u3041-\u30fa\u30fd-\u318e\u31a0-\u31ff"
    "\u3400-\ud7ff\uf900-\ufdff\ufe70-\ufefc\uff66-\uffdc\U00010300-\U0001cfff\U00020000-\U000323af"
)
_WIDE = "\u3001\u3002\u3008-\u3011\u3014-\u301f\uff01-\uff60"  # the punctuation of Chinese and Japanese
_MARKS = {"th": "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"}  # stand above or below a letter of their own script, never "D่"
_SCRIPTS = {"ja": ("Kana", "Han")}  # of a language that has more than the one in the table

_LONGEST, _MOST = 20, 20  # characters of an allowed foreign string, and how many of them there may be
_QUOTED = re.compile(rf"[「『《“\"]([^「」『』《》“”\"\n]{{1,{_LONGEST}}})[」』》”\"]")
_NONSENSE = "zqxjkv"  # no answer to a greeting begins like this by chance
_NAME = r'"ส่ง\"'  # has all that a grammar may have to escape
_WRONG_FIELD = (400, 422)  # how a server refuses a field that it does not know, or whose grammar it cannot take


class Dialect(StrEnum):
    """The request field in which a server takes a grammar: llama.cpp, vLLM (0.12 and later), SGLang."""

    GRAMMAR = "grammar"
    STRUCTURED_OUTPUTS = "structured_outputs"
    EBNF = "ebnf"


@cache
def foreign(language: str) -> re.Pattern[str]:
    """Matches one letter that a text in this language does not have. Latin letters are at home everywhere."""
    own = _ranges(language)
    return re.compile(f"(?![{own}])[{_LETTERS}]" if own else f"[{_LETTERS}]")


@cache
def stray(language: str) -> re.Pattern[str] | None:
    """Matches the end of a text that puts a mark of the language on no letter of its script; None where it has none."""
    marks = _MARKS.get(language)
    return re.compile(f"(?<![{_ranges(language)}])[{marks}]\\Z") if marks else None


@cache
def own(language: str) -> re.Pattern[str] | None:
    """Matches one letter of the language's own script; None where that is Latin."""
    ranges = _ranges(language)
    return re.compile(f"[{ranges}]") if ranges else None


def grammar(language: str, allowed: Iterable[str] = ()) -> str:
    """The grammar (GBNF, which xgrammar reads too) of a reply in this language: any characters but foreign letters and
    wide punctuation, and, of foreign strings, those `allowed`: up to 20, of up to 20 characters each."""
    return f"root ::= {_reply(language, allowed)}"


def _reply(language: str, allowed: Iterable[str]) -> str:
    # Characters stand for themselves: of the escapes that llama.cpp and xgrammar know, vLLM's guidance makes nonsense
    own, marks = _ranges(language), _MARKS.get(language)
    others = _LETTERS if "Han" in _scripts(language) else _LETTERS + _WIDE
    letters = [f"[^{others}]"]
    if marks:
        letters.append(f"[{_without(own, marks)}] [{marks}]*")
    elif own:
        letters.append(f"[{own}]")
    escaped = (name.replace("\\", r"\\").replace('"', r"\"") for name in exceptions(language, allowed))
    names = [f'"{name}"' for name in escaped]
    return f"({' | '.join([*letters, *names])})+"


def exceptions(language: str, allowed: Iterable[str]) -> list[str]:
    """Those of the allowed strings that have a foreign letter and are printable and within bounds, each once."""
    letters = foreign(language)
    short = (name for name in dict.fromkeys(allowed) if len(name) <= _LONGEST + 2 and name.isprintable())
    return [name for name in short if letters.search(name)][:_MOST]


def quoted(language: str, message: str, sources: Iterable[str]) -> tuple[str, ...]:
    """The foreign strings that a reply may have: the shopper's own foreign words, and names that stand in quotation
    marks in the sources. Those keep marks, the source's or straight ones: the rest of a foreign source stays out."""
    return tuple(exceptions(language, [*_words(language, message), *_names(sources)]))


def _words(language: str, message: str) -> Iterator[str]:
    for run in re.finditer(f"(?:{foreign(language).pattern})+", message):
        if len(run.group()) <= _LONGEST:
            yield run.group()


def _names(sources: Iterable[str]) -> Iterator[str]:
    for source in sources:
        for name in _QUOTED.finditer(source):
            yield name.group()
            yield f'"{name[1]}"'


def request_fields(dialect: Dialect, grammar: str) -> dict[str, Any]:
    """What a request carries for its answer to follow the grammar. Servers refuse it beside tools."""
    return {dialect.value: {"grammar": grammar} if dialect is Dialect.STRUCTURED_OUTPUTS else grammar}


async def probe(llm: LLM) -> Dialect | None:
    """How this server takes a grammar, or None. Servers ignore fields that they do not know, so each is tried with a
    grammar under which the answer can only begin with a nonsense word, for one token; the rest of it is a real lock,
    for there are servers that choke on that. Raises ModelError where the server does not answer.

    A model that thinks before it answers is not heard to obey: for that it would have to think to the end."""
    beginning = f'root ::= "{_NONSENSE}" {_reply("zh", [_NAME])}'
    for dialect in Dialect:
        try:
            said = await _first_token(llm, request_fields(dialect, beginning))
        except ModelRefused as error:
            if error.status not in _WRONG_FIELD:
                raise
            continue
        if said and _NONSENSE.startswith(said):
            return dialect
    return None


async def _first_token(llm: LLM, fields: dict[str, Any]) -> str:
    hello = [{"role": "user", "content": "Hello."}]
    async with aclosing(llm.stream(hello, max_tokens=1, extra=fields)) as pieces:
        return "".join([piece.text async for piece in pieces if isinstance(piece, TextDelta)])


def _scripts(language: str) -> tuple[str, ...]:
    return _SCRIPTS.get(language, (LANGUAGES[language].script,))


@cache
def _without(ranges: str, marks: str) -> str:
    """The characters of the ranges that are no marks, as inside a character class."""
    letters = re.compile(f"(?![{marks}])[{ranges}]")
    return "".join(c for c in map(chr, range(0x0E00, 0x0E80)) if letters.match(c))


def _ranges(language: str) -> str:
    """The ranges of the language's scripts, as inside a character class; none for Latin."""
    return "".join(SCRIPTS[name][0].pattern[1:-1] for name in _scripts(language) if name in SCRIPTS)
