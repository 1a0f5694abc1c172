"""The desk as it opens and closes: a scripted model server, a real database, a real index."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest

from kefu.chat import Incoming
from kefu.config import Settings
from kefu.conversations import Conversation
from kefu.desk import Desk, open_desk, open_index
from kefu.events import ConfigError, Event, ModelFileError, Notice, Sources
from rag.errors import IndexInUse
from tests.scripted import ScriptedModel, fail, say
from tests.small_shop import ANSWER, small_shop, write_policy

QUESTION = "How many days do I have to return a dress?"
DOWN = "http://127.0.0.1:9/v1"  # nobody listens on the discard port
BEGINNING_ONLY = fail(400, {"error": {"message": "System message must be at the beginning."}})

Opening = Callable[..., Any]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens the small shop's desk; closed after the test."""
    home = small_shop(tmp_path)
    async with AsyncExitStack() as stack:

        async def opened(url: str, **settings: Any) -> Desk:
            chosen: dict[str, Any] = {"home": home, "policies": tmp_path / "policies", "llm_retries": 0}
            return await stack.enter_async_context(open_desk(Settings(llm_url=url, **(chosen | settings))))

        yield opened


async def ask(desk: Desk, text: str = QUESTION, conversation: Conversation | None = None) -> list[Event]:
    conversation = conversation or await desk.conversations.start("guest:1")
    async with aclosing(desk.assistant.reply(conversation, Incoming(text=text))) as events:
        return [event async for event in events]


async def sent(desk: Desk, model: ScriptedModel) -> list[dict[str, str]]:
    """The messages of one question's request."""
    await ask(desk)
    messages: list[dict[str, str]] = model.requests[-1]["messages"]
    return messages


async def test_passages_stand_in_a_system_message_where_the_model_takes_it(opening: Opening) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        messages = await sent(await opening(model.url), model)
    assert [m["role"] for m in messages] == ["system", "system", "user"]
    assert messages[-1]["content"] == QUESTION


async def test_passages_stand_above_the_question_where_the_model_refuses_a_late_system_message(
    opening: Opening,
) -> None:
    async with ScriptedModel(say(ANSWER), probes=BEGINNING_ONLY) as model:
        messages = await sent(await opening(model.url), model)
    assert [m["role"] for m in messages] == ["system", "user"]
    assert ANSWER in messages[-1]["content"] and messages[-1]["content"].endswith(QUESTION)


async def test_a_layout_that_is_set_is_used_without_asking(opening: Opening) -> None:
    async with ScriptedModel(say(ANSWER), probes=BEGINNING_ONLY) as model:
        messages = await sent(
            await opening(model.url, prompt_layout="system", reply_lock=False, tools="portable"), model
        )
        assert model.probes == []
    assert [m["role"] for m in messages] == ["system", "system", "user"]


