"""The folder of policies -> passages, one for each section. Knows nothing of vectors or of what is in force today."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rag.policy_file import FrontMatter, Section, read_policy

MAX_CHARS = 800  # of one passage; the embedded model reads about 1,000 with the heading path
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]*")
# Where an over-long section may be cut, best first: paragraph, line, sentence, word
_BREAKS = tuple(re.compile(p) for p in (r"\n\s*\n", r"\n", r"(?<=[.!?…])\s+|(?<=[。！？；])", r"\s+"))


@dataclass(frozen=True)
class Passage:
    """One section of one policy in one language, or a part of it where the section is over-long.

    `vi/returns#2` is the second `##` of policies/vi/returns.md and the same section as `en/returns#2`. `#0` is text
    before the first `##`. The parts of a section over MAX_CHARS are `#2`, `#2.2`, `#2.3`, with one section number.
    """

    id: str
    policy: str  # the topic: the same in every language
    section: int
    language: str  # BCP-47, the folder's name
    title: str
    heading: str
    text: str
    region: tuple[str, ...]  # upper-case country codes; empty: everywhere
    effective_from: date | None  # both inclusive
    effective_until: date | None
    source: str  # "vi/returns.md"

    @property
    def embedded_text(self) -> str:
        """What is embedded: the heading path is most of what a question can match."""
        path = f"{self.title} › {self.heading}" if self.heading else self.title
        return f"{path}\n{self.text}"

    @property
    def content_hash(self) -> str:
        """Changes when anything changes that search or display depends on."""
        fields = json.dumps(vars(self), default=str, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:32]

    def in_force(self, today: date, region: str = "") -> bool:
        """Whether it holds on that day, for that country (empty: any)."""
        if today < (self.effective_from or date.min) or today > (self.effective_until or date.max):
            return False
        return not region or not self.region or region.upper() in self.region


@dataclass(frozen=True)
class PolicyProblem:
    """A line of a policy file that a person has to put right."""

    source: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.message}"


def read_policies(folder: Path) -> tuple[list[Passage], list[PolicyProblem]]:
    """Every passage of `folder/<language>/<topic>.md` in a fixed order, and what is wrong. A file with bad front
    matter gives no passages; the other files do."""
    passages: list[Passage] = []
    problems: list[PolicyProblem] = []
    if not folder.is_dir():
        return [], [PolicyProblem(str(folder), 1, "no such folder of policies")]
    for path in policy_files(folder):
        language, topic, source = path.parent.name, path.stem, f"{path.parent.name}/{path.name}"
        if not _LANGUAGE.fullmatch(language):
            problems.append(PolicyProblem(source, 1, f"the folder {language!r} is not a language such as vi or zh-TW"))
            continue
        if not _TOPIC.fullmatch(topic):
            problems.append(PolicyProblem(source, 1, "name the file with lower-case letters, digits and hyphens"))
            continue
        try:
            raw = path.read_bytes()
        except OSError as error:
            problems.append(PolicyProblem(source, 1, f"cannot be read: {error.strerror}"))
            continue
        front, sections, faults = read_policy(raw, topic)
        problems += [PolicyProblem(source, fault.line, fault.message) for fault in faults]
        if front:
            passages += [p for section in sections for p in _passages(language, topic, front, section)]
    return passages, problems


def policy_files(folder: Path) -> list[Path]:
    """The files that count: `<folder>/*/*.md`, nothing hidden, no link that leads out of the folder."""
    root = folder.resolve()
    return sorted(
        path
        for path in folder.glob("*/*.md")
        if not path.name.startswith(".")
        and not path.parent.name.startswith(".")
        and path.is_file()
        and path.resolve().is_relative_to(root)
    )


def fingerprint(folder: Path) -> str:
    """Changes when a policy file does (or comes, or goes), without reading any."""
    seen = []
    for path in policy_files(folder):
        with suppress(FileNotFoundError):  # gone since it was listed
            s = path.stat()
            seen.append((str(path.relative_to(folder)), s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns))
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def _passages(language: str, topic: str, front: FrontMatter, section: Section) -> Iterator[Passage]:
    for part, text in enumerate(split(section.text, MAX_CHARS), 1):
        yield Passage(
            id=f"{language}/{topic}#{section.number}" + (f".{part}" if part > 1 else ""),
            policy=topic,
            section=section.number,
            language=language,
            title=front.title,
            heading=section.heading,
            text=text,
            region=front.region,
            effective_from=front.effective_from,
            effective_until=front.effective_until,
            source=f"{language}/{topic}.md",
        )


def split(text: str, limit: int) -> Iterator[str]:
    """Pieces of at most `limit` characters, each cut at the best break in its second half, else at the limit."""
    while len(text) > limit:
        cut = next((c for c in (_last_break(b, text, limit) for b in _BREAKS) if c), limit)
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    yield text


def _last_break(pattern: re.Pattern[str], text: str, limit: int) -> int:
    return max((m.end() for m in pattern.finditer(text, limit // 2, limit)), default=0)
