"""REST as a developer of the shop meets it: a real server, a scripted model, a real database and index."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from kefu import api
from kefu.config import Settings
from kefu.desk import open_desk
from tests.scripted import ScriptedModel, ThreadedModel, fail, say

POLICIES = {
    "en": "---\ntitle: Returns\n---\n## Time limit\nYou can return unused items within 30 days of delivery.\n",
    "th": "---\ntitle: การคืนสินค้า\n---\n## คืนสินค้าได้ภายในกี่วัน\nคุณคืนสินค้าที่ยังไม่ใช้ได้ภายใน 30 วันหลังได้รับสินค้า\n",
}
ANSWER = "You can return unused items within 30 days of delivery."
QUESTION = "How many days do I have to return a dress?"


class Site:
    """A running REST server; `client()` is a new guest."""

    def __init__(self, folder: Path, model: ThreadedModel) -> None:
        for language, text in POLICIES.items():
            (folder / "policies" / language).mkdir(parents=True)
            (folder / "policies" / language / "returns.md").write_text(text, encoding="utf-8")
        settings = Settings(
            home=folder / "home", policies=folder / "policies", llm_url=model.url, llm_api_key="sk-very-secret",
            llm_retries=0, prompt_layout="system",
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.model, self.url = model, f"http://127.0.0.1:{port}"
        self._server: uvicorn.Server
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(settings, port)))
        self._thread.start()
        assert self._started.wait(60)

    async def _serve(self, settings: Settings, port: int) -> None:
        async with open_desk(settings) as desk:
            app = FastAPI()
            app.state.desk = desk
            app.include_router(api.router)
            self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
            serving = asyncio.create_task(self._server.serve())
            while not self._server.started:  # noqa: ASYNC110  (uvicorn offers no event to wait for)
                await asyncio.sleep(0.01)
            self._started.set()
            await serving

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)


@pytest.fixture(scope="module")
def model() -> Iterator[ThreadedModel]:
    with ScriptedModel.in_thread(say(ANSWER)) as model:
        yield model


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, model: ThreadedModel) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), model)
    yield site
    site.stop()


@pytest.fixture
def site(running: Site) -> Site:
    running.model.release()
    running.model.answer(say(ANSWER))
    return running


def chat(client: httpx.Client, message: str, **body: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/chat", json={"message": message, **body})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [e["type"] for e in events]
    return events


def test_a_turn_is_language_sources_tokens_cited_done_and_no_trace(site: Site) -> None:
    events = chat(site.client(), QUESTION)
    kinds = [e["type"] for e in events]
    assert kinds[:2] == ["language", "sources"] and kinds[-2:] == ["cited", "done"]
    assert set(kinds) == {"language", "sources", "token", "cited", "done"}
    assert "".join(e["text"] for e in events if e["type"] == "token") == ANSWER == events[-1]["answer"]
    assert events[1]["sources"][0]["id"] == "en/returns#1"


def test_a_guest_is_known_by_the_cookie_and_goes_on_with_the_conversation(site: Site) -> None:
    with site.client() as guest:
        done = chat(guest, QUESTION)[-1]
        assert "kefu_guest" in guest.cookies
        again = guest.post("/v1/chat", json={"message": "And the fee?", "conversation": done["conversation"]})
        assert "set-cookie" not in again.headers
        talk = guest.get(f"/v1/conversations/{done['conversation']}").json()
    assert [m["role"] for m in talk["messages"]] == ["user", "assistant"] * 2
    assert talk["messages"][1]["text"] == ANSWER and talk["messages"][1]["sources"] and talk["title"] == QUESTION


def test_the_cookies_token_works_as_a_bearer_too_and_a_forged_one_does_not(site: Site) -> None:
    with site.client() as guest:
        done = chat(guest, QUESTION)[-1]
        token = guest.cookies["kefu_guest"]
    path = f"/v1/conversations/{done['conversation']}"
    with site.client() as other:
        assert other.get(path, headers={"authorization": f"Bearer {token}"}).status_code == 200
        assert other.get(path, headers={"authorization": f"Bearer {token[:-3]}abc"}).status_code == 401


def test_anothers_conversation_and_a_missing_one_are_alike(site: Site) -> None:
    with site.client() as guest:
        theirs = chat(guest, QUESTION)[-1]["conversation"]
    with site.client() as stranger:
        looked = [stranger.get(f"/v1/conversations/{id}") for id in (theirs, uuid.uuid4())]
        said = stranger.post("/v1/chat", json={"message": "hi", "conversation": theirs})
    assert [r.status_code for r in looked] == [404, 404] and looked[0].text == looked[1].text
    assert said.status_code == 404 and ANSWER not in said.text


def test_a_retried_message_id_gets_the_same_answer_once(site: Site) -> None:
    id = str(uuid.uuid4())
    with site.client() as guest:
        first = chat(guest, QUESTION, message_id=id)[-1]
        before = len(site.model.requests)
        again = chat(guest, QUESTION, message_id=id, conversation=first["conversation"])[-1]
    assert again == first and len(site.model.requests) == before


@pytest.mark.parametrize(("message", "code"), [("  ", "empty"), ("x" * 4001, "too_long")])
def test_nothing_and_too_much_are_answered_with_a_sentence(site: Site, message: str, code: str) -> None:
    events = chat(site.client(), message)
    assert [e["type"] for e in events] == ["notice", "done"] and events[0]["code"] == code


@pytest.mark.parametrize("body", [{}, {"message": 7}, {"message": "hi", "conversation": "not-a-uuid"}])
def test_a_malformed_body_is_refused(site: Site, body: dict[str, Any]) -> None:
    with site.client() as guest:
        assert guest.post("/v1/chat", json=body).status_code == 422


def test_an_outage_is_a_sentence_without_secrets(site: Site) -> None:
    site.model.answer(fail(500, "Authorization: Bearer sk-very-secret"))
    events = chat(site.client(), "คืนสินค้าได้ภายในกี่วัน")
    assert [e["code"] for e in events if e["type"] == "notice"] == ["model_unavailable"]
    assert events[-1]["status"] == "failed" and "sk-very-secret" not in json.dumps(events)


def test_a_dropped_connection_stops_the_model_and_keeps_the_part(site: Site) -> None:
    site.model.hold(after=3)
    with site.client() as guest:
        with guest.stream("POST", "/v1/chat", json={"message": QUESTION}) as answer:
            talk = answer.headers["x-conversation"]
            for line in answer.iter_lines():
                if line == "event: token":
                    break
        assert site.model.aborted.wait(10)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            messages = guest.get(f"/v1/conversations/{talk}").json()["messages"]
            if len(messages) == 2:
                break
    assert messages[1]["status"] == "cut" and ANSWER.startswith(messages[1]["text"]) and messages[1]["text"]


def test_passages_are_found_in_the_questions_language_or_not_at_all(site: Site) -> None:
    with site.client() as guest:
        found = guest.get("/v1/passages", params={"q": "คืนสินค้าได้กี่วัน"}).json()["passages"]
        assert found[0]["id"] == "th/returns#1" and "30" in found[0]["text"]
        assert guest.get("/v1/passages", params={"q": QUESTION, "k": 21}).status_code == 422
        assert guest.get("/v1/passages", params={"q": " "}).json() == {"passages": []}


def test_health_and_readiness(site: Site) -> None:
    with site.client() as guest:
        assert guest.get("/healthz").json() == {"status": "ok"}
        assert guest.get("/readyz").json() == {"model": "ok", "index": "ok"}


async def test_not_ready_while_the_model_is_away(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, policies=tmp_path, llm_url="http://127.0.0.1:9", llm_retries=0)
    async with open_desk(settings) as desk:
        app = FastAPI()
        app.state.desk = desk
        app.include_router(api.router)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://kefu") as client:
            answer = await client.get("/readyz")
    assert answer.status_code == 503 and answer.json()["model"] == "unavailable"
