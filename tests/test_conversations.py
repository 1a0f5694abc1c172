"""The record, on SQLite and on PostgreSQL alike: what was stored is there, once, in order, and only its owner's."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from kefu.conversations import MIGRATIONS, Conversation, Conversations, Message
from kefu.events import Citation, NotFound, Notice, Source
from kefu.record import metadata, title_of
from shop.database import open_database, writing
from shop.errors import BadDatabase
from tests.postgres import PASSWORD

ROOT = Path(__file__).resolve().parent.parent
ANNA, BORIS = "guest:anna", "guest:boris"
SOURCE = Source(
    number=1, id="th/returns#2", title="การคืนสินค้า", heading="ระยะเวลา", language="th", text="30 วัน", score=0.8125
)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Conversations]:
    store = await Conversations.open(url)
    yield store
    await store.close()


@pytest.fixture
async def replica(url: str, store: Conversations) -> AsyncIterator[Conversations]:
    """A second server on the same database."""
    replica = await Conversations.open(url)
    yield replica
    await replica.close()


def new_id() -> str:
    return str(uuid.uuid4())


async def ask(store: Conversations, conversation: Conversation | str, text: str = "Wo ist mein Paket?") -> Message:
    id = conversation if isinstance(conversation, str) else conversation.id
    message = await store.add_question(id, id=new_id(), text=text, language=None)
    assert message is not None
    return message


async def answer(store: Conversations, question: Message, text: str = "Unterwegs.", **more: Any) -> Message:
    more = {"model_text": text, "status": "complete", "language": "de", **more}
    return await store.add_answer(question.conversation, reply_to=question.id, text=text, **more)


# What was stored is read again


async def test_turn_is_read_again_as_it_was_stored_after_reopening(url: str) -> None:
    store = await Conversations.open(url)
    chat = await store.start(ANNA)
    question = await ask(store, chat, "คืนสินค้าได้กี่วันคะ 🙏")
    await store.set_context(question.id, "<policy>\n30 วัน\n</policy>\n", "th", [SOURCE])
    replied = await store.add_answer(
        chat.id,
        reply_to=question.id,
        text="คืนได้ภายใน 30 วันค่ะ",
        model_text="คืนได้ภายใน 30 วันค่ะ [1]",
        status="cut",
        language="th",
        sources=[SOURCE],
        citations=[Citation(start=0, end=21, sources=(1,))],
        notices=[Notice(code="stopped", text="หยุดแล้ว")],
        usage={"prompt_tokens": 512},
        timings={"first_token": 812.5},
    )
    stored, history = await store.get(chat.id, ANNA), await store.messages(chat.id)
    await store.close()

    again = await Conversations.open(url)
    assert await again.get(chat.id, ANNA) == stored
    assert await again.messages(chat.id) == history
    await again.close()

    asked, last = history
    assert last == replied
    assert (asked.id, asked.text, asked.status, asked.reply_to) == (question.id, question.text, "complete", None)
    assert (asked.context, asked.language, asked.sources) == ("<policy>\n30 วัน\n</policy>\n", "th", (SOURCE,))
    assert (last.reply_to, last.status, last.model_text) == (question.id, "cut", "คืนได้ภายใน 30 วันค่ะ [1]")
    assert (last.sources, last.citations) == ((SOURCE,), (Citation(start=0, end=21, sources=(1,)),))
    assert last.notices == (Notice(code="stopped", text="หยุดแล้ว"),)
    assert (last.usage, last.timings, last.feedback) == ({"prompt_tokens": 512}, {"first_token": 812.5}, None)
    assert stored.language == "th"
    assert stored.created_at.tzinfo is UTC and asked.created_at.tzinfo is UTC
    assert stored.created_at <= asked.created_at <= last.created_at == stored.updated_at <= datetime.now(UTC)


CHILD = """
import asyncio, sys
from kefu.conversations import Conversations

