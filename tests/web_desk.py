"""A shop whose assistant follows a script, served as the real one is: for the tests of the page.

`python -m tests.web_desk HOME` serves it with KEFU_* settings; Shop starts and stops that in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

from kefu.chat import Assistant, Incoming
from kefu.config import ROOT, Settings
from kefu.conversations import MIGRATIONS, Conversation, Conversations, Message
from kefu.desk import Desk, identity_of
from kefu.events import (
    ApprovalNeeded,
    CardShown,
    Citation,
    Cited,
    Done,
    Event,
    LanguageDetected,
    Notice,
    Source,
    Sources,
    Thinking,
    Token,
    Withdrawn,
)
from kefu.staff_roles import StaffRoles
from kefu.words import say
from shop.database import open_database
from shop.store import MIGRATIONS as SHOP_MIGRATIONS
from tests import web_products
from tests.test_chat import LIMITS
from tests.web_orders import WORDS, Orders

SECRET_IN_A_BUG = "postgresql://kefu:hunter2@db"
LANGUAGE_OF = {"vi": "vi", "th": "th", "zh": "zh"}
ANSWERS = {
    "en": ("You have 30 days to return an item.", " Shipping back from Vietnam costs 60,000 ₫ (3~5 days:fast~ish)."),
    "vi": ("Bạn có thể trả hàng trong vòng 30 ngày.", " Phí gửi trả từ Việt Nam là 60.000 ₫, trừ vào tiền hoàn."),
    "th": ("คืนสินค้าได้ภายใน 30 วัน ค่ะ", " ค่าส่งคืนจากไทย 90 บาท หักจากยอดคืนเงิน"),
    "zh": ("收到商品后30天内可以退货。", "从越南退回的运费为60,000越南盾，从退款中扣除。"),
}


class Script(Assistant):
    """Answers as the question's first word says, and keeps what it said as the engine does. A click is the engine's."""

    def __init__(self, conversations: Conversations, orders: Orders, log: Path) -> None:
        unused: Any = None
        super().__init__(conversations, unused, unused, LIMITS, orders.errands)
        self._conversations = conversations
        self._orders = orders
        self._log = log

    def _note(self, what: str, id: str) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps({"what": what, "id": id, "at": time.time()}) + "\n")

    async def reply(self, conversation: Conversation, message: Incoming) -> AsyncGenerator[Event, None]:
        language = (message.locale or "en")[:2]
        language = language if language in ANSWERS else "en"
        if len(message.text) > 4000:
            yield Notice(code="too_long", text=say(language, "too_long", limit="4000"))
            return
        async with self._conversations.turn(conversation.id):
            asked = await self._conversations.add_question(
                conversation.id, id=message.id, text=message.text, language=language
            )
            if asked is None:
                return
            said: list[Event] = []
            status = "cut"
            self._note("began", message.id)
            try:
                async for event in self._events(conversation, message, language):
                    said.append(event)
                    yield event
                status = "complete"
            finally:
                self._note(status, message.id)
                answer = await asyncio.shield(self._save(conversation, message, language, status, said))
            yield Done(
                conversation=conversation.id,
                message_id=answer.id,
                status=answer.status,
                language=language,
                answer=answer.text,
            )

    async def _save(
        self, conversation: Conversation, message: Incoming, language: str, status: Any, said: list[Event]
    ) -> Message:
        taken_back = max((n for n, event in enumerate(said) if isinstance(event, Withdrawn)), default=0)
        return await self._conversations.add_answer(
            conversation.id,
            reply_to=message.id,
            text="".join(e.text for e in said[taken_back:] if isinstance(e, Token)),
            model_text="",
            status=status,
            language=language,
            sources=next((e.sources for e in said if isinstance(e, Sources)), ()),
            citations=[e.citation for e in said if isinstance(e, Cited)],
            notices=[e for e in said if isinstance(e, Notice)],
            cards=[e.card for e in said if isinstance(e, CardShown | ApprovalNeeded)],
        )

    async def _events(self, conversation: Conversation, message: Incoming, language: str) -> AsyncIterator[Event]:
        yield LanguageDetected(language=language, confidence=1, reason="script")
        order, _, rest = message.text.partition(" ")
        if order == "crash":
            raise RuntimeError(SECRET_IN_A_BUG)
        if order == "say":
            yield Token(text=rest)
        elif order == "redo":
            for step in (Token(text="wrong words"), Withdrawn(reason="language"), Token(text=rest)):
                yield step
                await asyncio.sleep(0.2)
        elif order == "think":
            for step in (Thinking(text="Zebra ~ "), Thinking(text="crossing."), Token(text=rest)):
                yield step
                await asyncio.sleep(0.4)  # long enough for an eye
        elif order == "drift":
            yield Sources(sources=(_source(language, 1),))
            yield Notice(code="wrong_language", text=say(language, "wrong_language", contact="help@x.example"))
        elif order == "down":
            yield Notice(code="model_unavailable", text=say(language, "model_unavailable", contact="help@x.example"))
        elif order in ("count", "slow"):
            for n in range(int(rest) if order == "count" else 10_000):
                yield Token(text=f"{n} ")
                await asyncio.sleep(0.005 if order == "count" else 0.02)
        elif order in WORDS:
            async for event in self._orders.events(conversation, message.id, language, order, rest):
                yield event
        elif order in web_products.WORDS:
            async for event in web_products.events(self._log.parent, language, order, rest):
                yield event
        else:
            async for event in self._cited(language):
                yield event

    async def _cited(self, language: str) -> AsyncIterator[Event]:
        first, second = ANSWERS[language]
        yield Sources(sources=tuple(_source(language, n) for n in (1, 2, 3)))
        for at in range(0, len(first + second), 4):
            piece = (first + second)[at : at + 4]
            yield Token(text=piece)
            if at <= len(first) < at + 4:
                yield Cited(citation=Citation(start=0, end=len(first), sources=(1,)))
            await asyncio.sleep(0.01)
        yield Cited(citation=Citation(start=len(first), end=len(first + second), sources=(2,)))


def _source(language: str, number: int) -> Source:
    from rag.policy_file import read_policy

    front, sections, _ = read_policy((ROOT / "policies" / language / "returns.md").read_bytes(), "returns")
    assert front
    section = sections[{1: 0, 2: 3, 3: 1}[number]]
    return Source(
        number=number,
        id=f"{language}/returns#{section.number}",
        title=front.title,
        heading=section.heading,
        language=language,
        text=section.text,
        score=0.5,
    )


class NoIndex:
    """Nothing to bring up to date."""

    def refresh(self) -> None: ...


async def _main(home: Path) -> None:
    from web.server import listen, serve

    settings = Settings(home=home, _env_file=None)
    engine = await open_database(settings.database, MIGRATIONS, SHOP_MIGRATIONS)
    conversations = Conversations(engine)
    identity = identity_of(settings)
    script = Script(conversations, await Orders.open(engine), home / "script.jsonl")
    index: Any = NoIndex()
    llm: Any = None
    shop: Any = None
    desk = Desk(settings, script, conversations, index, llm, identity, shop, shop, StaffRoles(engine))
    await serve(desk, listen(settings.host, settings.port))
    await engine.dispose()


class Shop:
    """The scripted shop in a process of its own."""

    def __init__(self, home: Path, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home = home
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = home / "output.txt"
        self._settings = {"KEFU_PORT": str(self.port), "KEFU_SHOP_NAME": "Jade Lane", **settings}
        self.start()

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.web_desk", str(self.home)],
                cwd=ROOT,
                env=os.environ | self._settings,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < until, self.output.read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):
                return True
        except urllib.error.URLError:
            return False

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def noted(self, what: str) -> list[dict[str, Any]]:
        """What the script wrote down: began, complete or cut, with the question's id and the time."""
        log = self.home / "script.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        return [note for line in lines if (note := json.loads(line))["what"] == what]


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
