"""Who works here, on SQLite and on PostgreSQL alike, and the commands that say so."""

from __future__ import annotations

import getpass
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from kefu.conversations import MIGRATIONS
from kefu.staff_commands import staff_app
from kefu.staff_roles import StaffRoles
from shop.database import open_database

ANNA, MEI = "customer:anna", "staff:mei"


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(url, MIGRATIONS)
    yield engine
    await engine.dispose()


async def test_who_was_added_works_here_until_removed(engine: AsyncEngine) -> None:
    roles, elsewhere = StaffRoles(engine), StaffRoles(engine)
    assert await roles.role(ANNA) is None
    await roles.add(ANNA, "agent", by=MEI)
    assert await elsewhere.role(ANNA) == "agent"
    await roles.add(ANNA, "supervisor", by=MEI)
    assert await elsewhere.role(ANNA) == "supervisor"  # at the very next look
    assert await roles.remove(ANNA) is True
    assert await elsewhere.role(ANNA) is None
    assert await roles.remove(ANNA) is False


async def test_the_list_says_who_since_when_and_by_whom(engine: AsyncEngine) -> None:
    roles = StaffRoles(engine)
    assert await roles.list() == []
    await roles.add(MEI, "supervisor", by="staff:root")
    await roles.add(ANNA, "agent", by=MEI)
    first, second = await roles.list()
    assert (first.owner, first.role, first.added_by) == (ANNA, "agent", MEI)
    assert (second.owner, second.role, second.added_by) == (MEI, "supervisor", "staff:root")
    assert first.added_at.tzinfo is UTC and second.added_at <= first.added_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    "owner", ["guest:11111111-1111-4111-8111-111111111111", "anna", "customer:", "", "staff: mei", "customer:a\nb"]
)
async def test_a_guest_or_nobody_in_particular_cannot_be_staff(engine: AsyncEngine, owner: str) -> None:
    roles = StaffRoles(engine)
    with pytest.raises(ValueError, match="cannot be staff"):
        await roles.add(owner, "supervisor", by=MEI)
    assert await roles.list() == []


async def test_the_name_is_compared_as_it_is(engine: AsyncEngine) -> None:
    roles = StaffRoles(engine)
    await roles.add(ANNA, "agent", by=MEI)
    for other in ("customer:Anna", "customer:anna ", "staff:anna", "anna", "customer:ann_", "customer:%"):
        assert await roles.role(other) is None


# In the terminal


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("KEFU_HOME", str(tmp_path / "home"))
    return CliRunner()


def test_staff_are_added_listed_and_removed_in_the_terminal(run: CliRunner) -> None:
    assert "Nobody yet" in run.invoke(staff_app, ["list"]).stdout
    assert run.invoke(staff_app, ["add", ANNA]).stdout == "customer:anna is agent.\n"
    assert run.invoke(staff_app, ["add", MEI, "--role", "supervisor"]).exit_code == 0
    listed = json.loads(run.invoke(staff_app, ["list", "--json"]).stdout)["staff"]
    assert [(one["owner"], one["role"]) for one in listed] == [(ANNA, "agent"), (MEI, "supervisor")]
    assert {one["added_by"] for one in listed} == {f"staff:{getpass.getuser()}"}
    shown = run.invoke(staff_app, ["list"]).stdout.splitlines()
    assert [line.split()[:2] for line in shown] == [[ANNA, "agent"], [MEI, "supervisor"]]
    assert run.invoke(staff_app, ["remove", ANNA]).exit_code == 0
    gone = run.invoke(staff_app, ["remove", ANNA])
    assert gone.exit_code == 1 and "does not work here" in gone.stdout
    assert len(json.loads(run.invoke(staff_app, ["list", "--json"]).stdout)["staff"]) == 1


@pytest.mark.parametrize("arguments", [["add", "guest:1"], ["add", ANNA, "--role", "root"], ["add"]])
def test_a_wrong_command_changes_nothing_and_says_why(run: CliRunner, arguments: list[str]) -> None:
    refused = run.invoke(staff_app, arguments)
    assert refused.exit_code == 2 and refused.stderr
    assert json.loads(run.invoke(staff_app, ["list", "--json"]).stdout) == {"staff": []}
