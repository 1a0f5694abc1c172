"""The site's own routes: the chat page, its files, its thumbs, its words. Chainlit's own are behind web.guards.Gate."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel

from kefu.config import ROOT
from kefu.conversations import Conversation
from kefu.desk import Desk
from kefu.events import NotFound
from kefu.identity import GUEST_COOKIE
from web import steps
from web.guards import owner_of
from web.html import ChatPage
from web.locales import INTERFACE, language_of

_YEAR_S = 365 * 24 * 3600
_RESUME_WITHIN = timedelta(hours=24)  # a bare / after that begins a new conversation; the list keeps the old one


class Thumb(BaseModel):
    """Chainlit's form of a thumb: `forId` is the bracket around an answer."""

    forId: str
    threadId: uuid.UUID
    value: Literal[0, 1]
    comment: Annotated[str | None, Query(max_length=4000)] = None


class ThumbGiven(BaseModel):
    feedback: Thumb


class ThumbTaken(BaseModel):
    feedbackId: uuid.UUID


class SessionCookie(BaseModel):
    session_id: uuid.UUID


def router(desk: Desk, page: ChatPage) -> APIRouter:
    """The routes of the chat page."""
    site = APIRouter(include_in_schema=False)
    default = desk.settings.default_language

    def chat(request: Request) -> HTMLResponse:
        language = language_of(request.headers.get("accept-language"), default)
        response = HTMLResponse(page.html(language), headers={"Cache-Control": "no-store"})
        if owner_of(desk.identity, request.headers) is None:
            _set_cookie(request, response, GUEST_COOKIE, desk.identity.guests.issue()[1])
        return response

    @site.api_route("/", methods=["GET", "HEAD"])
    async def home(request: Request) -> Response:
        """The conversation last used, or a new one; with any query (`/?new`) always a new one."""
        owner = owner_of(desk.identity, request.headers)
        if owner and not request.url.query:
            for last in await desk.conversations.of(owner, limit=1):
                if datetime.now(UTC) - last.updated_at < _RESUME_WITHIN:
                    return RedirectResponse(f"/thread/{last.id}", 303, headers={"Cache-Control": "no-store"})
        return chat(request)

    @site.get("/thread/{id}")
    async def conversation(request: Request, id: str) -> Response:
        return chat(request) if await _own(desk, request, id) else RedirectResponse("/", 303)

    @site.get("/auth/config")
    async def sign_in() -> dict[str, object]:
        """Everybody is signed in already, as a guest. `system`: light or dark as the device is."""
        closed = {"passwordAuth": False, "headerAuth": False, "oauthProviders": []}
        return {"requireLogin": True, **closed, "default_theme": "system", "ui": {}}

    @site.get("/project/translations")
    async def words(language: Annotated[str, Query(max_length=50)] = "") -> JSONResponse:
        name = INTERFACE[language_of(language, default)]
        file = ROOT / ".chainlit" / "translations" / f"{name}.json"
        return JSONResponse({"translation": json.loads(file.read_text(encoding="utf-8"))})

    @site.post("/set-session-cookie")
    async def session_cookie(request: Request, body: SessionCookie, response: Response) -> dict[str, str]:
        """For a load balancer that keeps a session on one replica."""
        _set_cookie(request, response, "X-Chainlit-Session-id", str(body.session_id))
        return {"message": "ok"}

    return site


async def _own(desk: Desk, request: Request, id: str) -> Conversation | None:
    """The conversation, if it is the visitor's."""
    owner = owner_of(desk.identity, request.headers)
    try:
        return await desk.conversations.get(id, owner) if owner else None
    except NotFound:
        return None


def thumbs(desk: Desk) -> APIRouter:
    """The routes of the thumbs under an answer."""
    site = APIRouter(include_in_schema=False)

    @site.put("/feedback")
    async def thumb(request: Request, body: ThumbGiven) -> dict[str, object]:
        given = body.feedback
        conversation = await _own(desk, request, str(given.threadId))
        messages = await desk.conversations.messages(conversation.id) if conversation else []
        question = steps.question_of(given.forId)
        answer = next((m for m in messages if m.reply_to == question), None)
        if conversation is None or answer is None:
            raise HTTPException(404, "No such answer.")
        value = 1 if given.value else -1
        await desk.conversations.give_feedback(answer.id, conversation.owner, value, given.comment)
        return {"success": True, "feedbackId": answer.id}

    @site.delete("/feedback")
    async def no_thumb(request: Request, body: ThumbTaken) -> dict[str, object]:
        owner = owner_of(desk.identity, request.headers)
        try:
            await desk.conversations.give_feedback(str(body.feedbackId), owner or "", None)
        except NotFound:
            raise HTTPException(404, "No such answer.") from None
        return {"success": True}

    return site


def _set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=_YEAR_S, httponly=True, samesite="lax", secure=secure)
