"""One policy file: bytes -> front matter and sections, or the lines that are wrong.

Knows nothing of folders, languages, ids or search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, ValidationInfo, field_validator

_HEADING = re.compile(r" {0,3}##[ \t]+(?P<heading>.*?\S)(?:[ \t]+#+)?[ \t]*$")
_TITLE_LINE = re.compile(r" {0,3}#[ \t]+\S")
_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}(?!.*`)|~{3,})(?P<info>.*)$")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


class FrontMatter(BaseModel):
    """What stands between the two `---` lines. `region` empty: everywhere; both dates are inclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    topic: str = ""
    region: tuple[str, ...] = ()
    effective_from: date | None = None
    effective_until: date | None = None
    owner: str = ""

    @field_validator("topic")
    @classmethod
    def _is_file_name(cls, topic: str, info: ValidationInfo) -> str:
        if topic != info.context:
            raise ValueError(f"must be the file's name, {info.context!r}, or be left out")
        return topic

    @field_validator("region", mode="before")
    @classmethod
    def _countries(cls, value: object) -> object:
        if value == "all":
            return ()
        if isinstance(value, list) and value and all(isinstance(v, str) and _COUNTRY.fullmatch(v) for v in value):
            return tuple(v.upper() for v in value)
        raise ValueError("write all, or a list of two-letter country codes such as [VN, TH]")

    @field_validator("effective_from", "effective_until", mode="before")
    @classmethod
    def _calendar_date(cls, value: object) -> date:
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write YYYY-MM-DD") from None

    @field_validator("effective_until")
    @classmethod
    def _not_before_from(cls, until: date, info: ValidationInfo) -> date:
        if (start := info.data.get("effective_from")) and until < start:
            raise ValueError(f"is before effective_from ({start})")
        return until


@dataclass(frozen=True)
class Section:
    """The text under one `##`, numbered from 1; 0 is what stands before the first `##` (no heading)."""

    number: int
    heading: str
    text: str
    line: int


@dataclass(frozen=True)
class Fault:
    """Something wrong in a file, with the line a person has to look at (from 1)."""

    line: int
    message: str


def read_policy(raw: bytes, topic: str) -> tuple[FrontMatter | None, list[Section], list[Fault]]:
    """The front matter (None when it cannot be used), the sections that have text, and everything that is wrong."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as UTF-8"
        return None, [], [Fault(raw[: error.start].count(b"\n") + 1, fault)]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not text.strip():
        return None, [], [Fault(1, "the file is empty")]
    if lines[0].rstrip() != "---":
        return None, [], [Fault(1, "must begin with front matter between two lines ---")]
    end = next((i for i, line in enumerate(lines) if i and line.rstrip() == "---"), None)
    if end is None:
        return None, [], [Fault(1, "the front matter has no closing line ---")]
    front, faults = _front_matter("\n".join(lines[1:end]), topic)
    if front is None:
        return None, [], faults
    sections = _sections(lines[end + 1 :], end + 2)
    faults = [Fault(s.line, f"section {s.heading!r} has no text") for s in sections if s.number and not s.text]
    sections = [s for s in sections if s.text]
    if not sections and not faults:
        faults = [Fault(end + 1, "no section: write at least one ## heading with text under it")]
    return front, sections, faults


def _front_matter(text: str, topic: str) -> tuple[FrontMatter | None, list[Fault]]:
    try:
        # BaseLoader leaves every scalar a string: the full one makes Norway (NO) a boolean
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        values = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if not mark or mark.index >= len(text):  # something left open: the line where it opens
            mark = error.context_mark or mark
        return None, [Fault(mark.line + 2 if mark else 1, f"front matter is not valid YAML: {error.problem}")]
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 2
        return None, [Fault(line, f"front matter has a character that YAML forbids: U+{ord(text[error.position]):04X}")]
    if not isinstance(node, yaml.MappingNode):
        return None, [Fault(2, "front matter must be lines of the form key: value")]
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 2
        if key.value in lines:
            return None, [Fault(line, f"{key.value}: written twice")]
        lines[key.value] = line
    try:
        return FrontMatter.model_validate(values, context=topic), []
    except ValidationError as error:
        return None, [_fault(str(e["loc"][0]), e["type"], e["msg"], lines) for e in error.errors()]


def _fault(key: str, kind: str, message: str, lines: dict[str, int]) -> Fault:
    if kind == "extra_forbidden":
        message = f"unknown key; the known ones are {', '.join(FrontMatter.model_fields)}"
    elif kind == "missing":
        message = "is missing"
    return Fault(lines.get(key, 1), f"{key}: {message.removeprefix('Value error, ')}")


def _sections(lines: list[str], first_line: int) -> list[Section]:
    """Split at `##` outside code fences. A `#` line before the first section repeats the title and is left out."""
    found: list[Section] = []
    number, heading, start, body, fence = 0, "", first_line, list[str](), ""

    def close() -> None:
        found.append(Section(number, heading, "\n".join(body).strip(), start))

    for line_number, line in enumerate(lines, first_line):
        if fence:
            mark = _FENCE.match(line)
            if mark and mark["marks"].startswith(fence) and not mark["info"].strip():
                fence = ""
        elif mark := _FENCE.match(line):
            fence = mark["marks"]
        elif match := _HEADING.match(line):
            close()
            number, heading, start, body = number + 1, match["heading"], line_number, []
            continue
        elif number == 0 and _TITLE_LINE.match(line):
            continue
        body.append(line)
    close()
    return found
