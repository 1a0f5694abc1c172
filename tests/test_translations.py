"""The interface's words and the help page are complete and native in the shop's languages."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kefu.language_evidence import script
from kefu.languages import SHOP_LANGUAGES, detect

ROOT = Path(__file__).parent.parent
INTERFACE = {"en": "en-US", "zh": "zh-CN", "vi": "vi", "th": "th"}  # as the page is asked for
SAME_IN_ALL = {"auth.login.form.email.placeholder", "navigation.user.menu.settingsKey"}
NAME = re.compile(r"\{\{.*?\}\}")
VENDOR = re.compile(r"chainlit|LLM|\bAI\b|prompt|thread|api key", re.IGNORECASE)


def flat(words: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in words.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: value}
    return found


def chainlits_own() -> dict[str, str]:
    spec = find_spec("chainlit")  # not imported: importing it writes files
    assert spec and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "translations")
    return flat(json.loads((folder / "en-US.json").read_text(encoding="utf-8")))


def ours(language: str) -> dict[str, str]:
    file = ROOT / ".chainlit" / "translations" / f"{INTERFACE[language]}.json"
    return flat(json.loads(file.read_text(encoding="utf-8")))


def help_page(language: str) -> str:
    return (ROOT / f"chainlit_{INTERFACE[language]}.md").read_text(encoding="utf-8")


def test_every_shop_language_has_an_interface() -> None:
    assert set(INTERFACE) == set(SHOP_LANGUAGES)


@pytest.mark.parametrize("language", INTERFACE)
def test_the_interface_has_every_word_the_page_asks_for(language: str) -> None:
    assert set(ours(language)) == set(chainlits_own())


@pytest.mark.parametrize("language", INTERFACE)
def test_no_word_is_empty_and_its_placeholders_are_kept(language: str) -> None:
    base = chainlits_own()
    for key, text in ours(language).items():
        assert text.strip(), key
        assert NAME.findall(text) == NAME.findall(base[key]), key


@pytest.mark.parametrize(("language", "name"), [("zh", "Han"), ("th", "Thai")])
def test_each_word_is_in_its_own_script(language: str, name: str) -> None:
    foreign = {key: text for key, text in ours(language).items() if (script(text) or ("",))[0] != name}
    assert set(foreign) == SAME_IN_ALL


def test_vietnamese_is_translated_and_english_has_no_other_script() -> None:
    english, vietnamese = ours("en"), ours("vi")
    assert {key for key in english if english[key] == vietnamese[key]} == {"navigation.user.menu.settingsKey"}
    assert detect(" ".join(vietnamese.values())).language == "vi"
    assert all(text.replace("…", "").isascii() for text in english.values())


@pytest.mark.parametrize("language", INTERFACE)
def test_a_shopper_reads_no_developers_word(language: str) -> None:
    assert not {key: text for key, text in ours(language).items() if VENDOR.search(text)}


@pytest.mark.parametrize("language", INTERFACE)
def test_the_help_page_is_in_its_language_and_its_links_lead_to_policies(language: str) -> None:
    page = help_page(language)
    links = re.findall(r"\]\((.*?)\)", page)
    assert detect(page).language == language
    assert len(links) >= 5
    for link in links:
        assert link.startswith(f"/policies/{language}/")
        assert (ROOT / f"{link[1:]}.md").is_file(), link


def test_an_unknown_browser_gets_the_english_help_page() -> None:
    assert (ROOT / "chainlit.md").read_text(encoding="utf-8") == help_page("en")
