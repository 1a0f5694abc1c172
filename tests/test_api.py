"""REST, through HTTP: a scripted model, a real database, a real index."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import TypeAdapter

from kefu import words
from kefu.api import router
from kefu.config import Settings
from kefu.desk import Desk, open_desk
from kefu.events import Cited, Done, Event, LanguageDetected, Notice, Sources, Token
from kefu.identity import GUEST_COOKIE
from rag.errors import IndexUnavailable
from tests.scripted import Script, ScriptedModel, fail, say
from tests.small_shop import ANSWER, small_shop

QUESTION = "How many days do I have to return a dress?"
SECRET = "hunter2"
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


@dataclass
class Site:
    """The REST routes of an open desk, and the model behind them."""

    desk: Desk
    model: ScriptedModel
    app: FastAPI

    def browser(self, url: str = "http://shop", **headers: str) -> httpx.AsyncClient:
        """A client with a cookie jar of its own."""
        door = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=door, base_url=url, headers=headers)


Opening = Callable[..., Any]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens the small shop with a scripted model; all is closed after the test."""
    home = small_shop(tmp_path)
    async with AsyncExitStack() as stack:

        async def opened(script: Script = say(ANSWER), **settings: Any) -> Site:  # noqa: B008 - frozen
            model = await stack.enter_async_context(ScriptedModel(script))
            chosen: dict[str, Any] = {"llm_url": model.url, "policies": tmp_path / "policies", "llm_retries": 0}
            desk = await stack.enter_async_context(open_desk(Settings(home=home, **(chosen | settings))))
            app = FastAPI()
            app.include_router(router)
            app.state.desk = desk
            return Site(desk, model, app)

        yield opened


@pytest.fixture
async def site(opening: Opening) -> Site:
    opened: Site = await opening()
    return opened


def events_of(answer: httpx.Response) -> list[Event]:
    """Every event on the wire; each is two lines and a blank one, and named as its data says."""
    assert answer.status_code == 200, answer.text
    *blocks, rest = answer.text.split("\n\n")
    assert rest == ""
    events = []
    for block in blocks:
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
        events.append(EVENT.validate_json(data.removeprefix("data: ")))
    return events


async def chat(browser: httpx.AsyncClient, message: str = QUESTION, **body: Any) -> list[Event]:
    return events_of(await browser.post("/v1/chat", json={"message": message, **body}))


def done_of(events: list[Event]) -> Done:
    assert isinstance(events[-1], Done), events
    return events[-1]


# One turn


async def test_a_turn_is_a_stream_of_events_in_order_without_what_only_staff_may_see(site: Site) -> None:
    async with site.browser() as browser:
        answer = await browser.post("/v1/chat", json={"message": QUESTION})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    events = events_of(answer)
    kinds = [type(e) for e in events]
    assert kinds[:2] == [LanguageDetected, Sources]
    assert set(kinds[2:-2]) == {Token} and kinds[-2:] == [Cited, Done]
    assert "".join(e.text for e in events if isinstance(e, Token)) == ANSWER == done_of(events).answer
    assert done_of(events).conversation == answer.headers["x-conversation"]
    assert "You are the customer service" not in answer.text, "the prompt is on the wire"


async def test_the_browsers_language_counts_where_the_message_has_none(site: Site) -> None:
    async with site.browser(**{"accept-language": "th-TH,th;q=0.9,en;q=0.5"}) as browser:
        events = await chat(browser, "12345")
    assert isinstance(events[0], LanguageDetected) and events[0].language == "th"


async def test_a_conversation_goes_on_with_its_id_and_can_be_read_again(site: Site) -> None:
    async with site.browser() as browser:
        first = done_of(await chat(browser))
        second = done_of(await chat(browser, "What is the return fee in Thailand?", conversation=first.conversation))
        read = (await browser.get(f"/v1/conversations/{first.conversation}")).json()
    assert second.conversation == first.conversation == read["id"]
    before, after = (r["messages"] for r in site.model.requests)
    assert after[: len(before)] == before
    assert [m["role"] for m in read["messages"]] == ["user", "assistant"] * 2
    assert (read["title"], read["language"]) == (QUESTION, "en")
    answer = read["messages"][1]
    assert (answer["id"], answer["text"], answer["status"]) == (first.message_id, ANSWER, "complete")
    assert answer["citations"] == [c.model_dump(mode="json") for c in first.citations]
    assert answer["sources"][0]["id"] == "en/returns#1"
    assert "You are the customer service" not in json.dumps(read) and "context" not in answer


