"""Hard questions: which they are, who answers them, and that nobody but staff reads what a model thinks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import yaml
from fastapi import FastAPI

from kefu import thinking
from kefu.api import _events, router
from kefu.chat import Incoming
from kefu.config import ROOT, Settings
from kefu.conversations import Conversation
from kefu.desk import Desk, open_desk
from kefu.events import Done, Event, Notice, Sources, Thinking, Token, Trace, Withdrawn
from tests.scripted import DONE, Drop, Reply, Script, ScriptedModel, chunk, fail, raw, say
from tests.small_shop import ANSWER, small_shop

STREAMS = Path(__file__).parent / "streams"
SECRET = "a secret of the shop, of at least 32 bytes"
QUESTION = "How many days do I have to return a dress?"
HARD = "What is the difference between the return fee in Vietnam and in Thailand?"
THOUGHT = "Zebra crossing: 60,000 VND against 90 THB."
REASONING = (chunk({"reasoning": THOUGHT[:9]}), chunk({"reasoning_content": THOUGHT[9:]}))
DOWN = "http://127.0.0.1:9/v1"  # nobody listens on the discard port


def thoughtful(*before: bytes, answer: str = ANSWER, finish: str = "stop") -> Reply:
    return raw(*before, chunk({"content": answer}), chunk({}, finish), DONE)


def recorded(name: str) -> Reply:
    return raw((STREAMS / name).read_bytes())


def thought(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Thinking))


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def done(events: list[Event]) -> Done:
    assert isinstance(events[-1], Done)
    return events[-1]


def codes(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


# --- The rule ---------------------------------------------------------------------------------------------------

LONGER = {
    "zh": ["再想想", "不对，再想想", "请你再仔细想想好吗？", "帮我再想想", "深度思考一下", "仔细想想再回答"],
    "en": ["Think longer", "think harder please", "Can you think a bit longer?", "No, that's wrong, think again"],
    "vi": ["Nghĩ kỹ hơn", "Bạn nghĩ kỹ hơn giúp mình nhé", "suy nghĩ kỹ lại đi", "ban nghi ky hon di"],
    "th": ["คิดให้ดีๆ", "ช่วยคิดให้ดีๆ หน่อยนะคะ", "ลองคิดใหม่อีกทีครับ", "คิดดีๆ ก่อนตอบ"],
}
BESIDE = {
    "zh": ("退货运费谁出？仔细想想再回答", "退货运费谁出"),
    "en": ("Who pays return shipping? Think harder.", "Who pays return shipping"),
    "vi": ("Phí trả hàng ai chịu? Nghĩ kỹ hơn nhé", "Phí trả hàng ai chịu"),
    "th": ("ใครจ่ายค่าส่งคืน คิดให้ดีๆ นะ", "ใครจ่ายค่าส่งคืน"),
}
OWN_THINKING = [
    "我再想想", "再想想吧", "让我再想想", "我回去再想想", "Let me think again", "I'll think it over",
    "do you think longer sleeves look better?", "để mình nghĩ lại", "Mình nghĩ lại rồi, mình muốn huỷ đơn",
    "tôi sẽ suy nghĩ thêm", "ขอคิดดูก่อน", "ขอคิดอีกทีนะ", "คิดค่าส่งยังไง", "想想办法", "What do you think?",
]  # fmt: skip


@pytest.mark.parametrize("text", [text for texts in LONGER.values() for text in texts])
def test_think_longer_alone_means_the_question_before_it(text: str) -> None:
    assert thinking.why(text) == "asked"
    assert thinking.meant(text, ["ok", QUESTION, "think again"]) == QUESTION
    assert thinking.told(text, [QUESTION]) == f"{QUESTION}\n\n{text}"
    assert thinking.meant(text, []) == thinking.told(text, []) == text


@pytest.mark.parametrize(("text", "question"), BESIDE.values(), ids=BESIDE)
def test_think_longer_beside_a_question_is_no_part_of_it(text: str, question: str) -> None:
    assert thinking.why(text) == "asked"
    assert thinking.meant(text, [QUESTION]).startswith(question)
    assert thinking.told(text, [QUESTION]) == text


@pytest.mark.parametrize("text", OWN_THINKING)
def test_shoppers_who_think_for_themselves_ask_for_nothing(text: str) -> None:
    assert thinking.why(text) is None
    assert thinking.meant(text, [QUESTION]) == text


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("several steps", "我买了两件衣服用了优惠券，只退其中一件，能退多少钱？"),
        (
            "several steps",
            "I paid with a voucher for two shirts and want to return only one of them. What do I get back?",
        ),
        ("several steps", "Mình mua 2 áo có dùng mã giảm giá, giờ chỉ trả 1 cái thì được hoàn bao nhiêu?"),
        ("several steps", "minh mua 2 ao co dung ma giam gia, chi tra 1 cai thi duoc hoan bao nhieu"),
        ("several steps", "ซื้อสองตัวใช้คูปอง ถ้าคืนแค่ชิ้นเดียวจะได้เงินคืนเท่าไหร่"),
        ("comparison", "标准快递和特快有什么区别？哪个更划算？"),
        ("comparison", HARD),
        ("comparison", "Đổi size với trả hàng rồi mua lại cái nào lợi hơn?"),
        ("comparison", "ส่งธรรมดากับส่งด่วนต่างกันยังไง"),
    ],
)
def test_refunds_in_several_steps_and_comparisons_are_hard(why: str, text: str) -> None:
    assert thinking.why(text) == why


@pytest.mark.parametrize(
    "text",
    ["退货运费谁出", "优惠券能退吗", "Can I return a dress that I bought with a coupon?", "How much do I get back?",
     "Được hoàn tiền trong bao lâu?", "คืนเงินกี่วัน", "The colour is different from the picture, refund please"],
)  # fmt: skip
def test_an_ordinary_question_about_returns_is_not_hard(text: str) -> None:
    assert thinking.why(text) is None


def test_of_the_ordinary_questions_we_have_none_is_thought_over() -> None:
    files = ["answerable", "unanswerable", "main_job", "nearby", "follow_ups"]
    asked = {
        text for file in files for text in _texts(yaml.safe_load((ROOT / f"evals/{file}.yaml").read_text("utf-8")))
    }
    assert len(asked) > 500
    assert [text for text in asked if thinking.why(text)] == []


def _texts(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for value in inner for text in _texts(value)]


# --- A turn -----------------------------------------------------------------------------------------------------


@dataclass
class Shop:
    """An open desk with two models, or with one that can do both."""

    desk: Desk
    ordinary: ScriptedModel
    thinker: ScriptedModel
    home: Path

    async def say(self, text: str, talk: Conversation | None = None) -> list[Event]:
        talk = talk or await self.desk.conversations.start("guest:1")
        async with aclosing(self.desk.assistant.reply(talk, Incoming(text=text))) as events:
            return [event async for event in events]

    def stored(self) -> bytes:
        """Everything that Kefu has written."""
        return b"".join(file.read_bytes() for file in self.home.rglob("*") if file.is_file())


Opening = Callable[..., Any]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    home = small_shop(tmp_path)
    async with AsyncExitStack() as stack:

        async def opened(
            script: Script,
            other: Script = say("The ordinary one."),  # noqa: B008 - frozen
            thinker_probes: Script = say("o", "length"),  # noqa: B008 - frozen
            **settings: Any,
        ) -> Shop:
            ordinary = await stack.enter_async_context(ScriptedModel(other))
            thinker = await stack.enter_async_context(ScriptedModel(script, probes=thinker_probes))
            chosen: dict[str, Any] = {
                "home": home, "policies": tmp_path / "policies", "llm_url": ordinary.url, "llm_retries": 0,
                "thinking_url": thinker.url, "customer_secret": SECRET,
            }  # fmt: skip
            desk = await stack.enter_async_context(open_desk(Settings(**(chosen | settings))))
            return Shop(desk, ordinary, thinker, home)

        yield opened


async def test_a_hard_question_goes_to_the_thinking_model_with_its_own_limits_and_sampling(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING), thinking_model="thinker", thinking_api_key="sk-thinking-1")
    events = await shop.say(HARD)
    assert (text(events), thought(events)) == (ANSWER, THOUGHT)
    assert done(events).status == "complete" and not shop.ordinary.requests
    [request] = shop.thinker.requests
    assert (request["model"], request["max_tokens"]) == ("thinker", 4096)
    assert (request["temperature"], request["top_p"]) == (0.6, 0.95)
    assert request["chat_template_kwargs"] == {"enable_thinking": True}
    assert "sk-thinking-1" in shop.thinker.headers[-1]["Authorization"]


async def test_an_ordinary_question_goes_to_the_ordinary_model_which_is_told_not_to_think(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING))
    assert text(await shop.say(QUESTION)) == "The ordinary one."
    assert not shop.thinker.requests
    sent = [*shop.ordinary.requests, *shop.ordinary.probes]
    assert len(sent) > 1
    assert all(request["chat_template_kwargs"] == {"enable_thinking": False} for request in sent)


async def test_a_hybrid_is_one_model_that_is_told_when_to_think(opening: Opening) -> None:
    def hybrid(body: dict[str, Any]) -> Reply:
        return thoughtful(*REASONING) if body["chat_template_kwargs"]["enable_thinking"] else say("No thinking.")

    shop = await opening(say("unused"), hybrid, thinking_url="", thinking_model="scripted", llm_api_key="sk-hybrid-1")
    assert text(await shop.say(HARD)) == ANSWER
    assert text(await shop.say(QUESTION)) == "No thinking."
    told = [request["chat_template_kwargs"]["enable_thinking"] for request in shop.ordinary.requests]
    assert told == [True, False] and not shop.thinker.requests
    assert {header.get("Authorization") for header in shop.ordinary.headers} == {"Bearer sk-hybrid-1"}


async def test_the_ordinary_models_key_goes_to_no_other_server(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING), llm_api_key="sk-ordinary-1")
    await shop.say(HARD)
    assert shop.thinker.headers and not any("Authorization" in headers for headers in shop.thinker.headers)


async def test_without_a_thinking_model_the_ordinary_one_answers_everything(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING), thinking_url="")
    assert text(await shop.say(HARD)) == "The ordinary one."
    assert not shop.thinker.paths


@pytest.mark.parametrize(
    ("stream", "answer", "reasoning"),
    [
        ("vllm-reasoning.sse", "30 days.", "The shopper asks about returns."),
        ("sglang-reasoning.sse", "30 days.", "Returns."),
        ("vllm-think-tags.sse", "30 days, < 5 kg.", "\nThe shopper asks about returns: 3 < 5 days.\n"),
        ("vllm-think-open.sse", "30 days.", "The shopper asks about returns.\n"),
    ],
)
async def test_every_form_of_thinking_is_told_from_the_answer(
    opening: Opening, stream: str, answer: str, reasoning: str
) -> None:
    shop = await opening(recorded(stream))
    events = await shop.say(HARD)
    assert (text(events), thought(events)) == (answer, reasoning)
    assert not [event for event in events if isinstance(event, Withdrawn)]


async def test_the_first_visible_word_is_what_is_timed(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING))
    shop.thinker.hold(after=2)
    talk, heard = await shop.desk.conversations.start("guest:1"), list[Event]()
    async with aclosing(shop.desk.assistant.reply(talk, Incoming(text=HARD))) as events:
        async for event in events:
            heard.append(event)
            if thought(heard) == THOUGHT and not text(heard):
                await asyncio.sleep(0.05)  # until the first visible word
                shop.thinker.release()
    timings = done(heard).timings
    assert timings["first_token_ms"] - timings["build_ms"] >= 50


async def test_think_longer_asks_the_thinking_model_the_question_before_it(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING), say("Seven days."))
    talk = await shop.desk.conversations.start("guest:1")
    assert text(await shop.say(QUESTION, talk)) == "Seven days."
    events = await shop.say("think harder, please", talk)
    assert text(events) == ANSWER
    assert [s.id for e in events if isinstance(e, Sources) for s in e.sources][:1] == ["en/returns#1"]
    [request] = shop.thinker.requests
    assert request["messages"][-1]["content"] == f"{QUESTION}\n\nthink harder, please"
    await shop.say("And the fee?", talk)
    first, later = request["messages"], shop.ordinary.requests[-1]["messages"]
    assert later[: len(first) + 1] == [*first, {"role": "assistant", "content": ANSWER}], (
        "append-only, without thinking"
    )
    stored = [m.text for m in await shop.desk.conversations.messages(talk.id) if m.role == "user"]
    assert stored[1] == "think harder, please"


@pytest.mark.parametrize("language", LONGER)
async def test_think_longer_is_understood_in_a_turn_of_each_language(opening: Opening, language: str) -> None:
    shop = await opening(thoughtful(*REASONING, answer="30"), say("7"))
    talk = await shop.desk.conversations.start("guest:1")
    await shop.say(QUESTION, talk)
    await shop.say(LONGER[language][0], talk)
    assert shop.thinker.requests[-1]["messages"][-1]["content"].startswith(QUESTION)


async def test_a_model_that_must_not_think_is_asked_first_only_where_no_other_thinks(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING), answer_check="on")
    before = len(shop.ordinary.probes)
    await shop.say(HARD)
    assert len(shop.ordinary.probes) == before
    await shop.say(QUESTION)
    assert shop.ordinary.probes[-1]["chat_template_kwargs"] == {"enable_thinking": False}
    assert len(shop.ordinary.probes) == before + 1


# --- Where thinking brings no answer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(fail(503, "busy"), id="down"),
        pytest.param(fail(400, "This model's maximum context length is 4096 tokens."), id="refuses"),
        pytest.param(raw(*REASONING, Drop()), id="breaks off while it thinks"),
        pytest.param(raw(*REASONING, chunk({}, "length"), DONE), id="thinks until its tokens are used up"),
        pytest.param(recorded("vllm-think-cut.sse"), id="the same, in the text"),
        pytest.param(say(f"<think>{THOUGHT}"), id="stops without an answer"),
        pytest.param(say(f"<think>{THOUGHT}</think>  "), id="answers with blanks"),
    ],
)
async def test_the_ordinary_model_answers_where_the_thinking_one_does_not(
    opening: Opening, caplog: pytest.LogCaptureFixture, script: Script
) -> None:
    shop = await opening(script)
    with caplog.at_level(logging.WARNING):
        events = await shop.say(HARD)
    assert text(events) == "The ordinary one." and done(events).status == "complete"
    assert sum("the ordinary one does" in line for line in caplog.messages) == 1
    assert not [thought for thought in ("Zebra", "VND", "THB") if thought in caplog.text], "the log says nothing of it"


async def test_a_thinking_model_that_was_never_there_is_said_at_the_start_and_fails_no_turn(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        shop = await opening(say("unused"), thinking_url=DOWN)
    assert any("thinking model does not answer" in line for line in caplog.messages)
    assert text(await shop.say(HARD)) == "The ordinary one."


async def test_the_ordinary_model_goes_on_from_the_tools_that_the_thinking_one_called(opening: Opening) -> None:
    call = say("", "tool_calls", tool_calls=[("no_such_tool", "{}")])
    shop = await opening([call, fail(503, "busy")], tools="native")
    events = await shop.say(HARD)
    assert text(events) == "The ordinary one."
    roles = [message["role"] for message in shop.ordinary.requests[-1]["messages"]]
    assert roles[-2:] == ["assistant", "tool"]
    assert shop.thinker.requests[0]["tools"] == shop.ordinary.requests[-1]["tools"]


async def test_stop_ends_the_thinking_upstream_and_keeps_nothing_of_it(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING))
    shop.thinker.hold(after=2)
    talk = await shop.desk.conversations.start("guest:1")
    async with aclosing(shop.desk.assistant.reply(talk, Incoming(text=HARD))) as events:
        async for event in events:
            if isinstance(event, Thinking):
                break
    await asyncio.wait_for(shop.thinker.aborted.wait(), 5)
    answer = (await shop.desk.conversations.messages(talk.id))[-1]
    assert (answer.status, answer.text, answer.model_text) == ("cut", "", "")
    assert not shop.ordinary.requests and b"Zebra" not in shop.stored()


async def test_an_answer_that_breaks_off_after_its_thinking_is_kept_and_marked_cut(opening: Opening) -> None:
    shop = await opening(raw(*REASONING, chunk({"content": "You can return"}), Drop()))
    events = await shop.say(HARD)
    assert done(events).status == "cut" and done(events).answer == "You can return" and codes(events) == ["cut_off"]
    assert not shop.ordinary.requests


@pytest.mark.parametrize(
    "script",
    [raw(*REASONING, chunk({}, "length"), DONE), say(f"<think>{THOUGHT}", "length")],
    ids=["deltas", "tag"],
)
async def test_a_model_that_only_thinks_is_as_good_as_none_and_its_thinking_no_answer(
    opening: Opening, script: Script
) -> None:
    shop = await opening(script, script)
    events = await shop.say(HARD)
    assert done(events).status == "failed" and done(events).answer == "" and codes(events) == ["model_unavailable"]


async def test_thinking_that_an_ordinary_model_writes_as_its_answer_is_taken_back(opening: Opening) -> None:
    shop = await opening(say("unused"), recorded("vllm-think-open.sse"))
    events = await shop.say(QUESTION)
    at = next(n for n, event in enumerate(events) if isinstance(event, Withdrawn))
    assert events[at] == Withdrawn(reason="thinking")
    assert text(events[at:]) == done(events).answer == "30 days."
    assert b"The shopper asks" not in shop.stored()


# --- Who reads it -----------------------------------------------------------------------------------------------


async def test_nothing_of_the_thinking_is_stored_or_sent_to_a_model_again(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING))
    talk = await shop.desk.conversations.start("guest:1")
    assert thought(await shop.say(HARD, talk)) == THOUGHT
    await shop.say("And the time limit?", talk)
    await shop.say(HARD, talk)
    assert b"Zebra" not in shop.stored() and ANSWER.encode() in shop.stored()
    for request in [*shop.ordinary.requests, *shop.thinker.requests]:
        assert "Zebra" not in repr(request)


async def test_over_rest_only_staff_who_ask_for_the_trace_read_it(opening: Opening) -> None:
    shop = await opening(thoughtful(*REASONING))
    app = FastAPI()
    app.include_router(router)
    app.state.desk = shop.desk
    await shop.desk.staff.add("customer:mei", "agent", by="staff:test")

    async def ask(customer: str = "", **body: Any) -> httpx.Response:
        claims = {"sub": customer, "aud": "kefu", "exp": int(time.time()) + 600}
        headers = {"authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"} if customer else {}
        door = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=door, base_url="http://shop", headers=headers) as browser:
            return await browser.post("/v1/chat", json={"message": HARD, **body})

    assert (await ask(trace=True)).status_code == (await ask("bo", trace=True)).status_code == 403
    for answer in (await ask(), await ask("bo"), await ask("mei")):
        assert ANSWER in answer.text and "Zebra" not in answer.text and "event: thinking" not in answer.text
    traced = (await ask("mei", trace=True)).text
    assert "event: thinking" in traced and '"Zebra cro' in traced


async def test_a_stream_that_waits_for_a_thinking_model_is_kept_open(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kefu.api._QUIET_S", 0.05)
    shop = await opening(thoughtful(*REASONING))
    shop.thinker.hold(after=2)
    app = FastAPI()
    app.include_router(router)
    app.state.desk = shop.desk
    talk, heard = await shop.desk.conversations.start("guest:1"), b""
    async with aclosing(_events(shop.desk.assistant.reply(talk, Incoming(text=HARD)))) as stream:  # type: ignore[type-var]
        async for data in stream:
            heard += data
            if heard.count(b": waiting\n\n") == 3:
                shop.thinker.release()
    assert heard.count(b": waiting\n\n") >= 3 and b"event: done" in heard and b"Zebra" not in heard


# --- Two servers, one layout ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probes", "layout"),
    [
        (say("o", "length"), "system"),
        (fail(400, {"error": {"message": "System message must be at the beginning."}}), "user"),
    ],
    ids=["takes a late system message", "refuses it"],
)
async def test_both_models_get_a_prompt_that_both_take(opening: Opening, probes: Reply, layout: str) -> None:
    shop = await opening(thoughtful(*REASONING), thinker_probes=probes)
    for question, model in ((HARD, shop.thinker), (QUESTION, shop.ordinary)):
        events = await shop.say(question)
        roles = [message["role"] for message in model.requests[-1]["messages"]]
        assert roles == (["system", "system", "user"] if layout == "system" else ["system", "user"])
        [request] = [event.data for event in events if isinstance(event, Trace) and event.step == "request"]
        assert request["thinking"] is (question == HARD)
