"""`kefu staff …`: who works here, and as what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from kefu.console import Json, load_settings, out
from kefu.identity import terminal_owner
from kefu.staff_roles import Role, StaffRoles

staff_app = typer.Typer(no_args_is_help=True, help="Who works here: agents and supervisors.")
Owner = Annotated[str, typer.Argument(help="customer:<id>, as the shop signs them in, or staff:<name>.")]


@asynccontextmanager
async def _roles() -> AsyncIterator[StaffRoles]:
    from kefu.conversations import MIGRATIONS
    from shop.database import open_database

    engine = await open_database(load_settings().database, MIGRATIONS)
    try:
        yield StaffRoles(engine)
    finally:
        await engine.dispose()


@staff_app.command("add")
def staff_add(owner: Owner, role: Annotated[Role, typer.Option(help="What they may act as.")] = "agent") -> None:
    """Let somebody work here, or change their role. It holds from their next click on."""

    async def add() -> None:
        async with _roles() as roles:
            await roles.add(owner, role, by=terminal_owner())

    try:
        asyncio.run(add())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    print(f"{owner} is {role}.")


@staff_app.command("list")
def staff_list(as_json: Json = False) -> None:
    """List who works here."""

    async def listed() -> list[dict[str, str]]:
        async with _roles() as roles:
            return [asdict(member) | {"added_at": member.added_at.isoformat()} for member in await roles.list()]

    rows = asyncio.run(listed())
    if as_json:
        out({"staff": rows})
        return
    if not rows:
        print("Nobody yet: kefu staff add customer:<id> --role agent")
    for row in rows:
        print(f"{row['owner']:30} {row['role']:10} since {row['added_at'][:10]}, added by {row['added_by']}")


@staff_app.command("remove")
def staff_remove(owner: Owner) -> None:
    """Take somebody's role away; exit 1 when they had none."""

    async def remove() -> bool:
        async with _roles() as roles:
            return await roles.remove(owner)

    if not asyncio.run(remove()):
        print(f"{owner} does not work here: kefu staff list")
        raise typer.Exit(1)
    print(f"{owner} works here no more.")