async def main(url, conversation, question, answer):
    store = await Conversations.open(url)
    await store.start("guest:anna", conversation)
    await store.add_question(conversation, id=question, text="Còn hàng không?", language="vi")
    await store.set_context(question, "facts", "vi", ())
    await store.add_answer(conversation, reply_to=question, id=answer, text="Còn ạ.", model_text="Còn ạ.",
                           status="complete", language="vi")
    print("stored", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_what_a_call_stored_survives_a_kill(url: str) -> None:
    ids = [new_id() for _ in range(3)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, *ids, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        assert await child.stdout.readline() == b"stored\n"
    finally:
        child.kill()
    assert await child.wait() == -signal.SIGKILL

    store = await Conversations.open(url)
    assert (await store.get(ids[0], ANNA)).title == "Còn hàng không?"
    assert [(m.id, m.text, m.context) for m in await store.messages(ids[0])] == [
        (ids[1], "Còn hàng không?", "facts"),
        (ids[2], "Còn ạ.", ""),
    ]
    await store.close()


async def test_text_no_database_takes_is_stored_without_its_broken_characters(store: Conversations) -> None:
    chat = await store.start(ANNA)
    question = await ask(store, chat, "a\0b \ud83d c \ud83d\ude00")
    assert question.text == "ab \ufffd c 😀"
    replied = await answer(store, question, "\udfff", notices=[Notice(code="error", text="x\0y")])
    await store.rename(chat.id, ANNA, "\0Ti\ud800tel")
    assert await store.messages(chat.id) == [question, replied]
    assert (await store.get(chat.id, ANNA)).title == "Ti\ufffdtel"


# Ids and owners


async def test_start_with_an_id_makes_it_once_and_finds_it_afterwards(store: Conversations) -> None:
    id = new_id()
    first = await store.start(ANNA, id)
    await ask(store, first)
    assert first.id == id
    assert (await store.start(ANNA, id.upper())).created_at == first.created_at
    assert len(await store.messages(id)) == 1


async def test_two_replicas_starting_the_same_conversation_get_the_same(
    store: Conversations, replica: Conversations
) -> None:
    for _ in range(10):
        id = new_id()
        one, other = await asyncio.gather(store.start(ANNA, id), replica.start(ANNA, id))
        assert one == other


async def test_foreign_and_missing_conversations_are_alike(store: Conversations) -> None:
    chat = await store.start(ANNA)
    question = await ask(store, chat)
    replied = await answer(store, question)
    refusals = set()
    for id in (chat.id, new_id(), "1", "' OR 1=1 --", "\0", f"{{{chat.id}}}", ""):
        for call in (store.get(id, BORIS), store.delete(id, BORIS), store.rename(id, BORIS, "x")):
            with pytest.raises(NotFound) as refused:
                await call
            refusals.add(str(refused.value).replace(" or message", ""))
    with pytest.raises(NotFound):
        await store.start(BORIS, chat.id)
    for id in (replied.id, new_id(), question.id, "' OR 1=1 --"):
        with pytest.raises(NotFound):
            await store.give_feedback(id, BORIS, 1)
    assert refusals == {"no such conversation"}
    assert await store.messages(chat.id) == [question, replied]
    assert await store.of(BORIS) == []


@pytest.mark.parametrize("id", ["", "1", "../x", "'; DROP TABLE messages; --", "{%s}", "urn:uuid:%s", "%s\0", "％s"])
async def test_ids_that_are_no_uuids_are_refused(store: Conversations, id: str) -> None:
    id = id.replace("%s", new_id())
    chat = await store.start(ANNA)
    with pytest.raises(ValueError):
        await store.start(ANNA, id)
    with pytest.raises(ValueError):
        await store.add_question(chat.id, id=id, text="x", language=None)


async def test_statements_take_owners_and_texts_as_data(store: Conversations) -> None:
    nasty = "'; DELETE FROM messages; -- :x %s $1 {}"
    chat = await store.start(nasty)
    question = await ask(store, chat, nasty)
    assert [c.id for c in await store.of(nasty)] == [chat.id]
    assert await store.messages(chat.id) == [question]
    assert await store.of("x' OR '1'='1") == []


# Lists, titles, deletion


async def test_list_shows_used_conversations_newest_first_in_pages(store: Conversations) -> None:
    chats = [await store.start(ANNA) for _ in range(4)]
    for chat in chats[:3]:
        await ask(store, chat)
    await ask(store, await store.start(BORIS))
    await ask(store, chats[0])  # used again: comes first
    page = await store.of(ANNA, limit=2)
    assert [c.id for c in page] == [chats[0].id, chats[2].id]
    assert [c.id for c in await store.of(ANNA, limit=2, before=page[-1].updated_at)] == [chats[1].id]


async def test_first_question_becomes_the_title_until_renamed(store: Conversations) -> None:
    chat = await store.start(ANNA)
    await ask(store, chat, "  退货\n怎么办？ ")
    await ask(store, chat, "Something else")
    assert (await store.get(chat.id, ANNA)).title == "退货 怎么办？"
    await store.rename(chat.id, ANNA, "Returns")
    await ask(store, chat, "More")
    assert (await store.get(chat.id, ANNA)).title == "Returns"


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧", "👍🏽", "🇻🇳", "กำ", "ที่", "ệ\u0301\u0302", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_title_is_cut_between_whole_characters(cluster: str) -> None:
    for start in range(70):
        title = title_of("a" * start + cluster * 60)
        body = title.removesuffix("…").removeprefix("a" * min(start, 59))
        assert len(title) <= 60 and title.endswith("…")
        assert body == normalize("NFC", cluster) * (len(body) // len(normalize("NFC", cluster)))


def test_title_of_nothing_but_accents_is_still_cut() -> None:
    assert len(title_of("a" + "\u0301\u0302" * 500)) <= 61


async def test_deleting_a_conversation_deletes_its_messages(store: Conversations) -> None:
    chat, other = await store.start(ANNA), await store.start(ANNA)
    question = await ask(store, chat)
    await answer(store, question)
    kept = await ask(store, other)
    await store.delete(chat.id, ANNA)
    assert await store.messages(chat.id) == []
    assert await store.add_question(other.id, id=question.id, text="again", language=None) is not None
    assert (await store.messages(other.id))[0] == kept


async def test_answer_to_a_conversation_deleted_meanwhile_is_not_found(store: Conversations) -> None:
    chat = await store.start(ANNA)
    question = await ask(store, chat)
    await store.delete(chat.id, ANNA)
    with pytest.raises(NotFound):
        await answer(store, question)
    with pytest.raises(NotFound):
        await store.set_context(question.id, "x", "de", ())
    with pytest.raises(NotFound):
        await store.add_question(chat.id, id=new_id(), text="x", language=None)


async def test_context_begins_later_and_nothing_is_deleted(store: Conversations) -> None:
    chat = await store.start(ANNA)
    for _ in range(3):
        await answer(store, await ask(store, chat))
    await store.drop_before(chat.id, 4)
    assert (await store.get(chat.id, ANNA)).context_start == 4
    assert [m.seq for m in await store.messages(chat.id)] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(NotFound):
        await store.drop_before(new_id(), 1)


async def test_feedback_is_given_changed_and_withdrawn(store: Conversations) -> None:
    chat = await store.start(ANNA)
    replied = await answer(store, await ask(store, chat))
    for value, comment in ((1, None), (-1, "sai địa chỉ"), (None, None)):
        await store.give_feedback(replied.id, ANNA, value, comment)
        last = (await store.messages(chat.id))[-1]
        assert (last.feedback, last.feedback_comment) == (value, comment)
    with pytest.raises(ValueError):
        await store.give_feedback(replied.id, ANNA, 5)


# Many at a time


async def test_message_id_is_handled_once_in_whatever_conversation(
    store: Conversations, replica: Conversations
) -> None:
    chats = [await store.start(ANNA) for _ in range(2)]
    for _ in range(10):
        id = new_id()
        handled = await asyncio.gather(
            *(s.add_question(c.id, id=id, text="hi", language=None) for s in (store, replica) for c in chats)
        )
        assert len([m for m in handled if m]) == 1
        assert await store.add_question(chats[0].id, id=id.upper(), text="hi", language=None) is None
    kept = [m for c in chats for m in await store.messages(c.id)]
    assert len(kept) == len({m.id for m in kept}) == 10


async def test_message_handled_before_leaves_no_trace_of_its_second_coming(store: Conversations) -> None:
    question = await ask(store, await store.start(ANNA))
    other = await store.start(ANNA)
    assert await store.add_question(other.id, id=question.id, text="again", language=None) is None
    assert await store.get(other.id, ANNA) == other
    assert await store.messages(other.id) == []


async def test_numbers_are_gapless_when_many_write_at_once(store: Conversations, replica: Conversations) -> None:
    chat = await store.start(ANNA)
    twice = new_id()  # refused copies must not use up a number
    writes = [ask(s, chat) for _ in range(20) for s in (store, replica)]
    copies = [s.add_question(chat.id, id=twice, text="x", language=None) for _ in range(5) for s in (store, replica)]
    await asyncio.gather(*writes, *copies)
    assert [m.seq for m in await store.messages(chat.id)] == list(range(41))


async def test_cancelled_write_is_whole_and_the_store_goes_on(store: Conversations) -> None:
    chat = await store.start(ANNA)
    cancelled = 0
    for steps in range(1, 60):
        id = new_id()
        task = asyncio.create_task(store.add_question(chat.id, id=id, text="x", language=None))
        for _ in range(steps):  # cancel at ever later points of the write
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cancelled += task.cancelled()
        assert (await store.messages(chat.id))[-1].id == id
    assert cancelled > 0
    assert [m.seq for m in await store.messages(chat.id)] == list(range(59))


async def test_cancelled_reading_leaves_the_store_usable(store: Conversations) -> None:
    chat = await store.start(ANNA)
    for steps in range(40):
        task = asyncio.create_task(store.messages(chat.id))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        question = await ask(store, chat)
    assert (await store.messages(chat.id))[-1] == question


async def test_cancelled_waiters_leave_the_store_to_the_others(store: Conversations) -> None:
    chat = await store.start(ANNA)
    tasks = [asyncio.create_task(ask(store, chat)) for _ in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(m, Message) for m in done[1::2])
    assert all(isinstance(m, asyncio.CancelledError) for m in done[::2])


# One turn at a time


async def test_turns_in_a_conversation_run_one_by_one_in_order(store: Conversations) -> None:
    running, order = 0, []

    async def turn(number: int) -> None:
        nonlocal running
        async with store.turn("one"):
            running += 1
            assert running == 1
            order.append(number)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(turn(n) for n in range(20)))
    assert order == list(range(20))


async def test_turns_of_different_conversations_run_side_by_side(store: Conversations) -> None:
    async with store.turn("one"):
        async with asyncio.timeout(10), store.turn("two"):
            pass


async def test_turn_that_fails_or_is_cancelled_lets_the_next_one_in(store: Conversations) -> None:
    with pytest.raises(RuntimeError):
        async with store.turn("one"):
            raise RuntimeError
    entered = asyncio.Event()

    async def hold() -> None:
        async with store.turn("one"):
            entered.set()
            await asyncio.Event().wait()

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(hold())
    await entered.wait()
    waiter.cancel()
    holder.cancel()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    async with asyncio.timeout(10), store.turn("one"):
        pass


async def test_finished_turns_leave_no_lock_behind(store: Conversations) -> None:
    def locks() -> int:
        gc.collect()
        return sum(type(thing) is asyncio.Lock for thing in gc.get_objects())

    before = locks()
    for number in range(200):
        async with store.turn(str(number)):
            pass
    assert locks() == before


# The database


async def test_revisions_make_the_tables_that_the_code_declares(url: str) -> None:
    engine = await open_database(url, MIGRATIONS)
    async with engine.connect() as db:
        differences = await db.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    await engine.dispose()
    assert differences == []


REPLICA = """
import asyncio, sys
from kefu.conversations import Conversations

async def main(url):
    print("ready", flush=True)
    sys.stdin.readline()
    store = await Conversations.open(url)
    await store.start("guest:anna", sys.argv[2])
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_replicas_that_start_together_on_an_empty_database_all_come_up(url: str) -> None:
    id, pipe = new_id(), asyncio.subprocess.PIPE
    replicas = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, url, id, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(3)
    ]
    for replica in replicas:
        assert replica.stdout and await replica.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(replica.communicate(b"go\n") for replica in replicas))
    assert [(replica.returncode, error) for replica, (_, error) in zip(replicas, ends, strict=True)] == [(0, b"")] * 3
    store = await Conversations.open(url)
    assert (await store.get(id, ANNA)).id == id
    await store.close()


async def test_different_databases_may_be_opened_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / str(number)}.db" for number in range(4)]
    stores = await asyncio.gather(*(Conversations.open(url) for url in urls))
    for store in stores:
        await ask(store, await store.start(ANNA))
        assert len(await store.of(ANNA)) == 1
        await store.close()


async def test_database_of_a_newer_kefu_is_refused_with_a_sentence(url: str) -> None:
    engine = await open_database(url, MIGRATIONS)
    async with writing(engine) as db:
        await db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(BadDatabase, match=r"9999.*newer Kefu: update this one"):
        await Conversations.open(url)


async def test_sqlite_is_opened_for_several_processes(tmp_path: Path) -> None:
    engine = await open_database(f"sqlite+aiosqlite:///{tmp_path / 'kefu.db'}", MIGRATIONS)
    async with engine.connect() as db:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [(await db.execute(text(f"PRAGMA {pragma}"))).scalar_one() for pragma in pragmas]
    await engine.dispose()
    assert found == ["wal", 1, 1, 10_000]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://kefu:s3cret@127.0.0.1:1/shop", "PostgreSQL, 127.0.0.1:1/shop.*cannot be opened"),
        ("postgres://kefu:s3cret@127.0.0.1:1/shop?sslmode=require", "127.0.0.1:1/shop.*cannot be opened"),
        ("postgresql+asyncpg://kefu:s3@cret@127.0.0.1:1/shop", "127.0.0.1:1/shop.*cannot be opened"),
        ("postgresql://kefu@127.0.0.1:1/shop?password=s3cret", "127.0.0.1:1/shop.*cannot be opened"),
        ("postgresql://kefu:s3/cret@127.0.0.1:1/shop", "."),
        ("postgresql://kefu:s3cret@host:port/shop", "not a database URL"),
        ("s3cret", "not a database URL"),
        ("mysql://kefu:s3cret@127.0.0.1/shop", "not in mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////dev/null/kefu.db", "SQLite, /dev/null/kefu.db.*cannot be opened"),
    ],
)
async def test_unusable_database_is_named_without_its_password(url: str, says: str) -> None:
    with pytest.raises(BadDatabase, match=says) as refused:
        await Conversations.open(url)
    assert "cret" not in str(refused.value)


async def test_wrong_password_and_missing_database_are_sentences(request: pytest.FixtureRequest) -> None:
    right = request.getfixturevalue("postgres").database()
    for wrong, says in (
        (right.replace("%20", ""), "password authentication failed"),
        (right + "_gone", 'database "kefu_.*_gone" does not exist'),
        (right + "?sslmode=require", "SSL"),
        (right + "?colour=red", "colour"),
    ):
        with pytest.raises(BadDatabase, match=says) as refused:
            await Conversations.open(wrong)
        assert PASSWORD not in str(refused.value) and "a%3Ab" not in str(refused.value)


async def test_connections_that_the_server_dropped_are_replaced(request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres").database()
    store, other = await Conversations.open(url), await open_database(url, MIGRATIONS)
    chat = await store.start(ANNA)
    async with other.connect() as db:
        drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        dropped = (await db.execute(text(drop + "pg_backend_pid()"))).scalars().all()
    assert dropped and all(dropped)
    assert await store.messages(chat.id) == []
    assert await ask(store, chat)
    await store.close()
    await other.dispose()


async def test_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "kefu.db").write_bytes(os.urandom(4096))
    with pytest.raises(BadDatabase, match="not a database"):
        await Conversations.open(f"sqlite:///{tmp_path / 'kefu.db'}")
