"""One conversation in a terminal: the events of a turn as text, with a trace for staff, or as one JSON object."""

from __future__ import annotations

import asyncio
import getpass
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any

from rich.console import Console

from kefu.chat import Incoming
from kefu.config import Settings
from kefu.conversations import Conversation
from kefu.desk import Desk, open_desk
from kefu.events import Cited, ConfigError, Done, Event, LanguageDetected, NotFound, Notice, Sources, Token, Trace
from kefu.progress import bars


def _staff() -> str:
    return f"staff:{getpass.getuser()}"


async def _conversation(desk: Desk, id: str | None) -> Conversation:
    try:
        if id is None:
            return await desk.conversations.start(_staff())
        return await desk.conversations.get(id, _staff())
    except NotFound:
        raise ConfigError(f"No conversation {id} of yours. `kefu ask --json` prints the id of each.") from None


async def ask_once(
    settings: Settings,
    text: str,
    conversation: str | None,
    locale: str | None,
    trace: bool,
    as_json: bool,
    err: Console,
) -> bool:
    """Answers one question; True when the answer is complete."""
    async with AsyncExitStack() as stack:
        with bars(err) as progress:
            desk = await stack.enter_async_context(open_desk(settings, progress))
        talk = await _conversation(desk, conversation)
        async with aclosing(desk.assistant.reply(talk, Incoming(text=text, locale=locale))) as events:
            return await (_as_json(events, trace) if as_json else _as_text(events, trace, err))


async def chat_on(settings: Settings, conversation: str | None, locale: str | None, trace: bool, err: Console) -> None:
    """Reads questions until an empty line or the end of input. Ctrl-C stops the running answer only."""
    async with AsyncExitStack() as stack:
        with bars(err) as progress:
            desk = await stack.enter_async_context(open_desk(settings, progress))
        talk = await _conversation(desk, conversation)
        err.print(f"[dim]{settings.shop_name}, conversation {talk.id}. An empty line ends it.[/]", highlight=False)
        loop = asyncio.get_running_loop()
        while question := (await asyncio.to_thread(_read_line)).strip():
            async with aclosing(desk.assistant.reply(talk, Incoming(text=question, locale=locale))) as events:
                answering = asyncio.create_task(_as_text(events, trace, err))
                loop.add_signal_handler(signal.SIGINT, answering.cancel)
                try:
                    await answering
                except asyncio.CancelledError:
                    err.print("\n[dim]stopped[/]")
                finally:
                    loop.remove_signal_handler(signal.SIGINT)


def _read_line() -> str:
    try:
        return input("> " if sys.stdin.isatty() else "")
    except EOFError:
        return ""


async def _as_text(events: AsyncIterator[Event], trace: bool, err: Console) -> bool:
    sources: Sources | None = None
    done: Done | None = None
    async for event in events:
        match event:
            case Token(text=text):
                print(text, end="", flush=True)
            case Cited(citation=citation):
                print("".join(f" [{n}]" for n in citation.sources), end="", flush=True)
            case Notice(text=text):
                print(f"\n{text}" if done is None else text)
            case Sources():
                sources = event
            case Done():
                done = event
        if trace:
            _print_trace(event, err)
    print()
    cited = {n for c in (done.citations if done else ()) for n in c.sources}
    for source in sources.sources if sources else ():
        mark = "" if source.number in cited else "  (read, not cited)"
        print(f"  [{source.number}] {source.title} › {source.heading} ({source.id}){mark}")
    return done is not None and done.status == "complete"


def _print_trace(event: Event, err: Console) -> None:
    match event:
        case LanguageDetected():
            err.print(f"language: {event.language} ({event.confidence:.2f}): {event.reason}", style="dim", markup=False)
        case Trace(step=step, data=data):
            shown = json.dumps(data, ensure_ascii=False, indent=2, default=str)
            err.print(f"{step}: {shown}", style="dim", markup=False, highlight=False)
        case Done():
            err.print(f"timings (ms): {event.timings}\ntokens: {event.usage}", style="dim", markup=False)


async def _as_json(events: AsyncIterator[Event], trace: bool) -> bool:
    """The contract of `kefu ask --json`: language, answer, sources[], citations[], tools[], timings{} and more."""
    result: dict[str, Any] = {"language": "", "answer": "", "sources": [], "citations": [], "tools": []}
    notices: list[dict[str, Any]] = []
    traces: dict[str, Any] = {}
    complete = False
    async for event in events:
        match event:
            case LanguageDetected():
                result |= {"language": event.language, "reason": event.reason}
            case Sources():
                result["sources"] = [source.model_dump() for source in event.sources]
            case Notice():
                notices.append(event.model_dump(exclude={"type"}))
            case Trace():
                traces[event.step] = event.data
            case Done():
                complete = event.status == "complete"
                result |= event.model_dump(exclude={"type"})
    result["answer"] = result["answer"] or " ".join(n["text"] for n in notices)
    result["notices"] = notices
    if trace:
        result["trace"] = traces
    print(json.dumps(result, ensure_ascii=False, default=str))
    return complete
