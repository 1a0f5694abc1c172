"""Data in XQuAD's form: paragraphs with questions in four languages, and policy files made of them.

Knows nothing of indexes or of what is measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh", "vi", "th")


@dataclass(frozen=True)
class Paragraph:
    """One paragraph and its questions, the same ones in each of LANGUAGES."""

    topic: str  # as a policy file is named: "p0007"
    title: str  # of its article; English in every language
    texts: Mapping[str, str]
    questions: Mapping[str, tuple[str, ...]]


def read(folder: Path) -> list[Paragraph]:
    """The paragraphs of the files *.en*.json, *.zh*.json, … in SQuAD's form, anywhere under a folder.

    ValueError where a language is missing, or where the languages' questions have other ids or another order."""
    found = {language: list(_paragraphs(folder, language)) for language in LANGUAGES}
    ids = {language: [[q["id"] for q in qas] for _, _, qas in rows] for language, rows in found.items()}
    if not found["en"] or any(ids[language] != ids["en"] for language in LANGUAGES):
        counts = ", ".join(f"{language}: {len(rows)}" for language, rows in found.items())
        raise ValueError(f"{folder}: no parallel paragraphs in {', '.join(LANGUAGES)} (paragraphs: {counts})")
    return [
        Paragraph(
            topic=f"p{number:04d}",
            title=rows[0][0],
            texts={language: text for language, (_, text, _) in zip(LANGUAGES, rows, strict=True)},
            questions={
                language: tuple(str(q["question"]).strip() for q in qas)
                for language, (_, _, qas) in zip(LANGUAGES, rows, strict=True)
            },
        )
        for number, rows in enumerate(zip(*found.values(), strict=True))
    ]


def _paragraphs(folder: Path, language: str) -> Iterable[tuple[str, str, list[dict[str, Any]]]]:
    for path in sorted(folder.rglob(f"*.{language}*.json")):
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                text = paragraph["context"].replace("\ufeff", "").strip()  # some files have the mark inside
                yield article["title"].replace("_", " "), text, paragraph["qas"]


def write_policies(folder: Path, chosen: Iterable[tuple[Paragraph, str]]) -> None:
    """Each paragraph in the language given with it as one policy file: its article's title, no headings."""
    for paragraph, language in chosen:
        path = folder / language / f"{paragraph.topic}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        title = json.dumps(paragraph.title, ensure_ascii=False)  # a quoted scalar of YAML as well
        path.write_text(f"---\ntitle: {title}\n---\n{paragraph.texts[language]}\n", encoding="utf-8")
