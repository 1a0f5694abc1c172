"""The REST surface: one turn as server-sent events, conversations, passages, health. Knows no rule of the shop."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Literal, TypeVar

from anyio import CancelScope
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, BeforeValidator, Field

from kefu.card_shapes import ApprovalCard
from kefu.chat import Incoming
from kefu.conversations import Conversation, Message
from kefu.desk import Desk
from kefu.events import Event, ModelError, NotFound, Thinking, Trace
from kefu.identity import CUSTOMER_COOKIE, GUEST_COOKIE, BadToken, customer_of
from kefu.languages import Voice, detect
from kefu.staff import found_view
from rag.errors import RetrievalError
from shop.errors import Refused, ShopError
from shop.protocol import CustomerOrders

T = TypeVar("T")
log = logging.getLogger(__name__)

_YEAR_S = 365 * 24 * 3600
_QUIET_S = 15  # a stream never says nothing for longer: proxies give up after a minute or less
_READY_S = 5  # a model server that takes longer to say that it is there is not ready


def whole(value: object) -> object:
    """A text, and every text in a body, without half emoji: clients that cut their text at a number of characters send
    them, and nothing can store or answer them."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return {whole(key): whole(inner) for key, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list) else value


class ChatRequest(BaseModel):
    """One message of a shopper. Without `conversation` a new one begins; `message_id` makes a retry harmless."""

    message: Annotated[
        str, BeforeValidator(whole), Field(max_length=100_000)
    ]  # the friendly limit is the assistant's; this one only bounds memory
    conversation: uuid.UUID | None = None
    message_id: uuid.UUID | None = None
    trace: bool = False  # every step that a shopper does not see; for staff only


class DecisionRequest(BaseModel):
    """A click on the card of a change."""

    approval: uuid.UUID
    decision: Literal["confirm", "cancel"]


class ProofRequest(BaseModel):
    """An order and what only its customer knows: the last four digits of their phone, or their e-mail address.
    Without `conversation` a new one begins."""

    order: Annotated[str, Field(max_length=40)]
    secret: Annotated[str, Field(max_length=254)]
    conversation: uuid.UUID | None = None


class ProofView(BaseModel):
    """The conversation that acts for the order's customer now."""

    conversation: str


class MemoryView(BaseModel):
    """What is remembered: "size" -> "M"."""

    remembered: dict[str, str]


class ForgottenView(BaseModel):
    """How many things were forgotten."""

    forgotten: int


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
    cards: list[dict[str, Any]]


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
    """Who asks: the guest or the customer of the bearer token or the cookies; a stranger becomes a new guest. Never
    from the body."""
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    bearer = (token.strip() if scheme.lower() == "bearer" else "") if authorization else None
    cookies = request.cookies
    try:
        owner = desk.identity.owner_of(
            bearer=bearer,
            customer_cookie=cookies.get(CUSTOMER_COOKIE, ""),
            guest_cookie=cookies.get(GUEST_COOKIE, ""),
        )
    except BadToken:
        raise HTTPException(401, "The token is not valid.", headers={"WWW-Authenticate": "Bearer"}) from None
    if owner:
        return owner
    owner, token = desk.identity.guests.issue()
    secure = request.url.scheme == "https"
    response.set_cookie(GUEST_COOKIE, token, max_age=_YEAR_S, httponly=True, samesite="lax", secure=secure)
    return owner


def _view(
    conversation: Conversation, messages: list[Message], approvals: Mapping[str, ApprovalCard]
) -> ConversationView:
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
                cards=[approvals.get(getattr(c, "id", ""), c).model_dump() for c in m.cards],
            )
            for m in messages
        ],
    )


async def _events(turn_events: AsyncGenerator[Event, None], traced: bool = False) -> AsyncIterator[bytes]:
    """The turn runs in a task of its own. When the client leaves, Starlette cancels this one again and again; the turn
    is cancelled once and waited for, so that it saves what was said before the next turn begins."""
    said: asyncio.Queue[Event | None] = asyncio.Queue()

    async def speak() -> None:
        try:
            async with aclosing(turn_events) as events:
                async for event in events:
                    said.put_nowait(event)
        finally:
            said.put_nowait(None)

    turn = asyncio.create_task(speak())
    try:
        while event := await _next(said):
            if event == "waiting":
                yield b": waiting\n\n"  # a comment, which keeps proxies from hanging up while a model thinks
            elif traced or not isinstance(event, Trace | Thinking):
                yield sse(event)
        await turn
    finally:
        turn.cancel()
        with CancelScope(shield=True):
            await asyncio.wait([turn])


async def _next(said: asyncio.Queue[Event | None]) -> Event | Literal["waiting"] | None:
    try:
        async with asyncio.timeout(_QUIET_S):
            return await said.get()
    except TimeoutError:
        return "waiting"


Owner = Annotated[str, Depends(_owner)]
router = APIRouter()


