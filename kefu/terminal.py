"""One conversation in a terminal: the events of a turn as text, with a trace for staff, or as one JSON object."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

from rich.console import Console

from kefu.card_shapes import ApprovalCard
from kefu.card_text import lines
from kefu.chat import Incoming
from kefu.config import Settings
from kefu.conversations import Conversation
from kefu.desk import Desk, open_desk
from kefu.events import (
    ApprovalNeeded,
    CardShown,
    Cited,
    Done,
    Event,
    LanguageDetected,
    NotFound,
    Notice,
    Source,
    Sources,
    Thinking,
    Token,
    ToolFinished,
    ToolStarted,
    Trace,
    Withdrawn,
)
from kefu.identity import terminal_owner
from kefu.progress import bars
from kefu.staff import path_of

_T = TypeVar("_T")


async def _conversation(desk: Desk, id: str | None, customer: str | None) -> Conversation:
    """The staff member's own conversation, which may speak for a customer: whoever is at this terminal reads the
    database anyway. It is kept who vouched."""
    try:
        talk = await (
            desk.conversations.start(terminal_owner()) if id is None else desk.conversations.get(id, terminal_owner())
        )
    except NotFound:
        raise NotFound(f"You have no conversation {id}. `kefu ask --json` prints the id of each.") from None
    if customer is not None:
        await desk.shop.orders.of(customer).profile()  # or the customer is not there
        if await desk.proofs.vouch(talk, customer) != "proved":
            raise NotFound(f"Conversation {talk.id} speaks for another customer: begin a new one.")
    return talk


async def decide(settings: Settings, approval: str, yes: bool, as_json: bool, err: Console) -> bool:
    """Confirms or cancels a change that `kefu ask` put up; True when that was done."""
    async with AsyncExitStack() as stack:
        with bars(err) as progress:
            desk = await stack.enter_async_context(open_desk(settings, progress))
        try:
            talk = await desk.assistant.conversation_of(approval, terminal_owner())
        except NotFound:
            raise NotFound(f"Nothing of yours waits under {approval}. `kefu ask` prints the id of a change.") from None
        async with aclosing(desk.assistant.decide(talk, approval, yes)) as events:
            return await (_as_json(events, False) if as_json else _as_text(events, False, err))


async def ask_once(
    settings: Settings,
    text: str,
    conversation: str | None,
    customer: str | None,
    locale: str | None,
    trace: bool,
    as_json: bool,
    err: Console,
) -> bool:
    """Answers one question; True when the answer is complete."""
    async with AsyncExitStack() as stack:
        with bars(err) as progress:
            desk = await stack.enter_async_context(open_desk(settings, progress))
        talk = await _conversation(desk, conversation, customer)
        async with aclosing(desk.assistant.reply(talk, Incoming(text=text, locale=locale))) as events:
            return await (_as_json(events, trace) if as_json else _as_text(events, trace, err))


async def chat_on(
    settings: Settings, conversation: str | None, customer: str | None, locale: str | None, trace: bool, err: Console
) -> None:
    """Reads questions until an empty line, the end of input or Ctrl-C. In an answer Ctrl-C stops that only. A change
    that waits is confirmed by a line "y", and by nothing else."""
    async with AsyncExitStack() as stack:
        with bars(err) as progress:
            desk = await stack.enter_async_context(open_desk(settings, progress))
        talk = await _conversation(desk, conversation, customer)
        said = f"{settings.shop_name}, conversation {talk.id}. An empty line ends it."
        err.print(said, style="dim", markup=False, highlight=False, soft_wrap=True)
        while question := (await _unless_interrupted(_next_line()) or "").strip():
            await _answered(desk.assistant.reply(talk, Incoming(text=question, locale=locale)), trace, err)
            waiting = [id for id, card in (await desk.assistant.approvals(talk)).items() if card.state == "pending"]
            for approval in waiting:
                err.print("Confirm? [y/N]", style="bold", markup=False)
                yes = (await _unless_interrupted(_next_line()) or "").strip().casefold() in ("y", "yes")
                await _answered(desk.assistant.decide(talk, approval, yes), trace, err)


async def _answered(happening: AsyncGenerator[Event, None], trace: bool, err: Console) -> None:
    async with aclosing(happening) as events:
        if await _unless_interrupted(_as_text(events, trace, err)) is None:
            err.print("\nstopped", style="dim")


async def _unless_interrupted(doing: Coroutine[Any, Any, _T]) -> _T | None:
    """What it returns; None when Ctrl-C ended it."""
    loop, task = asyncio.get_running_loop(), asyncio.create_task(doing)
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _next_line() -> str:
    """A line of the input, "" at its end. Its thread is waited for by nobody: Ctrl-C need not wait for Enter."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def give(text: str) -> None:
        if not line.done():
            line.set_result(text)

    def read() -> None:
        # Unbuffered: at its exit Python dies of a thread that holds the lock of sys.stdin's buffer
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as keyboard:
            text = keyboard.readline().decode("utf-8", "replace")
        loop.call_soon_threadsafe(give, text)

    if sys.stdin.isatty():
        print("> ", end="", file=sys.stderr, flush=True)
    threading.Thread(target=read, name="input", daemon=True).start()
    return await line


