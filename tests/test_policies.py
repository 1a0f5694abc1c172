"""The policies say the same in every language: topics, sections, numbers, dates; each in its script, and short."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from rag.passages import Passage, read_policies

POLICIES = Path(__file__).parent.parent / "policies"
LANGUAGES = ("zh", "en", "vi", "th")
TOPICS = sorted({path.stem for path in POLICIES.glob("*/*.md")})
LONGEST_SECTION = {"zh": 150, "en": 420, "vi": 420, "th": 380}  # characters: a small model reads ~100 tokens a second
SHOP_NAME = "玉巷"


@pytest.fixture(scope="module")
def sections() -> dict[tuple[str, str], list[Passage]]:
    """The passages of each (topic, language), in the file's order."""
    passages, problems = read_policies(POLICIES)
    assert problems == []
    found: dict[tuple[str, str], list[Passage]] = {}
    for passage in passages:
        found.setdefault((passage.policy, passage.language), []).append(passage)
    return found


def numbers(text: str) -> Counter[str]:
    """Every number in `text`, in Arabic digits without thousands separators, with how often it occurs."""
    arabic = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
    return Counter(re.findall(r"\d+", re.sub(r"(?<=\d)[.,](?=\d{3}(?!\d))", "", arabic)))


def letters(text: str) -> Counter[str]:
    """How many letters of each script ("HAN", "THAI", "LATIN", …) stand in `text`, vowel and tone signs included."""
    written = (c for c in text if unicodedata.category(c)[0] in "LM")
    return Counter(unicodedata.name(c, "UNKNOWN").split()[0].replace("CJK", "HAN") for c in written)


def front_matter(language: str, topic: str) -> dict[str, Any]:
    _, head, _ = (POLICIES / language / f"{topic}.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = yaml.safe_load(head)
    assert isinstance(fields, dict)
    return fields


def words_of(language: str, topic: str) -> str:
    """The title and the body of a policy, without the shop's Chinese name, which every language may use."""
    body = (POLICIES / language / f"{topic}.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    return f"{front_matter(language, topic)['title']}\n{body}".replace(SHOP_NAME, "")


def test_a_number_is_the_same_however_a_language_writes_it() -> None:
    expected = Counter({"35000": 1, "5": 1, "8": 1})
    for text in ("35.000 ₫, 5–8 ngày", "35,000 VND, 5–8 days", "๓๕,๐๐๐ ดอง ๕–๘ วัน", "３５,０００越南盾，5–8天"):
        assert numbers(text) == expected, text
    assert numbers("1.200.000 ₫") == Counter({"1200000": 1})
    assert numbers("30天，150元") == Counter({"30": 1, "150": 1})
    assert numbers("3 days, 3 times") != numbers("3 days")


def test_every_language_has_the_same_topics() -> None:
    assert len(TOPICS) >= 12
    for language in LANGUAGES:
        assert sorted(path.stem for path in (POLICIES / language).glob("*.md")) == TOPICS, language


@pytest.mark.parametrize("topic", TOPICS)
def test_every_language_has_the_same_number_of_sections(
    topic: str, sections: dict[tuple[str, str], list[Passage]]
) -> None:
    count = {language: len(sections.get((topic, language), [])) for language in LANGUAGES}
    assert len(set(count.values())) == 1 and count["en"] >= 2, f"{topic}: {count}"


@pytest.mark.parametrize("topic", TOPICS)
def test_every_language_states_the_same_numbers(topic: str, sections: dict[tuple[str, str], list[Passage]]) -> None:
    wrong = []
    for language in LANGUAGES:
        for english, other in zip(sections[topic, "en"], sections[topic, language], strict=True):
            expected, got = (numbers(f"{passage.heading}\n{passage.text}") for passage in (english, other))
            more, less = sorted((got - expected).elements()), sorted((expected - got).elements())
            if more or less:
                wrong.append(f"{other.id}: {more} not in English, {less} only in English")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("topic", TOPICS)
def test_front_matter_differs_only_in_the_title(topic: str) -> None:
    matter = {language: front_matter(language, topic) for language in LANGUAGES}
    for language in LANGUAGES:
        assert str(matter[language].pop("title")).strip(), f"{language}/{topic}.md"
    for language in LANGUAGES:
        assert matter[language] == matter["en"], f"{language}/{topic}.md"
    assert matter["en"]["topic"] == topic
    assert str(matter["en"]["owner"]).endswith("@jadelane.example")


def test_no_section_is_too_long_for_a_small_model(sections: dict[tuple[str, str], list[Passage]]) -> None:
    long = [
        f"{p.id}: {len(p.text)} characters"
        for found in sections.values()
        for p in found
        if len(p.text) > LONGEST_SECTION[p.language]
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_file_is_written_in_its_own_script(language: str) -> None:
    """Half is enough for Chinese and Thai: short lists hold many brand names in Latin letters."""
    script, share = {"zh": ("HAN", 0.5), "th": ("THAI", 0.5)}.get(language, ("LATIN", 0.98))
    for path in sorted((POLICIES / language).glob("*.md")):
        found = letters(words_of(language, path.stem))
        assert found[script] > found.total() * share, f"{path}: {found}"
        assert language == "zh" or found["HAN"] == 0, f"{path}: Chinese characters"
        assert language == "th" or found["THAI"] == 0, f"{path}: Thai letters"


@pytest.mark.parametrize("topic", TOPICS)
def test_vietnamese_is_written_with_its_marks_and_english_without(topic: str) -> None:
    share = {}
    for language in ("vi", "en"):
        found = [c for c in words_of(language, topic) if c.isalpha()]
        share[language] = sum(not c.isascii() for c in found) / len(found)
    assert share["vi"] > 0.15, share
    assert share["en"] < 0.05, share  # a holiday's or a document's Vietnamese name may stand in English