_SSE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.post("/v1/chat", response_class=StreamingResponse, responses=_SSE)
async def chat(
    body: ChatRequest, request: Request, response: Response, owner: Owner, desk: OpenDesk
) -> StreamingResponse:
    """Answers one message as a stream of events: language, sources, token, cited, notice, tool_started, tool_finished,
    card, approval, done; for staff with `trace` also trace and thinking."""
    message_id = body.message_id or uuid.uuid4()
    try:
        if body.conversation:
            conversation = await desk.conversations.get(str(body.conversation), owner)
        else:  # named after its first message: a retry of that finds the conversation that it began
            conversation = await desk.conversations.start(owner, str(uuid.uuid5(message_id, owner)))
    except NotFound:
        raise HTTPException(404, "No such conversation.") from None
    traced = body.trace and await _staff_only(desk, owner)
    client = request.client.host if request.client else ""
    locale = request.headers.get("accept-language")
    message = Incoming(text=body.message, id=str(message_id), locale=locale, address=client)
    return _stream(desk.assistant.reply(conversation, message), conversation, response, traced)


def _stream(
    events: AsyncGenerator[Event, None], conversation: Conversation, response: Response, traced: bool = False
) -> StreamingResponse:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-conversation": conversation.id}
    cookie = response.headers.get("set-cookie")
    return StreamingResponse(
        _events(events, traced),
        media_type="text/event-stream",
        headers=headers | ({"set-cookie": cookie} if cookie else {}),
    )


async def _staff_only(desk: Desk, owner: str) -> bool:
    """Looked up on every use: no token and no field says who is staff."""
    if await desk.staff.role(owner) is None:
        raise HTTPException(403, "Only staff see the trace.")
    return True


@router.post("/v1/approvals", response_class=StreamingResponse, responses=_SSE)
async def approve(body: DecisionRequest, response: Response, owner: Owner, desk: OpenDesk) -> StreamingResponse:
    """Confirms or cancels a change that an `approval` event asked for; the answer is a turn's stream. Any number of
    times, it is done once."""
    try:
        conversation = await desk.assistant.conversation_of(str(body.approval), owner)
    except NotFound:
        raise HTTPException(404, "No such approval.") from None
    events = desk.assistant.decide(conversation, str(body.approval), body.decision == "confirm")
    return _stream(events, conversation, response)


@router.post("/v1/proofs")
async def prove(body: ProofRequest, request: Request, owner: Owner, desk: OpenDesk) -> ProofView:
    """Proves that an order is the caller's, for one conversation: 403 when it does not match, 429 after too many."""
    try:
        if body.conversation:
            conversation = await desk.conversations.get(str(body.conversation), owner)
        else:
            conversation = await desk.conversations.start(owner)
        client = request.client.host if request.client else ""
        outcome = await desk.proofs.prove(conversation, body.order, body.secret, address=client)
    except NotFound:
        raise HTTPException(404, "No such conversation.") from None
    except ShopError as error:
        log.warning("no proof: %s: %s", type(error).__name__, error)
        raise HTTPException(503, "The shop cannot be asked now.") from None
    if outcome == "wrong":
        raise HTTPException(403, "The order number and the secret do not match.")
    if outcome == "locked":
        raise HTTPException(429, "Too many tries. Come back in an hour.")
    if outcome == "already":
        raise HTTPException(409, "This conversation acts for a customer already.")
    return ProofView(conversation=conversation.id)


@router.get("/v1/memory")
async def memory(owner: Owner, desk: OpenDesk) -> MemoryView:
    """What is remembered of the signed-in customer beyond their conversations."""
    return MemoryView(remembered=dict(await _shop(_own_orders(desk, owner).memory())))


@router.delete("/v1/memory")
async def forget(owner: Owner, desk: OpenDesk) -> ForgottenView:
    """Forgets all of it. The customer's own request with their own token: nobody asks twice."""
    return ForgottenView(forgotten=await _shop(_own_orders(desk, owner).forget()))


def _own_orders(desk: Desk, owner: str) -> CustomerOrders:
    customer = customer_of(owner)
    if customer is None:
        raise HTTPException(403, "Only for signed-in customers.")
    return desk.shop.orders.of(customer)


async def _shop(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Refused:
        raise HTTPException(404, "No such customer.") from None
    except ShopError as error:
        log.warning("the shop did not answer: %s: %s", type(error).__name__, error)
        raise HTTPException(503, "The shop cannot be asked now.") from None


@router.get("/v1/conversations/{id}")
async def conversation(id: uuid.UUID, owner: Owner, desk: OpenDesk) -> ConversationView:
    """One of the caller's own conversations."""
    try:
        found = await desk.conversations.get(str(id), owner)
    except NotFound:
        raise HTTPException(404, "No such conversation.") from None
    messages = await desk.conversations.messages(found.id)
    return _view(found, messages, await desk.assistant.approvals(found))


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
