"""An address in parts, as a shopper wrote it, and whether each stands in the shopper's own words. Knows no format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

import yaml
from pydantic import BaseModel, ConfigDict

from rag.tokens import strip_marks
from shop.numbers import plain

_PLACES = Path(__file__).parent / "words" / "places.yaml"
_CONTROL = re.compile(r"<\|.*?\|>|[<>{}|]")
_LONGEST = 200  # characters of one part
_SHORT = 4


class AddressFields(BaseModel):
    """What a shopper wrote of an address, each part as it stands there, "" for what does not. `country`: as written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    phone: str = ""
    line1: str = ""  # house and street
    line2: str = ""  # ward, district, floor
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""

    def standing_in(self, said: Sequence[str]) -> AddressFields:
        """Without the parts that do not stand in any of the messages, but for case, marks, blanks and punctuation."""
        parts = {part: _clean(text) for part, text in self.model_dump().items()}
        return AddressFields(**{part: text for part, text in parts.items() if any(_stands(text, one) for one in said)})

    def leaves_out(self, message: str) -> str:
        """The letters between its first and its last part in the message that are in none of its parts."""
        whole = squeezed(message)
        parts = [part for part in map(squeezed, self.model_dump().values()) if part in whole and part]
        covered = {at for part in parts for at in range(whole.find(part), whole.find(part) + len(part))}
        return "".join(whole[at] for at in range(min(covered, default=0), max(covered, default=0)) if at not in covered)

    @property
    def complete(self) -> bool:
        """Whether a parcel could be sent there."""
        return bool(self.line1 and self.city)


def without_control(text: str) -> str:
    """Without what is control, not address, to a browser or a model's template."""
    return _CONTROL.sub(" ", text)


def _clean(text: str) -> str:
    return " ".join(without_control(text).split())[:_LONGEST].strip(" ,")


def _stands(text: str, message: str) -> bool:
    """Whether a part stands in a message. A number or a short word must stand alone: "IL" is not in "will"."""
    bare = squeezed(text)
    if len(bare) <= _SHORT or bare.isdigit():
        alone = r"[\s.\-+()]*".join(map(re.escape, bare))
        return bool(bare) and bool(re.search(rf"(?<![a-z0-9]){alone}(?![a-z0-9])", strip_marks(plain(message))))
    return bare in squeezed(message)


def squeezed(text: str) -> str:
    """Letters and digits alone, without marks and case; Thai vowels and tones count as letters."""
    bare = strip_marks(unicodedata.normalize("NFKC", plain(text))).casefold()
    return "".join(c for c in bare if c.isalnum() or "\u0e30" <= c <= "\u0e4e")


@cache
def places(kind: str) -> tuple[str, ...]:
    """A list of kefu/wants/words/places.yaml, the longest name first."""
    names = cast("list[str]", yaml.safe_load(_PLACES.read_text(encoding="utf-8"))[kind])
    return tuple(sorted((unicodedata.normalize("NFC", name) for name in names), key=lambda name: -len(name)))


@cache
def country_names() -> dict[str, str]:
    """Every name of a country, folded, with its ISO code."""
    listed = yaml.safe_load(_PLACES.read_text(encoding="utf-8"))["countries"]
    return {
        unicodedata.normalize("NFC", name).casefold(): str(code) for code, names in listed.items() for name in names
    }


def country_code(name: str) -> str:
    """The ISO code of a country by its name, "" for what is none."""
    return country_names().get(unicodedata.normalize("NFC", name).strip(" .").casefold(), "")
