"""A passage as a row of Chroma, and back. Chroma's metadata is flat and knows no None and no date."""

from __future__ import annotations

from datetime import date
from typing import Any

from rag.passages import Passage


def as_row(passage: Passage) -> dict[str, str | int]:
    """The metadata; the text is the document."""
    return {
        "policy": passage.policy,
        "section": passage.section,
        "language": passage.language,
        "title": passage.title,
        "heading": passage.heading,
        "region": ",".join(passage.region),
        "effective_from": str(passage.effective_from or ""),
        "effective_until": str(passage.effective_until or ""),
        "source": passage.source,
    }


def as_passage(id: str, row: dict[str, Any], text: str) -> Passage:
    """The passage of a row."""

    def day(key: str) -> date | None:
        return date.fromisoformat(row[key]) if row[key] else None

    return Passage(
        id=id,
        policy=row["policy"],
        section=row["section"],
        language=row["language"],
        title=row["title"],
        heading=row["heading"],
        text=text,
        region=tuple(row["region"].split(",")) if row["region"] else (),
        effective_from=day("effective_from"),
        effective_until=day("effective_until"),
        source=row["source"],
    )
