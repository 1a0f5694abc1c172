"""The model for hard questions, where there is one: it thinks before it answers. Where it has no answer to give, the
ordinary model answers. Knows no prompt and no shopper.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from kefu.config import Settings
from kefu.events import ModelError
from kefu.llm import LLM, Endpoint, Finished, Piece, ReasoningDelta, TakenBack, TextDelta

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Thinker:
    """`max_tokens` are for its thinking and its answer together."""

    llm: LLM
    max_tokens: int
    temperature: float
    top_p: float

    async def pieces(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        otherwise: Callable[[], AsyncGenerator[Piece, None]],
    ) -> AsyncGenerator[Piece, None]:
        """Its thinking and its answer; or `otherwise`, where it is down, breaks before its first visible word, or
        thinks until its tokens are used up. Raises ModelError for an answer that breaks off."""
        answered, why = False, ""
        stream = self.llm.stream(
            messages, max_tokens=self.max_tokens, temperature=self.temperature, top_p=self.top_p, tools=tools
        )
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    match piece:
                        case TextDelta(text=text):
                            answered = answered or bool(text.strip())
                        case TakenBack():
                            answered = False
                        case Finished(tool_calls=calls, reason=reason):
                            answered = answered or bool(calls)
                            why = f"it gave no answer after its thinking (finish_reason {reason})"
                    if answered or isinstance(piece, ReasoningDelta | TakenBack):
                        yield piece
        except ModelError as error:
            if answered:
                raise
            why = str(error)
        if answered:
            return
        log.warning("the thinking model did not answer, the ordinary one does: %s", why)
        async with aclosing(otherwise()) as pieces:
            async for piece in pieces:
                yield piece


def thinker_of(settings: Settings, ordinary: Callable[[], Awaitable[Endpoint]]) -> Thinker | None:
    """The thinking model of the settings. Without an address of its own it is on the `ordinary` model's server."""
    if not (settings.thinking_url or settings.thinking_model):
        return None

    async def endpoint() -> Endpoint:
        if not settings.thinking_url:
            return replace(await ordinary(), model=settings.thinking_model)
        key = settings.thinking_api_key.get_secret_value()
        return Endpoint(settings.thinking_url, key, settings.thinking_model)

    llm = LLM(
        endpoint,
        connect_s=settings.llm_connect_timeout_s,
        first_token_s=settings.llm_first_token_timeout_s,
        idle_s=settings.llm_idle_timeout_s,
        total_s=settings.thinking_timeout_s,
        retries=0,  # the ordinary model is the second try
        thinks=True,
    )
    return Thinker(llm, settings.thinking_max_tokens, settings.thinking_temperature, settings.thinking_top_p)
