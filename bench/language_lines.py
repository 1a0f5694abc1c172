"""Labelled lines to measure language detection on: our own under evals/, and other people's where a folder has them.

Knows how each source is laid out and how the kinds that a source lacks are made from its sentences; detects nothing.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from rag.tokens import strip_marks

EVALS = Path(__file__).parent.parent / "evals"
KINDS = ("full", "short", "caps", "noise", "mixed", "toneless")
LATIN = ("en", "vi")


@dataclass(frozen=True)
class Line:
    """One message, the language it is in, and where it comes from. `half` is "dev" (may be looked at) or "test"."""

    text: str
    language: str
    kind: str
    source: str
    half: str


def half(text: str) -> str:
    """Which half a line belongs to: fixed by its text, so that it never wanders."""
    return ("dev", "test")[hashlib.sha256(text.encode("utf-8")).digest()[0] % 2]


def ours() -> Iterator[Line]:
    """evals/language/<kind>/<language>.txt, one message a line; and the shoppers' questions beside it."""
    for path in sorted(EVALS.glob("language/*/*.txt")):
        for text in path.read_text(encoding="utf-8").splitlines():
            yield Line(text, path.stem, path.parent.name, "messages", half(text))


def questions() -> Iterator[Line]:
    """The questions of evals/*.yaml, written to measure answers: a conversation's last turn, with its language."""
    for name in ("main_job", "answerable", "unanswerable", "follow_ups"):
        for row in yaml.safe_load((EVALS / f"{name}.yaml").read_text(encoding="utf-8")):
            text = row["text"] if "text" in row else row["turns"][-1]
            yield Line(text, row["language"], "full", "questions", half(text))


# What shoppers put into and behind a sentence, for the kinds that other people's data does not have.
_NOISE = ("#W2611340", "KF-20261103-8847", "https://shop.example/p/88213?sku=red-l", "me.too88@mail.example", "😭😭",
          "!!!", "$45.90", "SF1390275518462", "👗✨", "2x 500ml", "IMG_2034.jpg", "v2.1", "38/39",
          "+66 81 234 5678")  # fmt: skip
_PRODUCTS = ("wireless earbuds", "size M", "iPhone 15 case", "Nike Air Force 1", "order", "gift card", "dress",
             "running shoes", "tracking number", "voucher", "Bluetooth speaker", "checkout", "hoodie",
             "refund")  # fmt: skip


# What a line must hold to be in its language at all: a name cut off from its question is in none.
_WRITTEN = {
    language: re.compile(letter)
    for language, letter in (
        ("zh", "[\u4e00-\u9fff]"),
        ("th", "[\u0e01-\u0e2e]"),
        ("vi", "[^\\x00-\\x7f]"),
        ("en", "[a-z]"),
    )
}


def _short(text: str, language: str, random: Random) -> str:
    if language in LATIN:
        words = text.rstrip("?.!").split()
        return " ".join(words[: random.randint(2, 5)])
    return text[: random.randint(4, 8)] if language == "zh" else text[: random.randint(8, 18)]


def _noise(text: str, language: str, random: Random) -> str:
    pieces = [text, *random.sample(_NOISE, random.randint(1, 3))]
    return " ".join(random.sample(pieces, len(pieces)))


def _mixed(text: str, language: str, random: Random) -> str:
    product, at = random.choice(_PRODUCTS), random.random() < 0.5
    return f"{text} {product}" if at else f"{product} {text}"


_DERIVED: dict[str, tuple[Callable[[str, str, Random], str], tuple[str, ...]]] = {
    "short": (_short, ("zh", "en", "vi", "th")),
    "caps": (lambda text, language, random: text.upper(), LATIN),
    "noise": (_noise, ("zh", "en", "vi", "th")),
    "mixed": (_mixed, ("zh", "vi", "th")),
    "toneless": (lambda text, language, random: strip_marks(text), ("vi",)),
}


def _with_derived(source: str, sentences: Iterable[tuple[str, str]]) -> Iterator[Line]:
    """Each (language, sentence) as it is and in every derived kind that its language has."""
    for language, text in sentences:
        if not _WRITTEN[language].search(text):
            continue
        yield Line(text, language, "full", source, half(text))
        for kind, (make, languages) in _DERIVED.items():
            if language in languages:
                made = make(text, language, Random(f"{kind} {text}"))
                if kind == "short" and not _WRITTEN[language].search(made):
                    continue
                yield Line(made, language, kind, source, half(text))


def _xquad(folder: Path) -> Iterator[tuple[str, str]]:
    for language in ("zh", "en", "vi", "th"):
        for path in folder.glob(f"xquad*/xquad.{language}*.json"):
            for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
                for paragraph in article["paragraphs"]:
                    yield from ((language, question["question"]) for question in paragraph["qas"])


def _bitext(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.glob("bitext/*.csv"):
        with path.open(encoding="utf-8") as rows:
            yield from (("en", row["instruction"]) for row in csv.DictReader(rows))


def _wisesight(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.glob("wisesight/*.txt"):
        yield from (("th", text) for text in path.read_text(encoding="utf-8").splitlines())


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}")
    elif isinstance(tree, str):
        yield path, tree


def _medusa(folder: Path) -> Iterator[tuple[str, str]]:
    """The words of a shop's back office in four languages; not single words, untranslated or with placeholders."""
    for path in folder.glob("medusajs-dashboard-*.tgz"):
        with tarfile.open(path) as archive:
            trees = {}
            for code in ("en", "vi", "th", "zhCN"):
                member = archive.extractfile(f"package/src/i18n/translations/{code}.json")
                assert member is not None
                trees[code] = dict(_leaves(json.load(member)))
        seen: set[str] = set()
        for code, texts in trees.items():
            for key, text in texts.items():
                shown = code == "en" or text != trees["en"].get(key)
                if shown and " " in trees["en"].get(key, "") and not re.search(r"[{<$]", text) and text not in seen:
                    seen.add(text)
                    yield code[:2], text


def _chatterbot(folder: Path) -> Iterator[tuple[str, str]]:
    """Small talk and trivia in Chinese (both scripts), English and a little Thai."""
    rooms = {"chinese": "zh", "traditionalchinese": "zh", "english": "en", "thai": "th"}
    for path in folder.glob("chatterbot_corpus-*.whl"):
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(".yml") and "coding" not in n]
            for name, room in ((n, n.split("/")[2]) for n in names):
                for talk in yaml.safe_load(archive.read(name))["conversations"] if room in rooms else ():
                    yield from ((rooms[room], text) for text in talk if isinstance(text, str) and len(text) < 300)


_THEIRS = {"xquad": _xquad, "bitext": _bitext, "wisesight": _wisesight, "medusa": _medusa, "chatterbot": _chatterbot}


def lines(folders: Iterable[Path]) -> list[Line]:
    """Every labelled line there is; each sentence once, sources that no folder has left out."""
    found = [*ours(), *questions()]
    for folder in folders:
        for source, read in _THEIRS.items():
            found += _with_derived(source, dict.fromkeys(read(folder)))
    return list(dict.fromkeys(found))
