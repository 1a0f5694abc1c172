"""The web chat: a shopper's question goes to the desk, and the desk's events become the answer on the page.

`kefu serve` mounts it (web/server.py); `chainlit run app.py -w` shows it to a developer, on loopback only.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import Any

import chainlit as cl

import web.sockets  # noqa: F401  takes the place of Chainlit's own socket handlers
from kefu.chat import Incoming
from kefu.config import Settings
from kefu.desk import open_desk
from kefu.events import (
    ApprovalNeeded,
    CardShown,
    Cited,
    LanguageDetected,
    Notice,
    Sources,
    Thinking,
    Token,
    Withdrawn,
)
from kefu.words import say, starters
from web.answer import Answer, Question
from web.guards import DEVELOPER
from web.history import History
from web.locales import language_of
from web.running import desk, hand_over
from web.turns import turns


@turns.on_question
async def answer(question: Question, page: Answer) -> None:
    """One turn."""
    conversation = await desk().conversations.start(question.owner, question.conversation)
    incoming = Incoming(question.text, question.id, question.locale, question.address)
    assistant = desk().assistant
    for_staff = await desk().staff.role(question.owner) is not None
    happening = (
        assistant.decide(conversation, question.approval, question.confirm)
        if question.approval
        else assistant.reply(conversation, incoming)
    )
    async with aclosing(happening) as events:
        async for event in events:
            match event:
                case LanguageDetected(language=language):
                    await page.understood(language, first=not conversation.title)
                case Sources(sources=sources):
                    page.sources = sources
                case Token(text=text):
                    await page.write(text)
                case Cited(citation=citation):
                    await page.cite(citation)
                case Thinking(text=text) if for_staff:
                    await page.think(text)
                case Withdrawn():
                    await page.withdraw()
                case Notice():
                    await page.show(event)
                case CardShown(card=card):
                    await page.card(card)
                case ApprovalNeeded(card=card):
                    await page.card(card, (await assistant.asked(conversation, card.id)).message)


@cl.set_chat_profiles
async def welcome(user: cl.User | None, language: str | None) -> list[cl.ChatProfile]:
    """The greeting, in the browser's language. There is one profile, so there is nothing to choose."""
    settings = desk().settings
    spoken = language_of(language, settings.default_language)
    greeting = say(spoken, "welcome", shop=settings.shop_name)
    return [
        cl.ChatProfile(
            name=settings.shop_name,
            markdown_description=greeting,
            icon="/public/mark.svg",
            default=True,
            starters=[cl.Starter(label=text, message=text) for text in starters(spoken)],
        )
    ]


@cl.data_layer
def history() -> History:
    """What the page reads again."""
    return History()


@cl.on_chat_resume
async def resumed(thread: Any) -> None:
    """Tells Chainlit that conversations can be gone on with; web.sockets does it."""


@cl.header_auth_callback
async def developer(headers: Any) -> cl.User:
    """Asked under `chainlit run` only: in the shop, web.guards says who comes, and this door is closed."""
    return cl.User(identifier=DEVELOPER)


_developers_desk = AsyncExitStack()


@cl.on_app_startup
async def open_for_developer() -> None:
    """Called under `chainlit run` only: `kefu serve` has opened the desk already."""
    hand_over(await _developers_desk.enter_async_context(open_desk(Settings())))


@cl.on_app_shutdown
async def close_for_developer() -> None:
    await turns.close()
    await _developers_desk.aclose()
