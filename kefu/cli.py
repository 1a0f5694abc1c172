"""The terminal surface, for staff: ask, chat, look into detection, passages, models and health.

Each command opens only what it needs. Knows no rule of the shop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from kefu.console import Json, err, load_settings, out, queries
from kefu.events import KefuError
from kefu.model_commands import model_app
from kefu.order_commands import orders_app
from kefu.product_commands import products, recommend
from kefu.staff_commands import staff_app

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(model_app, name="model")
app.add_typer(orders_app, name="orders")
app.add_typer(staff_app, name="staff")
app.command()(products)
app.command()(recommend)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Run the web app: chat at /, REST at /v1, /healthz, /readyz."""
    settings = load_settings(host=host, port=port)
    logging.getLogger().setLevel(settings.log_level)
    from kefu.progress import bars
    from web.server import run

    run(settings, lambda: bars(err))


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="The shopper's question.")],
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation (its id).")] = None,
    language: Annotated[str | None, typer.Option("--locale", help="The browser's language, such as vi-VN.")] = None,
    customer: Annotated[
        str | None, typer.Option(help="Speak for this customer (their id); it is kept who did.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Two-letter country; only policies for it are found.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every step that the shopper does not see.")] = False,
    as_json: Json = False,
) -> None:
    """Answer one question as the shop's chat would."""
    from kefu.terminal import ask_once

    settings = load_settings(region=region)
    complete = asyncio.run(ask_once(settings, text, conversation, customer, language, trace, as_json, err))
    raise typer.Exit(0 if complete else 1)


@app.command()
def approve(
    approval: Annotated[str, typer.Argument(help="The id that `kefu ask` printed under the change.")],
    no: Annotated[bool, typer.Option("--no", help="Leave everything as it is.")] = False,
    as_json: Json = False,
) -> None:
    """Confirm a change that `kefu ask` put up, or cancel it."""
    from kefu.terminal import decide

    done = asyncio.run(decide(load_settings(), approval, not no, as_json, err))
    raise typer.Exit(0 if done else 1)


@app.command()
def chat(
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation (its id).")] = None,
    customer: Annotated[
        str | None, typer.Option(help="Speak for this customer (their id); it is kept who did.")
    ] = None,
    language: Annotated[str | None, typer.Option("--locale", help="The browser's language, such as vi-VN.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every step that the shopper does not see.")] = False,
) -> None:
    """Chat in the terminal. An empty line or Ctrl-D ends it; Ctrl-C stops a running answer."""
    from kefu.terminal import chat_on

    asyncio.run(chat_on(load_settings(), conversation, customer, language, trace, err))


@app.command()
def detect(
    text: Annotated[str | None, typer.Argument(help="The text; without it, one query a line from stdin.")] = None,
) -> None:
    """Say which language a text is in and why, as JSON."""
    from kefu.languages import Voice
    from kefu.languages import detect as detect_language

    settings = load_settings()
    for query in queries(text):
        found = detect_language(
            query["text"],
            conversation=query.get("conversation_language"),
            locale=query.get("locale"),
            default=settings.default_language,
            voice=Voice(settings.language_voice),
        )
        out({"language": found.language, "confidence": found.confidence, "reason": found.reason})


@app.command()
def index(
    policies: Annotated[Path | None, typer.Option(help="Folder of policies.")] = None,
    store: Annotated[Path | None, typer.Option(help="Where the vectors live.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Forget what is stored and embed everything.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the policies' and the products' index up to date; only what has changed is embedded."""
    from kefu.desk import open_index
    from kefu.product_commands import index_products
    from kefu.progress import bars
    from kefu.staff import report_text, report_view

    with bars(err) as progress:
        opened, report = open_index(load_settings(policies=policies), progress, store=store, rebuild=rebuild)
    opened.close()
    if report is None:
        err.print("A running Kefu keeps this index up to date itself: nothing to do.")
        return
    found: dict[str, Any] = {} if store else {"products": index_products(load_settings(), rebuild)}
    if as_json:
        print(json.dumps(report_view(report) | found, ensure_ascii=False))
    else:
        print(report_text(report))
        if any(found.get("products", {}).values()):
            print(
                "Products: {looked} looked at, {embedded} texts embedded, {dropped} dropped.".format_map(
                    found["products"]
                )
            )
    if report.problems:
        raise typer.Exit(1)  # each was logged with its file and line


@app.command()
def passages(
    text: Annotated[str | None, typer.Argument(help="The question; without it, one query a line from stdin.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages, at most.")] = 5,
    store: Annotated[Path | None, typer.Option(help="Where the vectors live.")] = None,
    policies: Annotated[Path | None, typer.Option(help="Folder of policies.")] = None,
    language: Annotated[str | None, typer.Option(help="The question's language; else it is detected.")] = None,
) -> None:
    """Print the policy passages nearest in meaning to a question, as JSON."""
    from kefu.desk import open_index
    from kefu.languages import Voice
    from kefu.languages import detect as detect_language
    from kefu.progress import bars
    from kefu.staff import found_view

    settings = load_settings(policies=policies)
    with bars(err) as progress:
        index, _ = open_index(settings, progress, store=store)
    try:
        for query in queries(text):
            asked = query.get("language") or language
            spoken = (
                asked
                or detect_language(
                    query["text"], default=settings.default_language, voice=Voice(settings.language_voice)
                ).language
            )
            found = index.search(query["text"], language=spoken, k=k, region=settings.region)
            out({"passages": [found_view(f) for f in found]})
    finally:
        index.close()


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is reachable, what is wrong and what to do about it."""
    from dataclasses import asdict

    from kefu.doctor import examine

    findings = list(examine(load_settings()))
    if as_json:
        out({"findings": [asdict(finding) for finding in findings]})
    colours = {"ok": "green", "warning": "yellow", "wrong": "red"}
    for finding in [] if as_json else findings:
        console = Console(soft_wrap=True, highlight=False)
        console.print(f"[{colours[finding.state]}]{finding.state:8}[/] {finding.what:10}", end=" ")
        console.print(finding.said, markup=False)
        if finding.advice:
            console.print(f"{'':20}→ {finding.advice}", markup=False)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """The command line. Every expected failure is one sentence and exit code 1, without a traceback."""
    from rag.errors import RetrievalError
    from shop.errors import ShopError

    handler = RichHandler(console=err, show_path=False, markup=False)
    logging.basicConfig(level="WARNING", format="%(message)s", datefmt="%X", handlers=[handler])
    for chatty in ("alembic", "httpx", "chromadb", "chainlit", "socketio", "engineio"):
        logging.getLogger(chatty).setLevel("WARNING")
    try:
        app()
    except (KefuError, RetrievalError, ShopError) as error:
        err.print("[red]Error:[/] ", end="")
        err.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
