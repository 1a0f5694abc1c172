"""What a page may say over its socket: five events, each checked. Chainlit's other events are not listened to.

Its handlers trust ids, authors and props from the client, stop only the last task and put exceptions on the wire.
"""

from __future__ import annotations

import uuid
from typing import Any

from chainlit import socket as chainlit_socket
from chainlit.server import sio
from chainlit.session import WebsocketSession

from kefu.events import NotFound
from web.answer import Question
from web.guards import client, visitor
from web.history import thread
from web.running import desk
from web.turns import room_of, turns

_LARGEST_FRAME = 4_000_000  # bytes; a pasted novel still gets its sentence instead of a closed socket


async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool:
    """A page opens its session, new or in a conversation that is its own."""
    owner = visitor.get()
    try:
        session, conversation = _uuid(auth["sessionId"]), auth.get("threadId") or None
        if not owner:
            raise ConnectionRefusedError("no guest")
        if conversation:
            conversation = (await desk().conversations.start(owner, _uuid(conversation))).id
    except (KeyError, TypeError, ValueError, AttributeError, NotFound):
        raise ConnectionRefusedError("refused") from None
    checked = {
        "sessionId": session,
        "threadId": conversation,
        "userEnv": None,
        "clientType": "webapp",
        "chatProfile": None,
    }
    return bool(await chainlit_socket.connect(sid, environ, checked))


async def connection_successful(sid: str, *_: Any) -> None:
    """The page listens now: it gets its conversation as it stands, also after a lost connection."""
    session = WebsocketSession.get(sid)
    if session is None:
        return
    room = _room(session)
    await sio.enter_room(sid, room)
    running = turns.running(room)  # before reading, so that a turn that ends meanwhile is in one of the two
    try:
        conversation = await desk().conversations.get(session.thread_id, visitor.get())
    except NotFound:
        conversation = None  # a new chat has none before its first question
    if conversation:
        whole = await thread(conversation)
        for answer in running:
            whole["steps"] += answer.as_steps()
            whole["elements"] += answer.as_elements()
        await sio.emit("first_interaction", {"interaction": "resume", "thread_id": conversation.id}, to=sid)
        await sio.emit("resume_thread", whole, to=sid)
    await sio.emit("task_start" if turns.running(room) else "task_end", {}, to=sid)


async def client_message(sid: str, payload: Any = None, *_: Any) -> None:
    """A shopper asks. Of what the page sends, only the text and its id count."""
    session = WebsocketSession.get(sid)
    try:
        message = payload["message"]
        id, text = _uuid(message["id"]), message["output"]
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    if session and isinstance(text, str):
        turns.begin(Question(id, text, session.thread_id, visitor.get(), session.language, client.get()))


async def stop(sid: str, *_: Any) -> None:
    """Whatever runs in this conversation ends."""
    if session := WebsocketSession.get(sid):
        await turns.stop(_room(session))


async def clear_session(sid: str, *_: Any) -> None:
    """The page goes to another conversation: its session need not be kept for a return."""
    await chainlit_socket.clean_session(sid)


async def disconnect(sid: str, *_: Any) -> None:
    session = WebsocketSession.get(sid)
    await chainlit_socket.disconnect(sid)
    if session:
        turns.left(_room(session))


def _room(session: WebsocketSession) -> str:
    return room_of(visitor.get(), session.thread_id)


def _uuid(value: Any) -> str:
    """The UUID in its usual spelling; ValueError for anything else."""
    if not isinstance(value, str) or str(uuid.UUID(value)) != value.lower():
        raise ValueError("not a UUID")
    return value.lower()


sio.handlers["/"] = {
    "connect": connect,
    "connection_successful": connection_successful,
    "client_message": client_message,
    "stop": stop,
    "disconnect": disconnect,
    "clear_session": clear_session,
}
sio.eio.max_http_buffer_size = _LARGEST_FRAME
sio.eio.transports = ["websocket"]
