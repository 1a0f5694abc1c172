"""The route of the buttons on a card that waits for a yes. The click becomes a turn, drawn on every page of its
conversation; what is done stands with the shop, and the page sends no more than the card's id."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from kefu.desk import Desk
from kefu.events import NotFound
from kefu.words import say
from web.answer import Question
from web.guards import owner_of
from web.turns import turns


class Click(BaseModel):
    """Confirm, or cancel."""

    id: uuid.UUID
    confirm: bool


def router(desk: Desk) -> APIRouter:
    site = APIRouter(include_in_schema=False)

    @site.post("/approval", status_code=202)
    async def click(request: Request, body: Click) -> dict[str, str]:
        owner = owner_of(desk.identity, request.headers)
        if owner is None:
            raise HTTPException(401, "Nobody is here.")
        try:
            conversation = await desk.assistant.conversation_of(str(body.id), owner)
            asked = await desk.assistant.asked(conversation, str(body.id))
        except NotFound:
            raise HTTPException(404, "No such approval.") from None
        if asked.state not in ("pending", "working"):
            raise HTTPException(409, "Decided already.")
        said = say(asked.card.language, "approval_confirm" if body.confirm else "approval_cancel")
        turns.begin(
            Question(
                asked.click(body.confirm), said, conversation.id, owner, asked.card.language,
                approval=asked.id, confirm=body.confirm,
            )
        )  # fmt: skip
        return {"state": "working"}

    return site
