"""Chainlit's view of the conversations: it reads from our record and writes nothing, as the engine saves for itself.

Everything is the visitor's own; somebody else's conversation is a missing one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chainlit.data.base import BaseDataLayer
from chainlit.types import PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.user import PersistedUser, User

from kefu.card_shapes import ApprovalCard
from kefu.conversations import Conversation, Message
from kefu.events import NotFound, Notice
from kefu.words import say
from web import steps
from web.cards import card_element
from web.guards import visitor
from web.running import desk
from web.turns import room_of, turns

_LONGEST_LIST = 100
_SEARCHED = 500  # conversations looked through for a search


async def thread(conversation: Conversation) -> dict[str, Any]:
    """The conversation with everything in it, in the shapes of the page."""
    messages = await desk().conversations.messages(conversation.id)
    answers = {message.reply_to: message for message in messages if message.reply_to}
    told: list[steps.Step] = []
    elements: list[steps.Element] = []
    approvals = await desk().assistant.approvals(conversation)
    for question in (message for message in messages if message.role == "user"):
        at = steps.stamp(question.created_at)
        answer = answers.get(question.id)
        told.append(steps.question_step(question.id, conversation.id, question.text, at))
        if answer is None:
            continue
        end = steps.stamp(answer.created_at)
        told.append(steps.run_step(question.id, conversation.id, at, end, _feedback(question.id, answer)))
        told.append(_answer(question.id, answer, end))
        cards: dict[str, steps.Element] = {}
        for card in answer.cards:
            now = approvals.get(card.id, card) if isinstance(card, ApprovalCard) else card
            element = card_element(now, question.id, conversation.id, len(cards))
            cards[element["id"]] = element  # shown again, it is one
        elements += cards.values()
        if steps.sources_stand(answer.text, answer.notices) and (row := _sources(question.id, answer)):
            elements.append(row)
    return _thread(conversation) | {"steps": told, "elements": elements}


def _answer(question: str, answer: Message, at: str) -> steps.Step:
    language = answer.language or desk().settings.default_language
    notices = list(answer.notices)
    if answer.status == "cut" and not notices:
        notices.append(Notice(code="stopped", text=say(language, "stopped")))
    shown = steps.markdown(answer.text, answer.citations, answer.sources, notices)
    return steps.answer_step(question, answer.conversation, desk().settings.shop_name, shown, at)


def _sources(question: str, answer: Message) -> steps.Element | None:
    language = answer.language or desk().settings.default_language
    return steps.sources_element(question, answer.conversation, language, answer.sources, answer.citations)


def _feedback(question: str, answer: Message) -> steps.Step | None:
    if answer.feedback is None:
        return None
    value, comment = int(answer.feedback > 0), answer.feedback_comment
    return {"id": answer.id, "forId": steps.run_id(question), "value": value, "comment": comment}


def _thread(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "createdAt": steps.stamp(conversation.updated_at),  # the page sorts and groups by it
        "name": conversation.title,
        "userId": conversation.owner,
        "userIdentifier": conversation.owner,
        "tags": [],
        "metadata": {},
    }


class History(BaseDataLayer):
    """The conversations of whoever visits."""

    async def get_user(self, identifier: str) -> PersistedUser | None:
        return PersistedUser(id=identifier, identifier=identifier, createdAt=steps.stamp(datetime.now(UTC)))

    async def create_user(self, user: User) -> PersistedUser | None:
        return await self.get_user(user.identifier)

    async def _own(self, id: str) -> Conversation | None:
        try:
            return await desk().conversations.get(id, visitor.get())
        except NotFound:
            return None

    async def get_thread_author(self, thread_id: str) -> str:
        conversation = await self._own(thread_id)
        return conversation.owner if conversation else ""

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        conversation = await self._own(thread_id)
        return await thread(conversation) if conversation else None  # type: ignore[return-value]  # a wider dict

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        conversations = desk().conversations
        if filters.search:
            wanted = filters.search.casefold()
            everything = await conversations.of(visitor.get(), limit=_SEARCHED)
            found = [c for c in everything if wanted in c.title.casefold()][:_LONGEST_LIST]
            return _page(found, more=False)
        limit = max(1, min(pagination.first, _LONGEST_LIST))
        before = _moment(pagination.cursor)
        found = await conversations.of(visitor.get(), limit=limit + 1, before=before)
        return _page(found[:limit], more=len(found) > limit)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        if name:
            await desk().conversations.rename(thread_id, visitor.get(), name)

    async def delete_thread(self, thread_id: str) -> None:
        await turns.stop(room_of(visitor.get(), thread_id))
        await desk().conversations.delete(thread_id, visitor.get())

    # What the page does not use, what web.pages does, and what the engine saves for itself

    async def upsert_feedback(self, feedback: Any) -> str:
        return ""

    async def delete_feedback(self, feedback_id: str) -> bool:
        return False

    async def create_element(self, element: Any) -> None: ...

    async def get_element(self, thread_id: str, element_id: str) -> None: ...

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None: ...

    async def create_step(self, step_dict: Any) -> None: ...

    async def update_step(self, step_dict: Any) -> None: ...

    async def delete_step(self, step_id: str) -> None: ...

    async def build_debug_url(self) -> str:
        return ""

    async def get_favorite_steps(self, user_id: str) -> list[Any]:
        return []

    async def close(self) -> None: ...


def _page(found: list[Conversation], *, more: bool) -> PaginatedResponse[ThreadDict]:
    data = [_thread(conversation) | {"steps": []} for conversation in found]
    end = found[-1].updated_at.isoformat() if found else None
    return PaginatedResponse(pageInfo=PageInfo(more, None, end), data=data)  # type: ignore[arg-type]  # wider dicts


def _moment(cursor: str | None) -> datetime | None:
    """Where a list goes on; a cursor that is none of ours begins anew."""
    try:
        at = datetime.fromisoformat(cursor) if cursor else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None
