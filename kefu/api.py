"""The REST surface: one turn as server-sent events, conversations, passages, health. Knows no rule of the shop."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from anyio import CancelScope
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, BeforeValidator, Field

from kefu.chat import Incoming
from kefu.conversations import Conversation, Message
from kefu.desk import Desk
from kefu.events import Event, ModelError, NotFound, Trace
from kefu.identity import GUEST_COOKIE
from kefu.languages import Voice, detect
from kefu.staff import found_view
from rag.errors import RetrievalError

log = logging.getLogger(__name__)

_YEAR_S = 365 * 24 * 3600
_READY_S = 5  # a model server that takes longer to say that it is there is not ready


def _whole(text: object) -> object:
    """Without half emoji, which a client that cuts its text at a number of characters sends, and nothing can store."""
    return text.encode("utf-8", "ignore").decode() if isinstance(text, str) else text


class ChatRequest(BaseModel):
    """One message of a shopper. Without `conversation` a new one begins; `message_id` makes a retry harmless."""

    message: Annotated[
        str, BeforeValidator(_whole), Field(max_length=100_000)
    ]  # the friendly limit is the assistant's; this one only bounds memory
    conversation: uuid.UUID | None = None
    message_id: uuid.UUID | None = None


class MessageView(BaseModel):
    """A stored message as its owner may see it."""

    id: str
    role: str
    text: str
    status: str
    language: str | None
    created_at: str
    reply_to: str | None
    sources: list[dict[str, Any]]
    citations: list[dict[str, Any]]
    notices: list[dict[str, Any]]


class ConversationView(BaseModel):
    """A conversation with its messages, oldest first."""

    id: str
    title: str
    language: str | None
    messages: list[MessageView]


class PassageView(BaseModel):
    """A policy passage that was found. `score`: cosine similarity after centring, best first."""

    id: str
    source: str
    heading: str
    language: str
    score: float
    text: str


class PassagesView(BaseModel):
    """What was found; empty is a result too."""

    passages: list[PassageView]


def sse(event: Event) -> bytes:
    """One event in the wire form of server-sent events."""
    return f"event: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


OpenDesk = Annotated[Desk, Depends(_desk)]


def _owner(desk: OpenDesk, request: Request, response: Response) -> str:
    """Who asks: the guest of the bearer token or the cookie; a stranger becomes a new guest. Never from the body."""
    authorization = request.headers.get("authorization", "")
    scheme, _, bearer = authorization.partition(" ")
    if authorization:
        owner = desk.guests.owner(bearer.strip()) if scheme.lower() == "bearer" else None
        if owner is None:
            raise HTTPException(401, "The token is not valid.", headers={"WWW-Authenticate": "Bearer"})
        return owner
    known = desk.guests.owner(request.cookies.get(GUEST_COOKIE, ""))
    if known:
        return known
    owner, token = desk.guests.issue()
    secure = request.url.scheme == "https"
    response.set_cookie(GUEST_COOKIE, token, max_age=_YEAR_S, httponly=True, samesite="lax", secure=secure)
    return owner


def _view(conversation: Conversation, messages: list[Message]) -> ConversationView:
    return ConversationView(
        id=conversation.id,
        title=conversation.title,
        language=conversation.language,
        messages=[
            MessageView(
                id=m.id,
                role=m.role,
                text=m.text,
                status=m.status,
                language=m.language,
                created_at=m.created_at.isoformat(),
                reply_to=m.reply_to,
                sources=[s.model_dump() for s in m.sources],
                citations=[c.model_dump() for c in m.citations],
                notices=[n.model_dump() for n in m.notices],
            )
            for m in messages
        ],
    )


async def _events(desk: Desk, conversation: Conversation, message: Incoming) -> AsyncIterator[bytes]:
    """The turn runs in a task of its own. When the client leaves, Starlette cancels this one again and again; the turn
    is cancelled once and waited for, so that it saves what was said before the next turn begins."""
    said: asyncio.Queue[Event | None] = asyncio.Queue()

    async def speak() -> None:
        try:
            async with aclosing(desk.assistant.reply(conversation, message)) as events:
                async for event in events:
                    said.put_nowait(event)
        finally:
            said.put_nowait(None)

    turn = asyncio.create_task(speak())
    try:
        while event := await said.get():
            if not isinstance(event, Trace):
                yield sse(event)
        await turn
    finally:
        turn.cancel()
        with CancelScope(shield=True):
            await asyncio.wait([turn])


Owner = Annotated[str, Depends(_owner)]
router = APIRouter()


@router.post("/v1/chat", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def chat(
    body: ChatRequest, request: Request, response: Response, owner: Owner, desk: OpenDesk
) -> StreamingResponse:
    """Answers one message as a stream of events: language, sources, token, cited, notice, done."""
    message_id = body.message_id or uuid.uuid4()
    try:
        if body.conversation:
            conversation = await desk.conversations.get(str(body.conversation), owner)
        else:  # named after its first message: a retry of that finds the conversation that it began
            conversation = await desk.conversations.start(owner, str(uuid.uuid5(message_id, owner)))
    except NotFound:
        raise HTTPException(404, "No such conversation.") from None
    message = Incoming(text=body.message, id=str(message_id), locale=request.headers.get("accept-language"))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-conversation": conversation.id}
    cookie = response.headers.get("set-cookie")
    return StreamingResponse(
        _events(desk, conversation, message),
        media_type="text/event-stream",
        headers=headers | ({"set-cookie": cookie} if cookie else {}),
    )


@router.get("/v1/conversations/{id}")
async def conversation(id: uuid.UUID, owner: Owner, desk: OpenDesk) -> ConversationView:
    """One of the caller's own conversations."""
    try:
        found = await desk.conversations.get(str(id), owner)
    except NotFound:
        raise HTTPException(404, "No such conversation.") from None
    return _view(found, await desk.conversations.messages(found.id))


@router.get("/v1/passages")
async def passages(
    desk: OpenDesk,
    q: Annotated[str, Query(min_length=1, max_length=4000)],
    k: Annotated[int, Query(ge=1, le=20)] = 5,
    language: Annotated[str | None, Query(max_length=35)] = None,
) -> PassagesView:
    """The policy passages nearest in meaning to `q`; its language is detected where it is not given."""
    settings = desk.settings
    voice = Voice(settings.language_voice)
    spoken = language or detect(q, default=settings.default_language, voice=voice).language
    try:
        found = await asyncio.to_thread(desk.index.search, q, language=spoken, k=k, region=settings.region)
    except RetrievalError as error:
        log.warning("no passages: %s: %s", type(error).__name__, error)
        raise HTTPException(503, "The policies cannot be searched now.") from None
    return PassagesView(passages=[PassageView(**found_view(f)) for f in found])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(response: Response, desk: OpenDesk) -> dict[str, str]:
    """Whether a question would be answered now: the model and the index, each in a word."""
    try:
        async with asyncio.timeout(_READY_S):
            await desk.llm.models()
        model = "ok"
    except (ModelError, TimeoutError):
        model = "unavailable"
    state = {"model": model, "index": "ok" if desk.index.ready() else "empty"}
    if set(state.values()) != {"ok"}:
        response.status_code = 503
    return state