async def test_a_desk_opens_while_the_model_is_down_and_says_so_to_everybody(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        desk = await opening(DOWN)
    assert any("which prompts it takes" in line and DOWN[:-3] in line for line in caplog.messages), caplog.messages
    events = await ask(desk)
    assert [e.code for e in events if isinstance(e, Notice)] == ["model_unavailable"]
    assert [s.id for e in events if isinstance(e, Sources) for s in e.sources][:1] == ["en/returns#1"]


@pytest.mark.parametrize(
    ("window", "settings", "whole"),
    [
        pytest.param(1000, {}, False, id="a small window"),
        pytest.param(1000, {"context_tokens": 9000}, True, id="a small window, but the setting counts"),
        pytest.param(16384, {}, True, id="a large window"),
        pytest.param(16384, {"context_tokens": 600}, False, id="a large window, but the setting counts"),
    ],
)
async def test_a_long_talk_is_cut_to_the_models_window(
    opening: Opening, window: int, settings: dict[str, int], whole: bool
) -> None:
    models = [{"id": "small", "max_model_len": window}]
    async with ScriptedModel(say("Word " * 100), models=models) as model:
        desk = await opening(model.url, **settings)
        talk = await desk.conversations.start("guest:1")
        for number in range(4):
            await ask(desk, f"Question {number}: how many days do I have to return a dress?", talk)
    newest = [m["content"] for m in model.requests[-1]["messages"]]
    assert any("Question 3" in text for text in newest)
    assert any("Question 0" in text for text in newest) is whole


async def test_warming_reads_the_shared_beginning_once_and_costs_no_script(opening: Opening) -> None:
    async with ScriptedModel([say(ANSWER)]) as model:
        desk = await opening(model.url)
        before = len(model.probes)
        await desk.warm()
        assert len(model.probes) == before + 1
        messages = await sent(desk, model)
    assert model.probes[-1]["messages"][0] == messages[0]


async def test_a_second_desk_on_the_same_home_only_reads_and_finds(opening: Opening, tmp_path: Path) -> None:
    async with ScriptedModel(say(ANSWER)) as model:
        first, second = await opening(model.url), await opening(model.url)
        write_policy(tmp_path / "policies", "en", "parking", "---\ntitle: Parking\n---\n## Cars\nParking is free.\n")
        assert second.index.refresh() is None, "it wrote what the first one keeps"
        assert next(e for e in await ask(second) if isinstance(e, Sources)).sources[0].id == "en/returns#1"
        assert first.index.refresh().added == ["en/parking#1"]


async def test_an_edited_policy_is_answered_from_after_a_refresh(opening: Opening, tmp_path: Path) -> None:
    async with ScriptedModel(say("Within 45 days.")) as model:
        desk = await opening(model.url)
        assert desk.index.refresh() is None
        edited = "---\ntitle: Returns\n---\n## Time limit\nYou can return unused items within 45 days.\n"
        write_policy(tmp_path / "policies", "en", "returns", edited)
        report = desk.index.refresh()
        assert (report.changed, report.removed) == (["en/returns#1"], ["en/returns#2"])
        sources = next(e.sources for e in await ask(desk) if isinstance(e, Sources))
    assert "within 45 days" in sources[0].text
    assert "within 45 days" in model.requests[-1]["messages"][1]["content"]


def settings_of(tmp_path: Path, **settings: Any) -> Settings:
    chosen: dict[str, Any] = {"home": tmp_path / "home", "policies": tmp_path / "policies"}
    return Settings(**(chosen | settings))


def assert_free(settings: Settings) -> None:
    """The store has no writer any more: this one becomes it."""
    index, report = open_index(settings)
    index.close()
    assert report is not None


async def test_everything_is_closed_afterwards(tmp_path: Path) -> None:
    small_shop(tmp_path)
    async with ScriptedModel(say(ANSWER)) as model:
        settings = settings_of(tmp_path, llm_url=model.url)
        async with open_desk(settings) as desk:
            await ask(desk)
            with pytest.raises(IndexInUse):
                open_index(settings, rebuild=True)
        assert desk.index.search(QUESTION) == []
        assert_free(settings)
        async with open_desk(settings) as again:
            [talk] = await again.conversations.of("guest:1")
            assert [m.text for m in await again.conversations.messages(talk.id)] == [QUESTION, ANSWER]


async def test_a_desk_that_cannot_open_lets_go_of_everything(tmp_path: Path) -> None:
    small_shop(tmp_path)
    settings = settings_of(tmp_path, llm_url="", local_model=str(tmp_path / "missing.gguf"))
    with pytest.raises(ModelFileError, match=r"missing\.gguf"):
        async with open_desk(settings):
            raise AssertionError("it opened without a model")
    assert_free(settings)


async def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigError, match="KEFU_HOME"):
        async with open_desk(settings_of(tmp_path, llm_url=DOWN)):
            raise AssertionError("it opened without a home")


async def test_progress_is_shown_while_policies_are_indexed(tmp_path: Path) -> None:
    small_shop(tmp_path)
    write_policy(tmp_path / "policies", "en", "parking", "---\ntitle: Parking\n---\n## Cars\nParking is free.\n")
    seen: list[tuple[str, int, int]] = []
    async with open_desk(settings_of(tmp_path, llm_url=DOWN), lambda *step: seen.append(step)):
        assert seen[0] == ("Indexing policies", 0, 1) and seen[-1] == ("Indexing policies", 1, 1)
