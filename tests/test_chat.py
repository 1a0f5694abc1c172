"""One turn from the message to the saved answer: a scripted model, a real database, a real index."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kefu.chat import Assistant, Incoming
from kefu.conversations import Conversation, Conversations
from kefu.events import Cited, Done, Event, LanguageDetected, Notice, Sources, Token, Trace, Withdrawn
from kefu.languages import Voice
from kefu.llm import LLM, Endpoint
from kefu.reply import Walls, Writing
from kefu.script_lock import Dialect
from kefu.turn_parts import Limits
from rag.embedder import make_embedder
from rag.index import PolicyIndex
from tests.scripted import Drop, Reply, ScriptedModel, chunk, event, fail, raw, say

POLICY = """---
title: Returns
---
## Time limit
You can return unused items within 30 days of delivery.

## Return shipping fee
The return fee is 60,000 VND in Vietnam and 90 THB in Thailand.
"""
POLICY_VI = """---
title: Trả hàng
---
## Thời hạn
Bạn có thể trả hàng chưa sử dụng trong vòng 30 ngày kể từ ngày nhận hàng.

## Phí gửi trả
Phí gửi trả hàng là 60.000 ₫ tại Việt Nam và 90 baht tại Thái Lan.
"""
LIMITS = Limits(
    shop_name="Jade Lane", contact="help@jadelane.example", default_language="en", region="", passages=3,
    passage_tokens=320, max_message_chars=4000, context_tokens=3500, answer_check=False,
    writing=Writing(
        layout="system", max_tokens=200, temperature=0.0, top_p=1.0, voice=Voice.AUTO, walls=Walls(),
        unsupported_numbers="correct",
    ),
)  # fmt: skip
ANSWER = "You can return unused items within 30 days of delivery."


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyIndex]:
    folder = tmp_path_factory.mktemp("shop")
    for language, text in (("en", POLICY), ("vi", POLICY_VI)):
        (folder / "policies" / language).mkdir(parents=True)
        (folder / "policies" / language / "returns.md").write_text(text, encoding="utf-8")
    found = PolicyIndex(folder / "policies", folder / "chroma", make_embedder("", "", ""))
    found.sync()
    yield found
    found.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Conversations]:
    opened = await Conversations.open(f"sqlite+aiosqlite:///{tmp_path / 'kefu.db'}")
    yield opened
    await opened.close()


class Talk:
    """A conversation with an assistant whose model is scripted."""

    def __init__(self, assistant: Assistant, store: Conversations, conversation: Conversation) -> None:
        self.assistant, self.store, self.conversation = assistant, store, conversation

    async def say(self, text: str, **message: Any) -> list[Event]:
        async with aclosing(self.assistant.reply(self.conversation, Incoming(text=text, **message))) as events:
            return [event async for event in events]


@pytest.fixture
async def talking(index: PolicyIndex, store: Conversations) -> AsyncIterator[Any]:
    clients: list[LLM] = []

    async def talk(model: ScriptedModel, **limits: Any) -> Talk:
        async def endpoint() -> Endpoint:
            return Endpoint(model.url)

        llm = LLM(endpoint, connect_s=2, first_token_s=5, idle_s=5, total_s=20, retries=0)
        clients.append(llm)
        assistant = Assistant(store, index, llm, replace(LIMITS, **limits))
        return Talk(assistant, store, await store.start("guest:1"))

    yield talk
    for client in clients:
        await client.close()


def text_of(events: list[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, Token))


def only(kind: type, events: list[Event]) -> Any:
    found = [e for e in events if isinstance(e, kind)]
    assert len(found) == 1, events
    return found[0]


async def test_a_citation_comes_before_the_first_word_of_the_next_sentence(talking: Any) -> None:
    async with ScriptedModel(say(f"{ANSWER} Anything else?", size=7)) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    before = events[: events.index(only(Cited, events))]
    assert text_of(before) == ANSWER
    assert text_of(events) == f"{ANSWER} Anything else?"


async def test_a_turn_is_language_sources_tokens_citations_done(talking: Any) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    kinds = [type(e) for e in events if not isinstance(e, Trace)]
    assert kinds[0] is LanguageDetected and kinds[1] is Sources and kinds[-1] is Done and Token in kinds
    assert only(LanguageDetected, events).language == "en"
    assert only(Sources, events).sources[0].id == "en/returns#1"
    assert text_of(events) == ANSWER
    done = only(Done, events)
    assert done.status == "complete" and done.answer == ANSWER
    assert only(Cited, events).citation == done.citations[0]
    assert done.citations[0].sources == (1,) and (done.citations[0].start, done.citations[0].end) == (0, len(ANSWER))
    assert {"detect_ms", "retrieve_ms", "build_ms", "first_token_ms", "total_ms"} <= set(done.timings)
    assert done.usage["completion"] > 0


async def test_question_is_saved_before_the_model_is_asked(talking: Any, store: Conversations) -> None:
    seen: list[list[str]] = []
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        async with aclosing(talk.assistant.reply(talk.conversation, Incoming(text="Can I return a dress?"))) as events:
            async for e in events:
                if isinstance(e, Sources):
                    assert not model.requests
                    seen.append([m.text for m in await store.messages(talk.conversation.id)])
    assert seen == [["Can I return a dress?"]]


async def test_answer_is_saved_with_its_sources_and_citations(talking: Any, store: Conversations) -> None:
    async with ScriptedModel(say(ANSWER + " [7]")) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    question, answer = await store.messages(talk.conversation.id)
    assert answer.reply_to == question.id and answer.status == "complete"
    assert answer.text == ANSWER  # the model's own marker never reaches the screen
    assert answer.model_text == ANSWER + " [7]"  # but its context keeps what it wrote
    assert answer.sources == only(Sources, events).sources
    assert answer.citations == only(Done, events).citations


async def test_second_turn_appends_and_does_not_resend_a_passage(talking: Any) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        await talk.say("How many days do I have to return a dress?")
        await talk.say("What is the return fee in Thailand?")
        first, second = (r["messages"] for r in model.requests)
    assert second[: len(first)] == first
    assert second[len(first)] == {"role": "assistant", "content": ANSWER}
    new = json.dumps(second[len(first) + 1 :], ensure_ascii=False)
    assert "within 30 days" not in new  # it stands above already


async def test_snippets_stand_in_a_system_message_right_before_the_question(talking: Any) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        await talk.say("How many days do I have to return a dress?")
        sent = model.requests[0]["messages"]
    assert [m["role"] for m in sent] == ["system", "system", "user"]
    assert "within 30 days" in sent[1]["content"] and "within 30 days" not in sent[0]["content"]


async def test_vietnamese_is_answered_from_the_vietnamese_policy(talking: Any) -> None:
    async with ScriptedModel(say("Bạn có 30 ngày kể từ ngày nhận hàng để trả hàng.")) as model:
        talk = await talking(model)
        events = await talk.say("Tôi có bao nhiêu ngày để trả hàng?")
        sent = model.requests[0]["messages"]
    assert only(LanguageDetected, events).language == "vi"
    assert all(s.language == "vi" for s in only(Sources, events).sources)
    assert "Vietnamese" in sent[1]["content"]


async def test_ok_keeps_the_conversations_language(talking: Any) -> None:
    async with ScriptedModel(say("Dạ.")) as model:
        talk = await talking(model)
        await talk.say("Tôi có bao nhiêu ngày để trả hàng?")
        events = await talk.say("ok 👍", locale="en-US")
    assert only(LanguageDetected, events).language == "vi"


async def test_nothing_found_is_said_and_the_model_is_not_asked(
    talking: Any, store: Conversations, tmp_path: Path
) -> None:
    empty = PolicyIndex(tmp_path / "none", tmp_path / "chroma", make_embedder("", "", ""))
    empty.sync()
    async with ScriptedModel(say("I will invent something.")) as model:
        talk = await talking(model)
        talk.assistant = Assistant(store, empty, talk.assistant._parts.llm, LIMITS)
        events = await talk.say("Bao nhiêu ngày để trả hàng vậy?")
        assert model.requests == []
    empty.close()
    notice = only(Notice, events)
    assert notice.code == "nothing_found" and "help@jadelane.example" in notice.text
    assert only(Done, events).status == "complete"
    assert (await store.messages(talk.conversation.id))[1].notices == (notice,)


async def test_a_follow_up_that_finds_nothing_is_searched_with_the_question_before_it(talking: Any) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        assert only(Notice, await talk.say("And why?")).code == "nothing_found"
        await talk.say("How many days do I have to return a dress?")
        events = await talk.say("And why?")
        assert len(model.requests) == 2
    assert "en/returns#1" in [s.id for s in only(Sources, events).sources]


async def test_small_talk_is_answered_without_policies(talking: Any) -> None:
    async with ScriptedModel(say("Xin chào bạn!")) as model:
        talk = await talking(model)
        events = await talk.say("Xin chào")
        assert len(model.requests) == 1
    assert only(Sources, events).sources == () and text_of(events) == "Xin chào bạn!"


async def test_unreachable_model_is_said_in_the_shoppers_language(talking: Any, store: Conversations) -> None:
    async with ScriptedModel(fail(503, "down: postgresql://user:password@db")) as model:
        talk = await talking(model)
        events = await talk.say("คืนสินค้าได้ภายในกี่วัน")
    notice = only(Notice, events)
    assert notice.code == "model_unavailable" and any("\u0e00" <= c <= "\u0e7f" for c in notice.text)
    assert "password" not in json.dumps([e.model_dump() for e in events], default=str)
    question, answer = await store.messages(talk.conversation.id)
    assert question.text == "คืนสินค้าได้ภายในกี่วัน" and answer.status == "failed"


async def test_an_answer_that_breaks_off_is_kept_and_marked_cut(talking: Any, store: Conversations) -> None:
    broken = raw(chunk({"role": "assistant", "content": ""}), chunk({"content": "You can return"}), Drop())
    async with ScriptedModel(broken) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    assert only(Done, events).status == "cut" and only(Notice, events).code == "cut_off"
    assert (await store.messages(talk.conversation.id))[1].text == "You can return"


async def test_done_without_a_finish_reason_is_a_cut(talking: Any) -> None:
    broken: Reply = raw(chunk({"content": "You can return"}), event("[DONE]"))
    async with ScriptedModel(broken) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    assert only(Done, events).status == "cut"


async def test_cancel_stops_the_upstream_and_saves_the_partial_answer(talking: Any, store: Conversations) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        model.hold(after=3)
        got_token = asyncio.Event()

        async def read() -> None:
            message = Incoming(text="Can I return a dress?")
            async with aclosing(talk.assistant.reply(talk.conversation, message)) as events:
                async for e in events:
                    if isinstance(e, Token):
                        got_token.set()

        turn = asyncio.create_task(read())
        await asyncio.wait_for(got_token.wait(), 10)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        await asyncio.wait_for(model.aborted.wait(), 5)
        model.release()
    answer = (await store.messages(talk.conversation.id))[1]
    assert answer.status == "cut" and answer.text and ANSWER.startswith(answer.text)


async def test_leaving_the_iterator_early_saves_too(talking: Any, store: Conversations) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        async with aclosing(talk.assistant.reply(talk.conversation, Incoming(text="Can I return a dress?"))) as events:
            async for e in events:
                if isinstance(e, Token):
                    break
    assert (await store.messages(talk.conversation.id))[1].status == "cut"


async def test_same_message_id_is_answered_once_and_replayed(talking: Any) -> None:
    id = str(uuid.uuid4())
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        first = await talk.say("How many days do I have to return a dress?", id=id)
        again = await talk.say("How many days do I have to return a dress?", id=id)
        assert len(model.requests) == 1
    assert text_of(again) == text_of(first) and only(Done, again) == only(Done, first)


async def test_two_messages_in_a_conversation_are_answered_one_by_one(talking: Any, store: Conversations) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        await asyncio.gather(talk.say("Can I return a dress?"), talk.say("What is the return fee?"))
        roles = [m.role for m in await store.messages(talk.conversation.id)]
    assert roles == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize(("text", "code"), [("", "empty"), ("  \n ", "empty"), ("ฉันอยากคืนสินค้า" * 300, "too_long")])
async def test_no_turn_is_made_of_nothing_or_too_much(talking: Any, store: Conversations, text: str, code: str) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        events = await talk.say(text, locale="th-TH")
        assert model.requests == []
    notice = only(Notice, events)
    assert notice.code == code and any("\u0e00" <= c <= "\u0e7f" for c in notice.text)
    assert only(Done, events).status == "failed"
    assert await store.messages(talk.conversation.id) == []


async def test_a_bug_is_logged_with_an_id_and_only_the_id_is_shown(
    talking: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "dsn=postgresql://user:password@db"
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)

        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError(secret)

        monkeypatch.setattr(talk.assistant._parts.index, "search", broken)
        events = await talk.say("Can I return a dress?")
    notice = only(Notice, events)
    assert notice.code == "error" and "password" not in notice.text
    number = next(word.split()[1] for word in caplog.messages if word.startswith("error "))
    assert number in notice.text and "RuntimeError" in caplog.text and "in broken" in caplog.text
    assert "password" not in caplog.text, "what an exception says may be anybody's data"


async def test_long_conversations_drop_the_oldest_turns_in_one_jump(talking: Any) -> None:
    async with ScriptedModel(say("Word " * 60)) as model:
        talk = await talking(model, context_tokens=1000)
        for number in range(12):
            await talk.say(f"Question {number}: how many days do I have to return a dress?")
        heads = [r["messages"][1]["content"] + r["messages"][2]["content"] for r in model.requests]
        lengths = [len(json.dumps(r["messages"])) for r in model.requests]
    kept = [a == b for a, b in pairwise(heads)]
    assert not all(kept), "nothing was ever dropped"
    assert sum(kept) >= len(kept) / 2, "the prefix changed in most turns"
    assert max(lengths) < 1000 * 5


async def test_history_is_reread_after_a_restart(talking: Any, store: Conversations, tmp_path: Path) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        talk = await talking(model)
        await talk.say("How many days do I have to return a dress?")
        reopened = await Conversations.open(f"sqlite+aiosqlite:///{tmp_path / 'kefu.db'}")
        parts = talk.assistant._parts
        again = Talk(Assistant(reopened, parts.index, parts.llm, LIMITS), reopened, talk.conversation)
        await again.say("And what is the fee in Thailand?")
        await reopened.close()
        first, second = (r["messages"] for r in model.requests)
    assert second[: len(first)] == first


# The reply's language is held


async def test_reply_in_another_language_is_withdrawn_and_written_once_more(talking: Any, store: Conversations) -> None:
    chinese = "您可以在签收后30天内退货。"
    async with ScriptedModel([say(f"Of course. {chinese}"), say(ANSWER)]) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    shown = [
        event.text if isinstance(event, Token) else "|" for event in events if isinstance(event, Token | Withdrawn)
    ]
    assert "".join(shown).split("|")[1] == ANSWER and not any("退" in text for text in shown)
    assert only(Withdrawn, events).reason == "language"
    assert only(Done, events).answer == ANSWER and only(Done, events).status == "complete"
    again = [m["content"] for m in model.requests[1]["messages"] if m["role"] == "system"]
    assert "English (English)" in again[-1]
    saved = (await store.messages(talk.conversation.id))[-1]
    assert (saved.text, saved.model_text) == (ANSWER, ANSWER)


async def test_reply_that_drifts_twice_is_given_up_with_a_person_offered(talking: Any) -> None:
    async with ScriptedModel(say("您可以在签收后30天内退货。")) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    assert len(model.requests) == 2
    assert only(Notice, events).code == "wrong_language" and "help@jadelane.example" in only(Notice, events).text
    assert only(Done, events).answer == ""


async def test_guard_that_is_off_lets_everything_through(talking: Any) -> None:
    chinese = "您可以在签收后30天内退货。"
    async with ScriptedModel(say(chinese)) as model:
        talk = await talking(model, writing=replace(LIMITS.writing, walls=Walls(guard=False)))
        events = await talk.say("How many days do I have to return a dress?")
    assert only(Done, events).answer == chinese


async def test_model_is_told_the_language_and_held_to_its_script_only_where_the_walls_say_so(talking: Any) -> None:
    for walls in (Walls(prompt=True, lock=Dialect.GRAMMAR), Walls(prompt=False, lock=None)):
        async with ScriptedModel(say("Trong 30 ngày kể từ ngày nhận hàng.")) as model:
            talk = await talking(model, writing=replace(LIMITS.writing, walls=walls))
            await talk.say("Mình có bao nhiêu ngày để trả hàng?")
        asked = model.requests[0]
        assert ("in Vietnamese" in json.dumps(asked["messages"])) is walls.prompt
        assert ("grammar" in asked) is (walls.lock is not None)


# Only what is done is said to be done


@pytest.mark.parametrize(
    ("promise", "code"),
    [("I have cancelled your order.", "nothing_done"), ("I'll ask a colleague about it.", "nothing_found")],
)
async def test_reply_that_promises_what_nothing_does_is_withdrawn(
    talking: Any, store: Conversations, promise: str, code: str
) -> None:
    async with ScriptedModel(say(f"Of course. {promise} Have a nice day.")) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    assert len(model.requests) == 1
    assert only(Withdrawn, events).reason == "promise" and only(Notice, events).code == code
    assert promise not in "".join(event.text for event in events if isinstance(event, Token))
    assert only(Done, events).answer == "" and only(Done, events).status == "complete"
    assert (await store.messages(talk.conversation.id))[-1].model_text == ""


# Numbers come from the policies


async def test_unsupported_number_is_corrected_at_the_end(talking: Any) -> None:
    async with ScriptedModel(say(f"{ANSWER} The fee is 45 dollars.")) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    assert only(Notice, events).code == "unsupported_numbers" and "45" in only(Notice, events).text
    flagged = [e.data for e in events if isinstance(e, Trace) and e.step == "unsupported"]
    assert flagged == [{"sentence": "The fee is 45 dollars.", "numbers": ("45",)}]


async def test_unsupported_number_has_the_reply_written_once_more_where_set(talking: Any) -> None:
    writing = replace(LIMITS.writing, unsupported_numbers="regenerate")
    async with ScriptedModel([say("It is 45 days."), say(ANSWER)]) as model:
        talk = await talking(model, writing=writing)
        events = await talk.say("How many days do I have to return a dress?")
    assert only(Withdrawn, events).reason == "numbers" and only(Done, events).answer == ANSWER
    assert not [e for e in events if isinstance(e, Notice)]


async def test_unsupported_number_is_left_alone_where_set(talking: Any) -> None:
    writing = replace(LIMITS.writing, unsupported_numbers="ignore")
    async with ScriptedModel(say(f"{ANSWER} The fee is 45 dollars.")) as model:
        talk = await talking(model, writing=writing)
        events = await talk.say("How many days do I have to return a dress?")
    assert not [e for e in events if isinstance(e, Notice)]


async def test_reply_that_rests_on_no_policy_offers_a_person(talking: Any) -> None:
    async with ScriptedModel(say("Sorry, I am not sure.")) as model:
        talk = await talking(model)
        events = await talk.say("How many days do I have to return a dress?")
    assert only(Notice, events).code == "not_answered"


# Asked first whether it can answer


def doubt(yes: float, no: float) -> Reply:
    """One token, with what else it might have been."""
    top = [{"token": " Yes", "logprob": yes}, {"token": "no", "logprob": no}, {"token": "NO", "logprob": no - 3}]
    first = {"token": "x", "logprob": -0.1, "top_logprobs": top}
    choice = {"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [first]}, "finish_reason": "length"}
    return raw(event({"choices": [choice]}), event("[DONE]"))


async def test_question_that_the_model_doubts_it_can_answer_is_declined_with_a_person_offered(talking: Any) -> None:
    async with ScriptedModel(say("It costs 12 dollars."), probes=doubt(yes=-4.0, no=-0.02)) as model:
        talk = await talking(model, answer_check=True)
        events = await talk.say("How many days do I have to return a dress?")
    assert not text_of(events) and model.requests == []
    assert only(Notice, events).code == "nothing_found" and only(Done, events).status == "complete"
    [verdict] = [e.data for e in events if isinstance(e, Trace) and e.step == "answerable"]
    assert verdict["answerable"] is False and verdict["doubt"] == pytest.approx(3.98)


async def test_question_that_the_model_can_answer_is_answered_from_the_same_prefix(talking: Any) -> None:
    async with ScriptedModel(say(ANSWER), probes=doubt(yes=-0.02, no=-4.0)) as model:
        talk = await talking(model, answer_check=True)
        events = await talk.say("How many days do I have to return a dress?")
    assert text_of(events) == ANSWER
    [check], [request] = model.probes, model.requests
    assert check["messages"][:-1] == request["messages"] and check["top_logprobs"] == 20


async def test_server_that_does_not_tell_its_doubts_is_let_answer(talking: Any) -> None:
    async with ScriptedModel(say(ANSWER), probes=say("no", "length")) as model:
        talk = await talking(model, answer_check=True)
        events = await talk.say("How many days do I have to return a dress?")
    assert text_of(events) == ANSWER


async def test_small_talk_is_not_checked(talking: Any) -> None:
    async with ScriptedModel(say("Hello! How can I help?"), probes=doubt(yes=-4.0, no=-0.02)) as model:
        talk = await talking(model, answer_check=True)
        await talk.say("hello there")
    assert model.probes == []
