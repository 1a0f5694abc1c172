"""The model, as an OpenAI-compatible server: requests, limits and retries. Knows no prompt and no shopper.

An answer is read inside `async with`: closing `LLM.stream` or cancelling its task drops the connection, and with it
the work upstream.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from kefu.completion import (
    Completion,
    Delta,
    Finished,
    Piece,
    ReasoningDelta,
    TakenBack,
    TextDelta,
    ToolCall,
    Usage,
)
from kefu.events import ModelCut, ModelError, ModelRefused, ModelUnavailable
from kefu.model_server import Busy, Endpoint, ModelInfo, ModelServer
from kefu.sse import EventParser, WholeBody

__all__ = [
    "LLM", "Delta", "Endpoint", "Finished", "ModelInfo", "Piece", "ReasoningDelta", "TakenBack", "TextDelta",
    "ToolCall", "Usage",
]  # fmt: skip

_log = logging.getLogger(__name__)

_BACKOFF_S = 0.25  # before the first retry; doubles
_LONGEST_PAUSE_S = 5.0  # a server that says "come back later than this" is not waited for
_QUOTE_CHARS = 16  # of the request in a server's words are a quote
_TAIL_S = 2.0  # what may follow the finish_reason (usage, [DONE], the end of the body) is not waited for longer


class LLM:
    """One client for every request; made anywhere, used in one event loop. Limits are seconds, counted from the
    request: to the connection, to the first token (retries included), between tokens, to the end of the answer.
    `thinks`: whether a model that can think first is to; None leaves it to its server. Where it is, the text may begin
    with thinking."""

    def __init__(
        self,
        endpoint: Callable[[], Awaitable[Endpoint]],
        *,
        connect_s: float,
        first_token_s: float,
        idle_s: float,
        total_s: float,
        retries: int = 1,
        thinks: bool | None = None,
    ) -> None:
        self._endpoint = endpoint  # asked before each request: an embedded model may come back on another port
        self._server = ModelServer(connect_s)
        self._first_token_s = min(first_token_s, total_s)
        self._idle_s = idle_s
        self._total_s = total_s
        self._retries = retries
        self._thinks = bool(thinks)
        # For the chat template; one that does not know the word leaves it alone
        self._template = {} if thinks is None else {"chat_template_kwargs": {"enable_thinking": thinks}}

    async def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        temperature: float = 0.2,
        top_p: float = 0.8,
        tools: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[Piece, None]:
        """The answer piece by piece; the last one is `Finished`. Retried only while no piece has been given.

        Use it in `async with aclosing(...)`: a loop that is merely left aborts only when the garbage is collected.
        """
        sampling = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p}
        offered = {"tools": list(tools)} if tools else {}
        body = {"messages": list(messages), **sampling, **offered, **(extra or {})}
        started, template = time.monotonic(), self._template
        for attempt in itertools.count():
            completion, given = Completion(self._thinks), False
            try:
                async with aclosing(self._attempt(body | template, completion, started)) as pieces:
                    async for piece in pieces:
                        given = True
                        yield piece
                break
            except ModelError as error:
                if completion.reason:
                    break  # the answer was whole; only what follows it broke
                if isinstance(error, ModelRefused) and template and "chat_template" in str(error):
                    template = {}  # a strict server, which names the field that it does not know
                    continue
                _hide_quotes(error, messages)
                if given:
                    raise ModelCut(str(error)) from error
                pause = self._pause(error, attempt, started)
                if pause is None:
                    raise
                _log.warning("%s; trying again in %.2f s", error, pause)
            await asyncio.sleep(pause)
        self._template = template
        first_token = (completion.began_at or time.monotonic()) - started
        calls, beginnings = completion.tool_calls, completion.beginnings
        yield Finished(completion.reason, completion.usage, calls, first_token * 1000, beginnings)

    async def beginnings(self, messages: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """The likeliest first tokens of an answer (up to 20) with their log-probabilities; none where the server does
        not tell."""
        found: Mapping[str, float] = {}
        extra = {"logprobs": True, "top_logprobs": 20}
        async with aclosing(self.stream(messages, max_tokens=1, temperature=0, extra=extra)) as pieces:
            async for piece in pieces:
                found = piece.beginnings if isinstance(piece, Finished) else found
        return found

    async def models(self) -> list[ModelInfo]:
        """The models that the server lists, in its order."""
        endpoint = await self._where(time.monotonic())
        async with self._server.reported(endpoint), asyncio.timeout(self._first_token_s):
            return await self._server.models(endpoint)

    async def takes_late_system_message(self) -> bool:
        """Whether the model's template takes a system message after a user turn. Asks for one token to find out."""
        roles = ("system", "user", "assistant", "system", "user")
        try:
            await self._one_token([{"role": role, "content": "Hello."} for role in roles])
        except ModelRefused as error:
            if error.status != 400:
                raise
            return False
        return True

    async def takes_tools(self) -> bool:
        """Whether the server lets a model call tools; vLLM wants two options for it. Asks for one token to find out."""
        parameters = {"type": "object", "properties": {}}
        tools = [{"type": "function", "function": {"name": "nothing", "description": "-", "parameters": parameters}}]
        try:
            await self._one_token([{"role": "user", "content": "Hello."}], tools)
        except ModelRefused as error:
            if error.status != 400:
                raise
            return False
        return True

    async def warm(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Have the server prefill a prefix that many requests share. A failure costs speed only: it is logged."""
        try:
            await self._one_token(messages)
        except ModelError as error:
            _log.warning("the shared prefix could not be warmed: %s", error)

    async def close(self) -> None:
        """Drop every connection."""
        await self._server.close()

    async def _one_token(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> None:
        async with aclosing(self.stream(messages, max_tokens=1, tools=tools)) as pieces:
            async for _ in pieces:
                pass  # the request alone is what counts

    async def _attempt(
        self, body: Mapping[str, Any], completion: Completion, started: float
    ) -> AsyncGenerator[Delta, None]:
        endpoint = await self._where(started)
        async with self._server.reported(endpoint), AsyncExitStack() as stack:
            async with self._within(started, completion, started):
                model = await self._server.model(endpoint)
                streaming = {"stream": True, "stream_options": {"include_usage": True}}
                request = {"model": model, **body, **streaming}
                response = await stack.enter_async_context(self._server.open(endpoint, "chat/completions", request))
            parser = WholeBody() if response.content_type == "application/json" else EventParser()
            heard, open_ = started, True
            while open_ and (completion.reason or not completion.over):
                async with self._within(started, completion, heard):
                    read = await response.content.readany()
                open_ = bool(read)
                for data in parser.feed(read) if read else parser.end():
                    for piece in completion.add(data):
                        yield piece
                    heard = time.monotonic()  # comments do not count: a server that only pings is stuck
            if not completion.reason:
                raise ModelUnavailable("ended the answer without a finish_reason")

    async def _where(self, started: float) -> Endpoint:
        try:
            async with asyncio.timeout(started + self._first_token_s - time.monotonic()):
                return await self._endpoint()
        except TimeoutError:
            raise ModelUnavailable(f"the model server was not up within {self._first_token_s:g} s") from None

    def _pause(self, error: ModelError, attempt: int, started: float) -> float | None:
        """Seconds to wait before another try, or None where there is none."""
        if not isinstance(error, ModelUnavailable) or attempt >= self._retries:
            return None
        backoff = _BACKOFF_S * 2**attempt * random.uniform(1, 1.5)  # spread: many shoppers saw the same failure
        pause = error.retry_after if isinstance(error, Busy) else backoff
        in_time = time.monotonic() + pause < started + self._first_token_s
        return pause if in_time and pause <= _LONGEST_PAUSE_S else None

    @asynccontextmanager
    async def _within(self, started: float, completion: Completion, heard: float) -> AsyncIterator[None]:
        """The limit that ends soonest for one wait."""
        limits = [(started + self._total_s, f"had not finished the answer after {self._total_s:g} s")]
        if completion.reason:
            limits.append((heard + _TAIL_S, "did not end the stream"))
        elif completion.began_at is None:
            limits.append((started + self._first_token_s, f"gave no token within {self._first_token_s:g} s"))
        else:
            limits.append((heard + self._idle_s, f"gave no further token for {self._idle_s:g} s"))
        until, words = min(limits)
        try:
            async with asyncio.timeout(until - time.monotonic()) as limit:
                yield
        except TimeoutError:
            if limit.expired():
                raise ModelUnavailable(words) from None
            raise


def _hide_quotes(error: ModelError, messages: Sequence[Mapping[str, Any]]) -> None:
    """Takes a server's words out of an error that quotes the request: errors are logged, and a request holds what a
    shopper wrote and what the shop knows of them."""
    words = str(error)
    sent = json.dumps(list(messages), ensure_ascii=False)
    plain = " ".join(str(message.get("content", "")) for message in messages)
    starts = range(len(words) - _QUOTE_CHARS + 1)
    if any(run in sent or run in plain for run in (words[at : at + _QUOTE_CHARS] for at in starts)):
        error.args = (f"{words.partition(': ')[0]}: (its words quote the request)",)
