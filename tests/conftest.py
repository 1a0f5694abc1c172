"""What several test files share: servers, databases, the real model's file, and an environment without the developer's
own settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from kefu import model_files
from kefu.config import Settings
from tests.chroma_server import chroma_url
from tests.databases import shared_url, url
from tests.postgres import postgres
from tests.real_kefu import RealKefu

__all__ = ["chroma_url", "postgres", "shared_url", "url"]

# The same examples in every run; `--hypothesis-profile=default` looks for new ones.
hypothesis.settings.register_profile("kefu", derandomize=True, deadline=None)
hypothesis.settings.load_profile("kefu")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests see no KEFU_* variable and no `.env` of the developer's."""
    for name in [name for name in os.environ if name.startswith("KEFU_") and not name.startswith("KEFU_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    yield


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The default model's file, fetched by `make test` before the tests; KEFU_TEST_MODEL names another."""
    other = os.environ.get("KEFU_TEST_MODEL")
    found = Path(other) if other else model_files.find("qwen2.5-coder-1.5b", Settings().cache)
    if found is None or not found.exists():
        pytest.fail("the embedded model is not here: run `kefu model pull`")
    return found


@pytest.fixture(scope="session")
def real_kefu(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKefu]:
    """One real Kefu on the real model for all tests that ask it."""
    kefu = RealKefu(tmp_path_factory.mktemp("real"), model_file)
    yield kefu
    kefu.stop()
