"""Settings: every one documented, every spelling of a URL understood, every mistake named."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from kefu.config import Settings, base_url

ROOT = Path(__file__).parent.parent
NAMES = ["KEFU_" + name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("name", NAMES)
def test_setting_is_documented(name: str) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert re.search(rf"^#{name}=", example, re.M), f"{name} is missing in .env.example"
    assert re.search(rf"`{name}`", (ROOT / "README.md").read_text(encoding="utf-8")), f"{name} is missing in README.md"


def test_env_example_shows_the_real_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(KEFU_\w+=)", r"\1", example, flags=re.M), encoding="utf-8")
    monkeypatch.chdir(ROOT)
    assert Settings(_env_file=file) == Settings(_env_file=None)


@pytest.mark.parametrize("url", ["http://gpu:8000", "http://gpu:8000/", "http://gpu:8000/v1", " http://gpu:8000/v1/ "])
def test_every_spelling_of_a_model_url_means_the_same(url: str) -> None:
    assert base_url(url) == Settings(llm_url=url).llm_url == "http://gpu:8000/v1"


def test_no_model_url_stays_empty() -> None:
    assert Settings(llm_url="  ").llm_url == ""


def test_origins_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_ALLOWED_ORIGINS", "https://shop.example/, https://m.shop.example")
    assert Settings().allowed_origins == ("https://shop.example", "https://m.shop.example")


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_PORT", "eight thousand")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_secrets_do_not_show_in_a_printed_settings_object() -> None:
    shown = repr(Settings(llm_api_key="sk-very-secret", secret="another-secret-of-32-characters!!"))
    assert "sk-very-secret" not in shown and "another-secret" not in shown
