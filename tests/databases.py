"""Empty databases of both kinds: whoever asks for one is run on SQLite and again on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database for each test, as KEFU_DATABASE_URL names one."""
    return _empty(request, tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all tests of a file, where making its tables anew would take most of the time."""
    return _empty(request, tmp_path_factory.mktemp("database"))


def _empty(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'new folder' / 'kefu.db'}"
    database: str = request.getfixturevalue("postgres").database()
    return database
