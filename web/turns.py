"""The turns that run now, conversation by conversation: queued, shown on every page of it, stopped, ended.

Knows sockets only as rooms: a room is one shopper's one conversation, on however many pages.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chainlit.config import config
from chainlit.server import sio

from kefu import faults
from web.answer import Answer, Question
from web.locales import language_of
from web.running import desk

log = logging.getLogger(__name__)

Handler = Callable[[Question, Answer], Awaitable[None]]
_MOST_WAITING = 8  # questions of one conversation; nobody types faster than that


def room_of(owner: str, conversation: str) -> str:
    """The owner is part of the name, so that nobody can sit in a stranger's room by knowing an id."""
    return f"{owner}/{conversation}"


@dataclass
class _Room:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # in the order in which the questions came
    answers: dict[asyncio.Task[None], Answer] = field(default_factory=dict)


class Turns:
    """All running turns of this process."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._waiting: set[asyncio.Task[None]] = set()

    def on_question(self, handler: Handler) -> Handler:
        """Decorates the function that turns a question into an answer. Kept where `chainlit run` looks for one."""
        config.code.on_message = handler
        return handler

    def begin(self, question: Question) -> None:
        """Answers the question when its turn comes. The same question twice is one."""
        name = room_of(question.owner, question.conversation)
        room = self._rooms.setdefault(name, _Room())
        waiting = [answer.question.id for answer in room.answers.values()]
        if question.id in waiting:
            return

        async def send(event: str, data: Any) -> None:
            await sio.emit(event, data, to=name)

        settings = desk().settings
        language = language_of(question.locale, settings.default_language)
        answer = Answer(question, settings.shop_name, language, send)
        task = asyncio.create_task(self._run(room, question, answer, busy=len(waiting) >= _MOST_WAITING))
        room.answers[task] = answer
        task.add_done_callback(lambda _: self._forget(name, room, task))

    async def _run(self, room: _Room, question: Question, answer: Answer, busy: bool) -> None:
        try:
            await answer.begin()
            if busy:
                await answer.say("busy")
                return
            async with room.turn:
                await config.code.on_message(question, answer)
        except asyncio.CancelledError:
            await answer.say("stopped")
        except Exception as error:
            number = secrets.token_hex(4)
            log.error("error %s in conversation %s\n%s", number, question.conversation, faults.told(error))
            await answer.say("error", id=number)
        finally:
            await answer.end()
            if len(room.answers) == 1:
                await sio.emit("task_end", {}, to=room_of(question.owner, question.conversation))

    def _forget(self, name: str, room: _Room, task: asyncio.Task[None]) -> None:
        del room.answers[task]
        if not room.answers and self._rooms.get(name) is room:
            del self._rooms[name]

    def running(self, room: str) -> list[Answer]:
        """The answers that are being written in a room, or wait to be."""
        return list(self._rooms[room].answers.values()) if room in self._rooms else []

    async def stop(self, room: str) -> None:
        """Stops every turn of a room and returns when what was written is saved."""
        await asyncio.sleep(0)  # a turn cancelled before its first step would leave its question without an end
        tasks = list(self._rooms[room].answers) if room in self._rooms else []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def left(self, room: str) -> None:
        """A page of this room closed: unless one comes back in time, its turns stop."""
        if room in self._rooms:
            task = asyncio.create_task(self._stop_unless_back(room))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _stop_unless_back(self, room: str) -> None:
        await asyncio.sleep(desk().settings.disconnect_grace_s)
        if not any(sio.manager.get_participants("/", room)):
            await self.stop(room)

    async def close(self) -> None:
        """The server goes: everything stops and is saved."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*(self.stop(room) for room in list(self._rooms)))


turns = Turns()