async def _as_text(events: AsyncIterator[Event], trace: bool, err: Console) -> bool:
    sources: tuple[Source, ...] = ()
    done: Done | None = None
    in_line = False  # the answer's last line is still open
    thinking = False
    async for event in events:
        if isinstance(event, Thinking):
            if trace or not thinking:
                said = ("" if thinking else "thinking: ") + event.text if trace else "thinking …\n"
                err.print(said, end="", style="dim", markup=False, highlight=False, soft_wrap=True)
            thinking = True
            continue
        if thinking and trace:
            err.print()
        thinking = False
        if in_line and not isinstance(event, Token | Cited):
            print(flush=True)
            in_line = False
        match event:
            case Token(text=text):
                print(text, end="", flush=True)
                in_line = True
            case Cited(citation=citation):
                print("".join(f" [{n}]" for n in citation.sources), end="", flush=True)
                in_line = True
            case Withdrawn():
                print("(taken back)", flush=True)
            case Notice(text=text):
                print(text, flush=True)
            case CardShown(card=card) | ApprovalNeeded(card=card):
                for line in lines(card):
                    print(line, flush=True)
                if isinstance(card, ApprovalCard) and card.state == "pending":
                    err.print(f"kefu approve {card.id}", style="dim", markup=False, highlight=False, soft_wrap=True)
            case Sources():
                sources = event.sources
            case Done():
                done = event
        if trace:
            _print_trace(event, err)
    cited = {n for c in (done.citations if done else ()) for n in c.sources}
    for source in sources:
        mark = "" if source.number in cited else "  (read, not cited)"
        print(f"  [{source.number}] {path_of(source)} ({source.id}){mark}", flush=True)
    return done is not None and done.status == "complete"


def _print_trace(event: Event, err: Console) -> None:
    match event:
        case LanguageDetected():
            lines = [f"language: {event.language} ({event.confidence:.2f}): {event.reason}"]
        case Trace(step=step, data=data):
            lines = [f"{step}: {_shown(data, indent=2)}"]
        case Done():
            lines = [f"timings (ms): {_shown(event.timings)}", f"tokens: {_shown(event.usage)}"]
        case _:
            lines = []
    for line in lines:  # unwrapped, so that it can be copied
        err.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def _shown(data: Mapping[str, object], indent: int | None = None) -> str:
    return json.dumps(data, ensure_ascii=False, indent=indent, default=str)


async def _as_json(events: AsyncIterator[Event], trace: bool) -> bool:
    """The contract of `kefu ask --json`: language, answer, sources[], citations[], tools[], timings{} and more."""
    result: dict[str, Any] = {"language": "", "answer": "", "sources": [], "citations": [], "tools": []}
    notices: list[dict[str, Any]] = []
    cards: list[dict[str, Any]] = []
    traces: dict[str, Any] = {}
    thoughts: list[str] = []
    complete = False
    async for event in events:
        match event:
            case LanguageDetected():
                result |= {"language": event.language, "reason": event.reason}
            case Sources():
                result["sources"] = [source.model_dump() for source in event.sources]
            case Notice():
                notices.append(event.model_dump(exclude={"type"}))
            case ToolStarted():
                result["tools"].append({"tool": event.tool, "arguments": event.arguments, "ok": None, "refused": ""})
            case ToolFinished():
                result["tools"][-1] |= {"ok": event.ok, "refused": event.refused}
            case CardShown() | ApprovalNeeded():
                cards.append(event.card.model_dump(mode="json"))
            case Trace():
                traces[event.step] = event.data
            case Thinking(text=text):
                thoughts.append(text)
            case Done():
                complete = event.status == "complete"
                result |= event.model_dump(exclude={"type"})
    result["answer"] = result["answer"] or " ".join(n["text"] for n in notices)
    result |= {"notices": notices, "cards": cards}
    if trace:
        result["trace"] = traces | ({"thinking": "".join(thoughts)} if thoughts else {})
    print(json.dumps(result, ensure_ascii=False, default=str))
    return complete