@pytest.mark.parametrize("known", [True, False], ids=["in a known conversation", "as the first message"])
async def test_a_message_sent_twice_is_answered_once_and_both_times(site: Site, known: bool) -> None:
    async with site.browser() as browser:
        body = {"conversation": done_of(await chat(browser, "Hello there!")).conversation} if known else {}
        before = len(site.model.requests)
        id = str(uuid.uuid4())
        first, again = await chat(browser, message_id=id, **body), await chat(browser, message_id=id, **body)
    assert len(site.model.requests) == before + 1
    assert done_of(again) == done_of(first) and done_of(first).answer == ANSWER


@pytest.mark.parametrize(("message", "code"), [("", "empty"), (" \n", "empty"), ("คืนสินค้า " * 1000, "too_long")])
async def test_what_no_turn_can_be_made_of_gets_a_friendly_sentence(site: Site, message: str, code: str) -> None:
    async with site.browser(**{"accept-language": "th-TH"}) as browser:
        events = await chat(browser, message)
    [notice] = [e for e in events if isinstance(e, Notice)]
    assert notice.code == code and any("\u0e00" <= c <= "\u0e7f" for c in notice.text)
    assert done_of(events).status == "failed" and site.model.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b"[]",
        b"{}",
        b'{"message": 7}',
        b'{"message": "hi", "conversation": "1 OR 1=1"}',
        b'{"message": "hi", "message_id": "1"}',
        b'{"message": "' + b"x" * 100_001 + b'"}',
    ],
    ids=["no JSON", "no object", "no message", "number", "conversation", "message id", "over-long"],
)
async def test_a_malformed_request_is_refused(site: Site, body: bytes) -> None:
    async with site.browser() as browser:
        answer = await browser.post("/v1/chat", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422 and site.model.requests == []


async def test_characters_that_no_database_takes_do_no_harm(site: Site) -> None:
    body = rb'{"message": "How many\u0000 days do I have to return a dress? \ud83d"}'
    async with site.browser() as browser:
        answer = await browser.post("/v1/chat", content=body, headers={"content-type": "application/json"})
        read = await browser.get(f"/v1/conversations/{answer.headers['x-conversation']}")
    assert done_of(events_of(answer)).status == "complete"
    assert read.json()["messages"][0]["text"].split() == QUESTION.split()


# Who asks


async def test_a_stranger_becomes_a_guest_once(site: Site) -> None:
    async with site.browser() as browser:
        first = await browser.post("/v1/chat", json={"message": QUESTION})
        second = await browser.post("/v1/chat", json={"message": QUESTION})
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{GUEST_COOKIE}=") and "set-cookie" not in second.headers
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower() and "Secure" not in cookie
    owner = site.desk.identity.guests.owner(first.cookies[GUEST_COOKIE])
    assert owner and len(await site.desk.conversations.of(owner)) == 2


async def test_over_https_the_cookie_is_secure(site: Site) -> None:
    async with site.browser("https://shop") as browser:
        answer = await browser.post("/v1/chat", json={"message": QUESTION})
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_forged_cookie_is_a_stranger(site: Site) -> None:
    async with site.browser(cookie=f"{GUEST_COOKIE}=forged") as browser:
        answer = await browser.post("/v1/chat", json={"message": QUESTION})
    assert answer.status_code == 200 and site.desk.identity.guests.owner(answer.cookies[GUEST_COOKIE])


async def test_a_bearer_token_says_who_asks(site: Site) -> None:
    owner, token = site.desk.identity.guests.issue()
    async with site.browser(authorization=f"Bearer {token}") as browser:
        answer = await browser.post("/v1/chat", json={"message": QUESTION})
        read = await browser.get(f"/v1/conversations/{answer.headers['x-conversation']}")
    assert "set-cookie" not in answer.headers and read.status_code == 200
    assert [c.id for c in await site.desk.conversations.of(owner)] == [answer.headers["x-conversation"]]


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Basic YTpi", "Bearer a.b.c"])
async def test_a_wrong_bearer_is_refused_even_beside_a_good_cookie(site: Site, authorization: str) -> None:
    _, token = site.desk.identity.guests.issue()
    async with site.browser(authorization=authorization, cookie=f"{GUEST_COOKIE}={token}") as browser:
        answer = await browser.post("/v1/chat", json={"message": QUESTION})
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert site.model.requests == []


async def test_somebody_elses_conversation_and_a_missing_one_are_alike(site: Site) -> None:
    async with site.browser() as owner, site.browser() as other:
        foreign = done_of(await chat(owner)).conversation
        await chat(other)
        asked = len(site.model.requests)
        ids = {"foreign": foreign, "missing": str(uuid.uuid4())}
        chats = [await other.post("/v1/chat", json={"message": "Hi!", "conversation": id}) for id in ids.values()]
        reads = [await other.get(f"/v1/conversations/{id}") for id in ids.values()]
    for pair in (chats, reads):
        assert [a.status_code for a in pair] == [404, 404]
        assert pair[0].content == pair[1].content
    assert len(site.model.requests) == asked
    assert len(await site.desk.conversations.messages(foreign)) == 2


async def test_anothers_message_id_brings_no_answer_to_light(site: Site) -> None:
    id = str(uuid.uuid4())
    async with site.browser() as owner, site.browser() as other:
        await chat(owner, message_id=id)
        events = await chat(other, message_id=id)
    assert [e.code for e in events if isinstance(e, Notice)] == ["duplicate"] and done_of(events).answer == ""
    assert len(site.model.requests) == 1


# Outages


async def test_no_secret_is_in_what_an_outage_says(opening: Opening) -> None:
    site = await opening(fail(500, f"postgresql://kefu:{SECRET}@db"), llm_api_key=f"sk-{SECRET}")
    async with site.browser() as browser:
        answer = await browser.post("/v1/chat", json={"message": "Tôi có bao nhiêu ngày để trả hàng?"})
        read = await browser.get(f"/v1/conversations/{answer.headers['x-conversation']}")
    [notice] = [e for e in events_of(answer) if isinstance(e, Notice)]
    assert notice == Notice(code="model_unavailable", text=words.say("vi", "model_unavailable"))
    assert done_of(events_of(answer)).status == "failed"
    assert read.json()["messages"][1]["notices"] == [notice.model_dump()]
    for inside in (SECRET, "postgresql", site.model.url.removesuffix("/v1")):
        assert inside not in answer.text + read.text


async def test_no_secret_is_in_what_a_bug_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(f"postgresql://kefu:{SECRET}@db")

    monkeypatch.setattr(site.desk.index, "search", broken)
    async with site.browser() as browser:
        answer = await browser.post("/v1/chat", json={"message": QUESTION})
        passages = await browser.get("/v1/passages", params={"q": QUESTION})
    assert [e.code for e in events_of(answer) if isinstance(e, Notice)] == ["error"]
    assert passages.status_code == 500
    assert SECRET not in answer.text + passages.text and "Traceback" not in answer.text + passages.text


# Over a real connection


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[str]:
    """The same routes under uvicorn."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(site.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
def slow_to_save(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The model stops after its first words, and the database takes its time."""
    save = site.desk.conversations.add_answer

    async def save_slowly(*args: Any, **answer: Any) -> Any:
        await asyncio.sleep(0.2)
        return await save(*args, **answer)

    monkeypatch.setattr(site.desk.conversations, "add_answer", save_slowly)
    site.model.hold(after=3)
    return site


async def leave_after_the_first_token(url: str, model: ScriptedModel) -> str:
    """The id of the conversation in which that happened."""
    question = {"message": QUESTION}
    async with httpx.AsyncClient() as browser, browser.stream("POST", f"{url}/v1/chat", json=question) as answer:
        async with asyncio.timeout(10):
            lines = answer.aiter_lines()
            while await anext(lines) != "event: token":
                pass
    await asyncio.wait_for(model.aborted.wait(), 5)
    return answer.headers["x-conversation"]


async def test_leaving_stops_the_model_and_the_next_turn_finds_what_was_said(slow_to_save: Site) -> None:
    conversations = slow_to_save.desk.conversations
    async with served(slow_to_save) as url:
        id = await leave_after_the_first_token(url, slow_to_save.model)
        async with conversations.turn(id):  # as the next message would
            question, cut = await conversations.messages(id)
    assert (question.text, cut.status) == (QUESTION, "cut")
    assert cut.text and ANSWER.startswith(cut.text) and cut.text != ANSWER


async def test_a_server_that_closes_waits_for_the_saving_of_who_just_left(slow_to_save: Site) -> None:
    async with served(slow_to_save) as url:
        id = await leave_after_the_first_token(url, slow_to_save.model)
    assert [m.status for m in await slow_to_save.desk.conversations.messages(id)] == ["complete", "cut"]


# Passages and health


async def test_passages_are_found_in_thai(site: Site) -> None:
    async with site.browser() as browser:
        found = (await browser.get("/v1/passages", params={"q": "คืนสินค้าได้ภายในกี่วัน"})).json()["passages"]
    assert set(found[0]) == {"id", "source", "heading", "language", "score", "text"}
    assert (found[0]["id"], found[0]["source"], found[0]["language"]) == ("th/returns#1", "th/returns.md", "th")
    assert found[0]["heading"] == "การคืนสินค้า › ระยะเวลา" and "30 วัน" in found[0]["text"]
    assert [f["score"] for f in found] == sorted((f["score"] for f in found), reverse=True)


async def test_the_number_and_the_language_of_passages_can_be_chosen(site: Site) -> None:
    async with site.browser() as browser:
        params: dict[str, str | int] = {"q": QUESTION, "k": 1, "language": "vi"}
        found = (await browser.get("/v1/passages", params=params)).json()["passages"]
    assert [f["id"] for f in found] == ["vi/returns#1"]


async def test_nothing_found_is_an_empty_list(opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    site = await opening(policies=tmp_path / "nothing")
    async with site.browser() as browser:
        answer = await browser.get("/v1/passages", params={"q": QUESTION})
    assert answer.status_code == 200 and answer.json() == {"passages": []}


@pytest.mark.parametrize("params", [{"q": "x", "k": "0"}, {"q": "x", "k": "21"}, {"q": ""}, {}, {"q": "x" * 4001}])
async def test_passages_have_bounds(site: Site, params: dict[str, str]) -> None:
    async with site.browser() as browser:
        assert (await browser.get("/v1/passages", params=params)).status_code == 422


async def test_an_index_out_of_reach_is_said_without_its_address(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise IndexUnavailable(f"Chroma at http://kefu:{SECRET}@chroma:8000")

    monkeypatch.setattr(site.desk.index, "search", down)
    async with site.browser() as browser:
        answer = await browser.get("/v1/passages", params={"q": QUESTION})
    assert answer.status_code == 503 and SECRET not in answer.text and "chroma" not in answer.text


async def test_ready_is_more_than_alive(opening: Opening) -> None:
    site = await opening()
    async with site.browser() as browser:
        ready = await browser.get("/readyz")
        await site.model.__aexit__()
        down, alive = await browser.get("/readyz"), await browser.get("/healthz")
    assert (ready.status_code, ready.json()) == (200, {"model": "ok", "index": "ok"})
    assert (down.status_code, down.json()) == (503, {"model": "unavailable", "index": "ok"})
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})


async def test_a_model_server_that_hangs_is_not_ready(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kefu.api._READY_S", 0.05)
    monkeypatch.setattr(site.desk.llm, "models", lambda: asyncio.sleep(60))
    async with site.browser() as browser, asyncio.timeout(10):
        assert (await browser.get("/readyz")).status_code == 503
