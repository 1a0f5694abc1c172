"""What the attacks share: one demo shop, one obeying model, a tripwire under every write and an ear at every log."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.attack.demo import leaks
from tests.attack.desks import AttackDesk, Opening, attack_desk, seeded
from tests.attack.seen import Ear
from tests.attack.served import Served
from tests.attack.site import Site
from tests.scripted import ScriptedModel, say

_OURS = ("kefu", "shop", "web", "rag")
_SECRETS = ("sqlite:", "postgresql:", "aiosqlite", "eyJ", "hunter2")  # addresses of databases, tokens, keys


@pytest.fixture(scope="session")
def ear() -> Iterator[Ear]:
    ear = Ear()
    levels = {name: logging.getLogger(name).level for name in _OURS}
    for name in _OURS:
        logging.getLogger(name).addHandler(ear)
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield ear
    for name, level in levels.items():
        logging.getLogger(name).removeHandler(ear)
        logging.getLogger(name).setLevel(level)


@pytest.fixture(autouse=True)
def logs_tell_nothing(ear: Ear) -> Iterator[None]:
    """After every attack: no log of ours holds anybody's data, a secret or a database's address."""
    ear.take()
    yield
    heard = ear.take()
    assert not leaks(heard), heard
    assert not [secret for secret in _SECRETS if secret in heard], heard


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(say("Hello.")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def demo_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the demo shop, to be copied."""
    file = tmp_path_factory.mktemp("demo") / "kefu.db"
    await seeded(file)
    return file


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def opening(
    demo_shop: Path, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Opening]:
    """Opens desks on copies of the demo shop; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def opened() -> AttackDesk:
            copy = tmp_path_factory.mktemp("desk") / "kefu.db"
            shutil.copy(demo_shop, copy)
            return await stack.enter_async_context(attack_desk(copy, model))

        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared(opening: Opening) -> AttackDesk:
    return await opening()


@pytest.fixture(scope="session")
def site(shared: AttackDesk) -> Site:
    """The shared desk behind its REST routes."""
    return Site.of(shared)


@pytest_asyncio.fixture(loop_scope="session", scope="session", autouse=True)
async def served(
    request: pytest.FixtureRequest, demo_shop: Path, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served | None]:
    """The whole site, if a test wants it. It takes its time to start, and takes it while other tests run."""
    if not any("site_up" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield None
        return
    home = tmp_path_factory.mktemp("served")
    shutil.copy(demo_shop, home / "kefu.db")
    site = Served(home, model.url)
    yield site
    site.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def site_up(served: Served) -> Served:
    """The whole site, as it answers."""
    return await served.up()


@pytest.fixture
def nothing_written(site_up: Served) -> Iterator[None]:
    """Whatever came through the page's doors wrote nothing to the shop."""
    yield
    assert site_up.tripped() == []


@pytest.fixture
def desk(shared: AttackDesk) -> Iterator[AttackDesk]:
    """A desk on which nobody ever clicks: whatever is written to its shop was not confirmed."""
    yield shared
    assert shared.tripped() == []


# The summary


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Says how many cases a test holds; one that says nothing is one."""

    def count(number: int) -> None:
        request.node.user_properties.append(("cases", number))

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    def ours(outcome: str) -> list[pytest.TestReport]:
        return [r for r in terminalreporter.stats.get(outcome, ()) if "attack/" in getattr(r, "nodeid", "")]

    failures = len(ours("failed")) + len(ours("error"))
    done = [report for report in ours("passed") + ours("failed") if report.when == "call"]
    cases = sum(int(str(dict(report.user_properties).get("cases", 1))) for report in done)
    if done:
        terminalreporter.write_line(f"attack suite: {cases} cases, {failures} failures")
