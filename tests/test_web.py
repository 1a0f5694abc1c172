"""The page's door, without a browser: HTTP and a raw socket.io client against the scripted shop."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import socketio  # type: ignore[import-untyped]

from kefu.conversations import MIGRATIONS, Conversations, Message
from kefu.events import Citation, Source
from kefu.staff_roles import StaffRoles
from kefu.words import say
from shop.database import open_database
from tests.web_desk import SECRET_IN_A_BUG, Shop
from web import steps


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"), KEFU_DISCONNECT_GRACE_S="1", KEFU_CUSTOMER_SECRET=SECRET)
    yield shop
    shop.stop()


SECRET = "a secret of the shop, of at least 32 bytes"


class Guest:
    """A shopper's browser, as far as HTTP goes; signed in as a customer where one is named."""

    def __init__(self, shop: Shop, customer: str = "") -> None:
        self.shop, self.customer = shop, customer
        self.http = httpx.Client(base_url=shop.url, headers={"accept-language": "vi-VN,vi;q=0.9"})
        self.http.get("/?new")

    @property
    def cookie(self) -> str:
        guest = f"kefu_guest={self.http.cookies.get('kefu_guest')}"
        claims = {"sub": self.customer, "aud": "kefu", "exp": int(time.time()) + 600}
        return f"{guest}; kefu_customer={jwt.encode(claims, SECRET, 'HS256')}" if self.customer else guest


