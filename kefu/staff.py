"""What staff see of the policies' index in the terminal. Knows no command line."""

from __future__ import annotations

from typing import Any

from kefu.events import Source
from rag.index import Found, SyncReport
from rag.passages import Passage


def path_of(section: Passage | Source) -> str:
    """Where a section stands, in its own words; what comes before a policy's first heading has the title only."""
    return " › ".join(filter(None, (section.title, section.heading)))


def found_view(found: Found) -> dict[str, Any]:
    """A found passage in the form of `kefu passages` and `GET /v1/passages`."""
    passage = found.passage
    return {
        "id": passage.id,
        "source": passage.source,
        "heading": path_of(passage),
        "language": passage.language,
        "score": round(found.score, 4),
        "text": passage.text,
    }


def report_view(report: SyncReport) -> dict[str, Any]:
    """What a sync did: ids of what was added, changed and removed, how many were kept, and what is wrong."""
    return {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "kept": len(report.kept),
        "problems": [{"source": p.source, "line": p.line, "message": p.message} for p in report.problems],
    }


def report_text(report: SyncReport) -> str:
    """The same in a line, with the ids of a small change below it."""
    parts = {"added": report.added, "changed": report.changed, "removed": report.removed, "kept": report.kept}
    lines = [", ".join(f"{len(ids)} {word}" for word, ids in parts.items())]
    for word in ("added", "changed", "removed"):
        if 0 < len(parts[word]) <= 20:
            lines += [f"  {word}: {id}" for id in parts[word]]
    return "\n".join(lines)
