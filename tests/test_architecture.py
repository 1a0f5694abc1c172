"""Who may import whom: the drawing in docs/architecture.md, enforced."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [ROOT / "app.py", *(p for room in ("kefu", "rag", "shop", "web") for p in sorted((ROOT / room).rglob("*.py")))]
LEAVES = {"kefu.card_shapes", "kefu.config"}
TERMINAL = {"kefu.cli", "kefu.terminal", "kefu.console", "kefu.model_commands", "kefu.__main__"} | {
    "kefu.order_commands", "kefu.staff_commands", "kefu.product_commands",
}  # fmt: skip
SURFACES = {"kefu.api", "kefu.api_products", "app", "web"} | TERMINAL
OWNERS = {
    "chainlit": ("app.py", "web/"),
    "chromadb": ("rag/",),
    "aiohttp": ("kefu/llm.py", "kefu/model_server.py"),
    "fastapi": ("kefu/api", "web/"),
    "typer": (
        "kefu/cli.py",
        "kefu/console.py",
        "kefu/model_commands.py",
        "kefu/order_commands.py",
        "kefu/product_commands.py",
        "kefu/staff_commands.py",
    ),
    "httpx": ("shop/rest", "rag/embedding_server.py", "rag/store.py", "rag/vectors.py"),
    "sqlalchemy": (
        "shop/",
        "kefu/conversations.py",
        "kefu/approvals.py",
        "kefu/proofs.py",
        "kefu/staff_roles.py",
        "kefu/record.py",
        "kefu/migrations/",
        "kefu/doctor.py",
    ),
    "requests": ("kefu/model_files.py", "kefu/download.py", "kefu/doctor.py"),
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")


def within(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_follow_the_arrows(path: Path) -> None:
    here, found = name(path), set(imports(path))
    ours = {m for m in found if within(m, {"kefu", "rag", "shop", "web", "app"})}
    if here in LEAVES:
        assert not ours, f"{here} imports nothing of ours, but {ours}"
    if here.startswith("kefu.language"):
        assert all(m.startswith("kefu.language") or m == "kefu" for m in ours), ours
    if here == "kefu.events":
        assert ours <= {"kefu.card_shapes", "kefu.card_shapes.Card", "kefu.card_shapes.ApprovalCard"}, ours
    for room, known in (("rag", {"rag"}), ("shop", {"shop", "rag"})):
        if within(here, {room}):
            assert all(within(m, known) for m in ours), f"{here} knows only {known}, but imports {ours}"
    if within(here, {"kefu.tools"}):
        assert not {m for m in ours if within(m, {"kefu.wants", "kefu.prompt", "kefu.reply"})}, "tools call no model"
    if not within(here, SURFACES):
        assert not {m for m in ours if within(m, SURFACES)}, f"{here} is no surface, but imports one"


@pytest.mark.parametrize("library", OWNERS)
def test_each_library_has_one_owner(library: str) -> None:
    users = [str(p.relative_to(ROOT)) for p in FILES if any(within(m, {library}) for m in imports(p))]
    assert users, f"{library} is not used at all"
    strangers = [u for u in users if not u.startswith(OWNERS[library])]
    assert not strangers, f"{library} belongs to {OWNERS[library]}, but {strangers} import it"


def test_blocking_http_stays_off_the_event_loop() -> None:
    """`requests` is for set-up and the command line: no module that the web server's turns run through imports it."""
    turn = ["kefu/chat.py", "kefu/turn.py", "kefu/llm.py", "kefu/model_server.py", "kefu/api.py", "app.py"]
    assert not [f for f in turn if any(within(m, {"requests"}) for m in imports(ROOT / f))]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{path} opens without a docstring"