class Page:
    """One open page: every event it was sent, in order."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        self.socket.on("*", self._heard)

    async def _heard(self, event: str, data: Any = None) -> None:
        self.events.append((event, data))
        self._news.set()

    def named(self, event: str) -> list[Any]:
        return [data for name, data in self.events if name == event]

    async def until(self, event: str, times: int = 1) -> Any:
        async with asyncio.timeout(15):
            while len(self.named(event)) < times:
                self._news.clear()
                await self._news.wait()
        return self.named(event)[times - 1]

    async def ask(self, text: str, id: str | None = None, **more: Any) -> str:
        id = id or str(uuid.uuid4())
        message = {"id": id, "type": "user_message", "name": "x", "output": text, "createdAt": "", **more}
        await self.socket.emit("client_message", {"message": message, "fileReferences": []})
        return id

    def answer(self, question: str) -> str:
        """The answer as the page would show it now, put together from the frames."""
        shown = ""
        for event, data in self.events:
            if event in ("stream_start", "update_message", "new_message") and data["id"] == f"answer:{question}":
                shown = data["output"]
            elif event == "stream_token" and data["id"] == f"answer:{question}":
                shown = data["token"] if data["isSequence"] else shown + data["token"]
        return shown


@asynccontextmanager
async def open_page(guest: Guest, thread: str = "", session: str | None = None, **headers: str) -> AsyncIterator[Page]:
    page = Page()
    auth = {
        "sessionId": session or str(uuid.uuid4()),
        "threadId": thread,
        "userEnv": "{}",
        "clientType": "webapp",
        "chatProfile": "",
    }
    await page.socket.connect(
        guest.shop.url,
        headers={"cookie": guest.cookie, "accept-language": "vi-VN,vi;q=0.9", **headers},
        auth=auth,
        socketio_path="/ws/socket.io",
        transports=["websocket"],
    )
    try:
        await page.socket.emit("connection_successful")
        await page.until("task_end" if not thread else "resume_thread")
        yield page
    finally:
        await page.socket.disconnect()


async def begun(shop: Shop, question: str) -> None:
    await noted(shop, "began", question)


async def noted(shop: Shop, what: str, question: str) -> float:
    async with asyncio.timeout(15):
        while True:
            for note in shop.noted(what):
                if note["id"] == question:
                    return float(note["at"])
            await asyncio.sleep(0.02)


async def stored(shop: Shop, conversation: str) -> list[Message]:
    conversations = await Conversations.open(f"sqlite:///{shop.home / 'kefu.db'}")
    try:
        return await conversations.messages(conversation)
    finally:
        await conversations.close()


async def test_an_answer_streams_in_order_and_ends_in_the_stored_text(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        question = await page.ask("count 100")
        named = await page.until("first_interaction")
        await page.until("task_end", 2)
        assert page.answer(question) == "".join(f"{n} " for n in range(100))
        frames = page.named("stream_token")
        assert 1 < len(frames) < 60, "frames of about 50 ms, not one a token"
        [asked, answer] = await stored(shop, named["thread_id"])
    assert (asked.id, asked.text, answer.reply_to) == (question, "count 100", question)


async def test_an_answer_that_is_taken_back_goes_from_the_page_before_the_new_one_comes(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        question = await page.ask("redo right words")
        await page.until("task_end", 2)
        drawn = [data for event, data in page.events if event == "stream_token" and data["isSequence"]]
        assert [frame["token"] for frame in drawn][:1] == [""]
        assert page.answer(question) == "right words"
        begun = [data for event, data in page.events if event == "stream_start" and data["id"] == f"answer:{question}"]
        assert len(begun) == 1


@pytest.mark.parametrize("customer", ["", "lin-yue"])
async def test_no_shoppers_page_is_sent_what_a_model_thinks(shop: Shop, customer: str) -> None:
    async with open_page(Guest(shop, customer)) as page:
        question = await page.ask("think 30 days.")
        await page.until("task_end", 2)
        assert page.answer(question) == "30 days."
        assert "Zebra" not in repr(page.events) and "thinking" not in repr(page.events)


async def test_staff_are_shown_what_a_model_thinks_as_a_closed_step_that_nothing_keeps(shop: Shop) -> None:
    engine = await open_database(f"sqlite:///{shop.home / 'kefu.db'}", MIGRATIONS)
    await StaffRoles(engine).add("customer:mei", "agent", by="staff:test")
    await engine.dispose()
    guest = Guest(shop, "mei")
    async with open_page(guest) as page:
        question = await page.ask("think 30 days.")
        await page.until("task_end", 2)
        thread = page.named("first_interaction")[0]["thread_id"]
        opened, ended = (
            [step for step in page.named(event) if step["id"] == f"thinking:{question}"]
            for event in ("stream_start", "update_message")
        )
        grown = [frame["token"] for frame in page.named("stream_token") if frame["id"] == f"thinking:{question}"]
        assert page.answer(question) == "30 days."
    assert (opened[0]["type"], opened[0]["parentId"], opened[0]["end"]) == ("tool", f"run:{question}", None)
    assert opened[0]["output"] + "".join(grown) == ended[-1]["output"] == "Zebra \\~ crossing."
    assert opened[0]["name"] == say("vi", "thinking_step") and ended[0]["end"]
    assert not any(step.get("defaultOpen") for step in (*opened, *ended)), "closed until somebody opens it"
    async with open_page(guest, thread) as page:
        assert "Zebra" not in repr(page.named("resume_thread"))
    assert not any(b"Zebra" in file.read_bytes() for file in shop.home.rglob("*") if file.is_file())


async def test_marks_stand_after_their_sentences_and_the_sources_survive_a_reload(shop: Shop) -> None:
    guest = Guest(shop)
    async with open_page(guest) as page:
        question = await page.ask("?")
        thread = (await page.until("first_interaction"))["thread_id"]
        element = await page.until("element")
        await page.until("task_end", 2)
        shown = page.answer(question)
    assert re.match(r'Bạn có thể [^.]+ 30 ngày\.\u00a0\[1\]\(/policies/vi/returns#s1 "[^"]+"\) Phí', shown)
    assert [s["number"] for s in element["props"]["sources"]] == [1, 2], "only what the answer rests on"
    async with open_page(guest, thread) as page:
        whole = page.named("resume_thread")[0]
    assert whole["steps"][-1]["output"] == shown
    assert whole["elements"] == [element]


async def test_stop_ends_the_turn_within_a_second_and_says_so_in_the_shoppers_language(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        question = await page.ask("slow")
        await page.until("stream_token", 3)
        pressed = time.time()
        await page.socket.emit("stop")
        await page.until("task_end", 2)
        assert await noted(shop, "cut", question) - pressed < 1
        thread = page.named("first_interaction")[0]["thread_id"]
        answer = (await stored(shop, thread))[-1]
        assert answer.status == "cut" and answer.text.startswith("0 1 2 ")
        assert page.answer(question) == f"{answer.text}\n\n> {say('vi', 'stopped')}".replace(" \n\n>", " \n\n>")


async def test_two_quick_questions_are_answered_in_order_and_stop_ends_both(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        first, second = await page.ask("count 20"), await page.ask("count 5")
        await page.until("task_end", 2)
        ended = [step["id"] for step in page.named("update_message") if step["type"] == "assistant_message"]
        assert ended == [f"answer:{first}", f"answer:{second}"]
        slow, waiting = await page.ask("slow"), await page.ask("slow")
        await page.until("stream_token", len(page.named("stream_token")) + 2)
        await page.socket.emit("stop")
        await page.until("task_end", 3)
        ended = [step["id"] for step in page.named("update_message") if step["type"] == "run"]
        assert set(ended[-2:]) == {f"run:{slow}", f"run:{waiting}"}
        assert not [note for note in shop.noted("began") if note["id"] == waiting]


async def test_somebody_who_floods_a_conversation_is_asked_to_wait(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        asked = [await page.ask("slow") for _ in range(12)]
        await page.until("stream_token", 2)
        await page.socket.emit("stop")
        await page.until("task_end", 2)
        told = [page.answer(question) == f"> {say('vi', 'busy')}" for question in asked]
    assert told == [False] * 8 + [True] * 4


async def test_a_message_id_is_handled_once(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        question = await page.ask("count 30")
        await page.ask("count 30", id=question)
        await page.until("task_end", 2)
        await page.ask("count 30", id=question)
        await page.until("task_end", 3)
        assert len([note for note in shop.noted("began") if note["id"] == question]) == 1


async def test_another_page_of_the_same_conversation_sees_the_answer_grow_and_takes_over(shop: Shop) -> None:
    guest = Guest(shop)
    async with open_page(guest) as first:
        question = await first.ask("slow")
        thread = (await first.until("first_interaction"))["thread_id"]
        await first.until("stream_token", 3)
        async with open_page(guest, thread) as second:
            await first.socket.disconnect()  # a reload: the old page goes, the new one stays
            await second.until("stream_token", 40)  # past the grace time of a second would be 20 frames
            assert second.answer(question) or second.named("resume_thread")[0]["steps"][-1]["output"]
            assert not [note for note in shop.noted("cut") if note["id"] == question]
            await second.socket.emit("stop")
            await second.until("task_end")
    assert await noted(shop, "cut", question)


async def test_closing_the_tab_stops_the_answer_after_the_grace_time(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        question = await page.ask("slow")
        await page.until("stream_token", 2)
    left = time.time()
    assert await noted(shop, "cut", question) - left > 0.5


async def test_a_lost_connection_that_comes_back_gets_everything_it_missed(shop: Shop) -> None:
    guest, session = Guest(shop), str(uuid.uuid4())
    async with open_page(guest, session=session) as page:
        question = await page.ask("count 60")
        await page.until("stream_token")
        thread = page.named("first_interaction")[0]["thread_id"]
    async with open_page(guest, thread, session=session) as page:
        await page.until("task_end")
        shown = page.answer(question) or page.named("resume_thread")[-1]["steps"][-1]["output"]
    assert shown == "".join(f"{n} " for n in range(60))


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_sites_page_gets_no_socket_and_changes_nothing(shop: Shop, origin: str) -> None:
    guest = Guest(shop)
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with open_page(guest, origin=origin):
            pass
    assert guest.http.post("/project/threads", json={}, headers={"origin": origin}).status_code == 403
    async with open_page(guest, origin=shop.url):
        pass


@pytest.mark.parametrize(
    "ids",
    [{"session": "../../etc"}, {"session": "x" * 36}, {"thread": "' OR 1=1 --"}, {"thread": f"{{{uuid.UUID(int=1)}}}"}],
)
async def test_ids_that_are_no_uuids_are_refused_at_connect(shop: Shop, ids: dict[str, str]) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with open_page(Guest(shop), **ids):
            pass


async def test_nobody_gets_in_without_a_guests_cookie_or_into_a_strangers_conversation_or_session(shop: Shop) -> None:
    owner, stranger, session = Guest(shop), Guest(shop), str(uuid.uuid4())
    async with open_page(owner, session=session) as page:
        await page.ask("count 3")
        thread = (await page.until("first_interaction"))["thread_id"]
        await page.until("task_end", 2)
        for guest, ids in ((stranger, {"thread": thread}), (stranger, {"session": session})):
            with pytest.raises(socketio.exceptions.ConnectionError):
                async with open_page(guest, **ids):
                    pass
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with open_page(owner, cookie="kefu_guest=forged; access_token=forged"):
                pass
    assert stranger.http.get(f"/thread/{thread}").status_code == 303
    body = {"threadId": thread}
    assert stranger.http.request("DELETE", "/project/thread", json=body).status_code == 404
    assert stranger.http.put("/project/thread", json=body | {"name": "mine"}).status_code == 404
    assert owner.http.get(f"/thread/{thread}").status_code == 200


def threads(guest: Guest, **filter: str) -> list[dict[str, Any]]:
    answer = guest.http.post("/project/threads", json={"pagination": {"first": 10}, "filter": filter})
    return list(answer.json()["data"])


async def test_the_list_has_only_ones_own_conversations_to_find_rename_and_delete(shop: Shop) -> None:
    guest, other = Guest(shop), Guest(shop)
    for asked_by, text in ((guest, "count 1"), (guest, "say blue shoes"), (other, "count 2")):
        async with open_page(asked_by) as page:
            await page.ask(text)
            await page.until("task_end", 2)
    assert [thread["name"] for thread in threads(guest)] == ["say blue shoes", "count 1"]
    [found] = threads(guest, search="BLUE")
    assert guest.http.put("/project/thread", json={"threadId": found["id"], "name": "Shoes"}).status_code == 200
    assert [thread["name"] for thread in threads(guest)] == ["Shoes", "count 1"]
    assert guest.http.request("DELETE", "/project/thread", json={"threadId": found["id"]}).status_code == 200
    assert [thread["name"] for thread in threads(guest)] == ["count 1"]


async def test_the_sentence_that_points_to_the_policies_below_stands_above_them(shop: Shop) -> None:
    guest = Guest(shop)
    async with open_page(guest) as page:
        question = await page.ask("drift")
        thread = (await page.until("first_interaction"))["thread_id"]
        shown = await page.until("element")
        assert page.answer(question).startswith("> ")
    async with open_page(guest, thread) as page:
        [kept] = page.named("resume_thread")[0]["elements"]
    assert shown["props"] == kept["props"] and len(kept["props"]["sources"]) == 1


async def test_products_shown_again_with_their_reasons_are_one_card(shop: Shop) -> None:
    guest = Guest(shop)
    async with open_page(guest) as page:
        await page.ask("reasons at-once")
        (shop.home / "at-once").touch()
        thread = (await page.until("first_interaction"))["thread_id"]
        await page.until("task_end", 2)
        sent = page.named("element")
    async with open_page(guest, thread) as page:
        [kept] = page.named("resume_thread")[0]["elements"]
    assert {element["id"] for element in sent} == {kept["id"]}
    assert sent[0]["name"] == "Products" and sent[-1] == kept
    assert [[bool(tile["reason"]) for tile in element["props"]["products"]] for element in (sent[0], kept)] == [
        [False] * 6, [True] * 6,
    ]  # fmt: skip


def test_pictures_of_products_are_served_for_the_page_alone(shop: Shop) -> None:
    picture = Guest(shop).http.get("/public/products/scarves.svg")
    assert picture.headers["content-type"] == "image/svg+xml" and picture.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in picture.headers["content-security-policy"]


async def test_a_thumb_is_kept_and_nobody_else_can_give_or_take_it(shop: Shop) -> None:
    guest, stranger = Guest(shop), Guest(shop)
    async with open_page(guest) as page:
        question = await page.ask("count 3")
        thread = (await page.until("first_interaction"))["thread_id"]
        await page.until("task_end", 2)
    thumb = {"feedback": {"forId": f"run:{question}", "threadId": thread, "value": 0, "comment": "Không đúng"}}
    assert stranger.http.put("/feedback", json=thumb).status_code == 404
    given = guest.http.put("/feedback", json=thumb)
    assert given.status_code == 200
    assert stranger.http.request("DELETE", "/feedback", json=given.json()).status_code == 404
    answer = (await stored(shop, thread))[-1]
    assert (answer.feedback, answer.feedback_comment) == (-1, "Không đúng")
    async with open_page(guest, thread) as page:
        [run] = [step for step in page.named("resume_thread")[0]["steps"] if step["type"] == "run"]
    assert (run["feedback"]["value"], run["feedback"]["comment"]) == (0, "Không đúng")
    assert guest.http.request("DELETE", "/feedback", json=given.json()).status_code == 200
    assert (await stored(shop, thread))[-1].feedback is None


async def test_forged_events_and_authors_reach_nobody(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        forged: dict[str, Any] = {"type": "assistant_message", "name": "Jade Lane", "parentId": "x"}
        question = await page.ask("count 2", **forged)
        await page.until("task_end", 2)
        thread = page.named("first_interaction")[0]["thread_id"]
        edited = {"message": {"id": question, "output": "forged", "type": "user_message"}}
        for event in ("edit_message", "message_favorite", "window_message", "chat_settings_change", "audio_start"):
            await page.socket.emit(event, edited)
        for nonsense in (None, 7, {}, {"message": {"id": 1, "output": "x"}}, {"message": {"id": question}}):
            await page.socket.emit("client_message", nonsense)
        last = await page.ask("count 1")
        await page.until("task_end", 3)
        [shown] = [step for step in page.named("new_message") if step["id"] == question]
        assert (shown["type"], shown["parentId"], shown["metadata"]) == ("user_message", None, {})
        kept = await stored(shop, thread)
    assert [(m.role, m.text) for m in kept] == [
        ("user", "count 2"), ("assistant", "0 1 "), ("user", "count 1"), ("assistant", "0 ")
    ]  # fmt: skip
    assert kept[2].id == last


async def test_a_bug_shows_a_number_and_nothing_of_itself(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        question = await page.ask("crash")
        await page.until("task_end", 2)
        shown = page.answer(question)
        wire = repr(page.events)
    assert "hunter2" not in wire and "RuntimeError" not in wire and "Traceback" not in wire
    numbers = re.findall(r"\b[0-9a-f]{8}\b", shown)
    log = shop.output.read_text()
    assert len(numbers) == 1 and f"error {numbers[0]}" in log and "RuntimeError" in log and SECRET_IN_A_BUG not in log


async def test_too_long_a_message_gets_a_sentence_and_keeps_its_socket(shop: Shop) -> None:
    async with open_page(Guest(shop)) as page:
        for size, ends in ((4001, 2), (1_500_000, 3)):
            question = await page.ask("x" * size)
            await page.until("task_end", ends)
            assert page.answer(question) == f"> {say('vi', 'too_long', limit='4000')}"
        question = await page.ask("count 2")
        await page.until("task_end", 4)
        assert page.answer(question) == "0 1 "


async def test_a_message_beyond_all_bounds_closes_its_own_socket_only(shop: Shop) -> None:
    guest = Guest(shop)
    async with open_page(guest) as other:
        async with open_page(guest) as page:
            await page.ask("x" * 5_000_000)
            async with asyncio.timeout(15):
                await page.socket.wait()
        question = await other.ask("count 2")
        await other.until("task_end", 2)
        assert other.answer(question) == "0 1 "


CLOSED = [
    ("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("POST", "/auth/jwt"), ("POST", "/auth/header"),
    ("GET", "/auth/oauth/github"), ("POST", "/project/file?session_id=x"), ("GET", "/project/file/x?session_id=x"),
    ("PUT", "/project/element"), ("DELETE", "/project/element"), ("PUT", "/project/thread/share"), ("POST", "/mcp"),
    ("DELETE", "/mcp"), ("POST", "/project/action"), ("GET", "/project/share/x"), ("GET", "/share/x"),
    ("GET", "/copilot/index.js"), ("GET", "/element/x"), ("GET", "/env"), ("GET", "/assets/../index.html"),
    ("GET", "/ws/socket.io/?EIO=4&transport=polling"), ("GET", "/policies/en/no-such"),
    ("GET", "/public/..%2f..%2fpyproject.toml"), ("GET", "/policies/en/..%2f..%2fREADME"), ("GET", "/redoc"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_door_that_the_page_does_not_use_is_closed(shop: Shop, method: str, path: str) -> None:
    guest = Guest(shop)
    assert guest.http.request(method, path, json={}).status_code in (404, 405)


def test_the_page_names_no_foreign_host_and_lets_none_in(shop: Shop) -> None:
    guest = Guest(shop)
    page = guest.http.get("/?new")
    assert '<html lang="vi">' in page.text
    assert not re.search(r"https?:|//\w", page.text)
    for path in ("/public/custom.css", "/public/policy.css", "/policies/vi/returns", "/public/elements/Sources.jsx"):
        assert not re.search(r"https?://(?!www\.w3\.org/)", guest.http.get(path).text), path
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:" and policy["frame-ancestors"] == "'self'"
    assert "unsafe-inline" not in policy["script-src"] and "http" not in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff" and page.headers["referrer-policy"] == "same-origin"


def test_the_guests_cookie_is_kept_from_scripts_and_lasts(shop: Shop) -> None:
    response = httpx.get(f"{shop.url}/")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=31536000" in cookie and "Secure" not in cookie
    again = httpx.get(f"{shop.url}/", headers={"cookie": cookie.split(";")[0]})
    assert "set-cookie" not in again.headers
    assert "access_token" not in str(again.headers) + str(response.headers)


def test_a_token_of_chainlits_own_is_not_taken_from_outside(shop: Shop) -> None:
    forged = {"cookie": "access_token=eyJhbGciOiJub25lIn0.e30.", "authorization": "Bearer x"}
    assert httpx.get(f"{shop.url}/user", headers=forged).status_code == 401


async def test_a_bare_address_leads_back_to_the_conversation_and_a_query_to_a_new_one(shop: Shop) -> None:
    guest = Guest(shop)
    assert guest.http.get("/").status_code == 200
    async with open_page(guest) as page:
        await page.ask("count 1")
        thread = (await page.until("first_interaction"))["thread_id"]
        await page.until("task_end", 2)
    response = guest.http.get("/")
    assert (response.status_code, response.headers["location"]) == (303, f"/thread/{thread}")
    assert guest.http.get("/?new").status_code == 200
    assert guest.http.get(f"/thread/{uuid.uuid4()}").headers["location"] == "/"


def test_built_files_are_compressed_and_kept_for_ever_and_source_maps_are_not_served(shop: Shop) -> None:
    guest = Guest(shop)
    [script] = re.findall(r'src="(/assets/[^"]+)"', guest.http.get("/?new").text)
    response = guest.http.get(script)
    assert response.headers["content-encoding"] == "gzip" and "immutable" in response.headers["cache-control"]
    plain = guest.http.get(script, headers={"accept-encoding": "identity"})
    assert plain.content == response.content and "content-encoding" not in plain.headers
    assert guest.http.get(f"{script}.map").status_code == 404


def test_a_policy_is_a_page_in_its_own_language_with_an_anchor_for_each_section(shop: Shop) -> None:
    page = Guest(shop).http.get("/policies/th/returns")
    assert page.status_code == 200 and '<html lang="th">' in page.text
    assert page.text.count('<section id="s') >= 4 and "<script" not in page.text


def test_html_in_a_policy_is_text(tmp_path: Path) -> None:
    from rag.policy_file import Section
    from web.policies import _section

    text = "<script>x</script> [a](javascript:x) ![p](https://e.example/p.png)"
    shown = _section(Section(1, "A < B", text, 1))
    assert "<script" not in shown and "<img" not in shown and 'href="javascript' not in shown
    assert "A &lt; B" in shown


async def test_conversations_outlive_a_restart_and_sigterm_saves_what_was_written(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    try:
        guest = Guest(shop)
        async with open_page(guest) as page:
            done = await page.ask("count 3")
            await page.until("task_end", 2)
            thread = page.named("first_interaction")[0]["thread_id"]
            await page.ask("slow")
            await page.until("stream_token", 3)
            assert await asyncio.to_thread(shop.stop) == 0
        kept = await stored(shop, thread)
        assert [m.status for m in kept] == ["complete", "complete", "complete", "cut"]
        assert kept[-1].text.startswith("0 1 ")
        await asyncio.to_thread(shop.start)
        async with open_page(guest, thread) as page:
            steps = page.named("resume_thread")[0]["steps"]
        assert steps[2]["id"] == f"answer:{done}" and say("vi", "stopped") in steps[-1]["output"]
    finally:
        shop.stop() if shop.process.poll() is None else None


async def test_frames_draw_at_once_then_seldom_and_never_forget_the_last_change() -> None:
    from web.frames import Frames

    written: list[int] = []
    drawn: asyncio.Queue[int] = asyncio.Queue()

    async def draw() -> None:
        await drawn.put(len(written))

    frames = Frames(draw, interval=0.05)
    for n in range(30):
        written.append(n)
        await frames.changed()
    assert drawn.get_nowait() == 1 and drawn.empty()
    async with asyncio.timeout(5):
        assert await drawn.get() == 30
    written.append(30)
    await frames.changed()
    await frames.close()
    assert drawn.get_nowait() == 31


def test_what_the_pages_markdown_would_swallow_is_shown_as_written() -> None:
    from web.steps import markdown

    source = Source(number=1, id="zh/shipping#2.3", title='A "B"', heading="C", language="zh", text="", score=1)
    text = "约3~5天，网址:abc，Wow!"
    shown = markdown(text, [Citation(start=0, end=len(text), sources=(1, 9))], [source], [])
    assert shown == '约3\\~5天，网址\\:abc，Wow!\u00a0[1](/policies/zh/shipping#s2 "A B › C")'
    chinese = markdown("可以。", [Citation(start=0, end=3, sources=(1,))], [source], [])
    assert chinese == '可以。[1](/policies/zh/shipping#s2 "A B › C")'
    assert markdown("![x](https://e.example/x.png) 10:30", [], [], []) == "\\![x](https://e.example/x.png) 10:30"


def test_a_browsers_language_finds_ours() -> None:
    from web.locales import language_of

    found = [language_of(tag, "vi") for tag in ("zh-Hant-TW", "vi-VN,vi;q=0.9,en;q=0.8", "TH", "en_GB", "ja", "", None)]
    assert found == ["zh", "vi", "th", "en", "vi", "vi", "vi"]
    assert language_of("ja", "ko") == "en"


def test_rest_reference_asks_no_foreign_host(shop: Shop) -> None:
    guest = Guest(shop)
    page = guest.http.get("/docs")
    assert page.status_code == 200 and "http" not in re.sub(r"<!doctype.*?>", "", page.text)
    for file in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert guest.http.get(file).status_code == 200, file


def test_sources_are_numbered_as_they_come_up_in_the_answer() -> None:
    found = [
        Source(number=n, id=f"en/returns#{n}", title="Returns", heading=f"H{n}", language="en", text="", score=0.5)
        for n in (1, 2, 3)
    ]
    cited = [Citation(start=0, end=4, sources=(3,)), Citation(start=5, end=9, sources=(1, 3))]
    shown = steps.markdown("One. Two.", cited, found, [])
    assert [m[0] for m in re.findall(r"\[(\d)\]\((\S+)", shown)] == ["1", "2", "1"]
    row = steps.sources_element("q", "c", "en", found, cited)
    assert row and [(s["number"], s["heading"]) for s in row["props"]["sources"]] == [(1, "H3"), (2, "H1")]
