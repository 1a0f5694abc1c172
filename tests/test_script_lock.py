"""Which characters a locked reply may have, and how a server is asked whether it can lock."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kefu.config import ROOT, Settings
from kefu.events import ModelRefused, ModelUnavailable
from kefu.languages import LANGUAGES
from kefu.llm import LLM, Endpoint, TextDelta
from kefu.local_model import LocalModel
from kefu.script_lock import Dialect, exceptions, foreign, grammar, probe, quoted, request_fields
from rag.passages import read_policies
from tests.real_kefu import RealKefu
from tests.scripted import MODEL, Reply, ScriptedModel, fail, say

REPLIES = yaml.safe_load((ROOT / "tests" / "correct_replies.yaml").read_text(encoding="utf-8"))
EVERYWHERE = "30 ngày – “OK”… 5 % £1 €2 ¥3 ₫4 ฿5 ¥6 👍🏽 👨‍👩‍👧 ❤️ 🇻🇳 ✓ → № ① 32 Ω α7 𝐛 ・\n\tcafé ÀÖØ\u0301"
LETTERS = {
    "Thai": "ส่งฟรีน้ำเก๊ๆฯ", "Han": "订单訂單㐀𠮷", "Kana": "おくりカタヷ", "Hangul": "주문한글ㄱ",
    "Cyrillic": "Заказ", "Arabic": "طلبی", "Lao": "ສິນຄ້າ", "Khmer": "ទំនិញ", "Burmese": "ပစ္စည်း",
    "Hebrew": "הזמנה", "Devanagari": "ऑर्डर", "Radical": "⼈⺀",
}  # fmt: skip
OWN = {"ja": ["Kana", "Han"]} | {code: [row.script] for code, row in LANGUAGES.items() if code != "ja"}


def allows(grammar: str, text: str) -> bool:
    """Whether the grammar generates the text. A rule of classes, literals and alternatives is a regular expression but
    for its literals and spaces."""
    parts = re.findall(r'(\[[^]]+\])|"((?:[^"\\]|\\.)+)"|([()|+*])| ', grammar.removeprefix("root ::= "))
    pattern = "".join(of or re.escape(re.sub(r"\\(.)", r"\1", literal)) or mark for of, literal, mark in parts)
    return bool(re.fullmatch(pattern, text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_of_other_scripts_are_out_and_everything_else_is_in(language: str) -> None:
    rule = grammar(language)
    assert allows(rule, EVERYWHERE) and not foreign(language).search(EVERYWHERE)
    for script, letters in LETTERS.items():
        for letter in letters:
            own = script in OWN[language]
            on = "ก" if own and script == "Thai" else "a"
            assert allows(rule, f"{on}{letter}") == own, (letter, script)
            assert bool(foreign(language).search(letter)) != own, (letter, script)


@pytest.mark.parametrize("language", ["zh", "en", "vi", "th"])
def test_every_policy_of_the_language_and_every_correct_reply_may_be_said(language: str) -> None:
    texts = [p.text for p in read_policies(ROOT / "policies")[0] if p.language == language]
    assert len(texts) > 80
    for text in texts + REPLIES[language]:
        assert allows(grammar(language), text)


def test_a_thai_mark_stands_on_a_thai_letter() -> None:
    rule = grammar("th")
    assert allows(rule, "ด่านศุลกากร น้ำ กี่ ผู้ ก็ 5 ชิ้น COD ส่ง")
    for text in ("ถึง D่านศุลกากร", "5ิ", " ่าน", "่าน", "COD์"):
        assert not allows(rule, text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_wide_punctuation_is_for_chinese_and_japanese(language: str) -> None:
    for mark in "、。「」《》【】，！（）：～":
        assert allows(grammar(language), f"a{mark}") == (language in ("zh", "ja"))
        assert not foreign(language).search(mark)


def test_an_empty_reply_is_none() -> None:
    assert not allows(grammar("vi"), "")


def test_an_allowed_name_may_be_said_whole_and_nothing_else_of_its_script() -> None:
    rule = grammar("vi", ["尺码", "“我的订单”"])
    assert allows(rule, "Bạn vào “我的订单” xem 尺码 nhé")
    for text in ("尺", "码", "尺寸", "我的订单", "“我的”", "“我的订单"):
        assert not allows(rule, f"Bạn xem {text} nhé")


@given(
    st.text(max_size=16),
    st.sampled_from("订ส่ง"),
    st.sampled_from(['"', "\\", "]", "[^", "\n", '" | "', "#"]),
    st.text(max_size=8),
)
def test_no_name_is_taken_for_grammar(some: str, letter: str, mark: str, other: str) -> None:
    name = f"{some}{mark}{letter}"
    rule = grammar("vi", [name])
    assert "\n" not in rule
    assert allows(rule, f"a{name}") == name.isprintable()
    if foreign("vi").search(other.replace(name, "")):
        assert not allows(rule, other)


def test_names_are_bounded() -> None:
    names = ["订" * 23, "no foreign letter", "订单", "订单", *(f"名{n}" for n in range(40))]
    assert exceptions("vi", names) == ["订单", *(f"名{n}" for n in range(19))]
    assert len(grammar("vi", names)) < 8_000


def test_the_shoppers_own_words_and_quoted_names_are_allowed_and_a_foreign_policy_is_not() -> None:
    policy = "发货后12小时内，运单号会发送到您的邮箱，也可以在“我的订单”中查看。见《退货说明》。「" + "很" * 21 + "」"
    allowed = quoted("vi", "尺码 nghĩa là gì vậy shop, เสื้อ nữa", [policy, "Bạn vào “Đơn hàng của tôi”."])
    assert allowed[:2] == ("尺码", "เสื้อ")
    assert set(allowed[2:]) == {"“我的订单”", '"我的订单"', "《退货说明》", '"退货说明"'}
    assert not allows(grammar("vi", allowed), "运单号")
    assert quoted("zh", "“我的订单”在哪里 size M", [policy]) == ()  # nothing in it is foreign to Chinese
    assert quoted("vi", "订" * 21, []) == ()


# --- Asking the server ------------------------------------------------------------------------------------------


@asynccontextmanager
async def llm_at(url: str) -> AsyncIterator[LLM]:
    async def endpoint() -> Endpoint:
        return Endpoint(url, "", MODEL)

    llm = LLM(endpoint, connect_s=5, first_token_s=20, idle_s=20, total_s=60, retries=0)
    try:
        yield llm
    finally:
        await llm.close()


def obeys(field: str | None, *, strict: int = 0) -> Any:
    """A server that takes a grammar in this field only; others it ignores, or refuses with the status `strict`."""

    def answer(body: dict[str, Any]) -> Reply:
        sent = [dialect for dialect in Dialect if dialect in body]
        assert len(sent) == 1 and body["max_tokens"] == 1
        if sent == [field]:
            value = body[sent[0]]
            rule = value["grammar"] if isinstance(value, dict) else value
            return say(re.findall('"(.)', rule)[0], "length")
        return fail(strict, {"error": {"message": "unknown field"}}) if strict else say("Hello", "length")

    return answer


@pytest.mark.parametrize("strict", [0, 400, 422])
@pytest.mark.parametrize("dialect", Dialect)
async def test_probe_finds_the_field_that_the_server_obeys(dialect: Dialect, strict: int) -> None:
    async with ScriptedModel(say("never"), probes=obeys(dialect, strict=strict)) as server, llm_at(server.url) as llm:
        assert await probe(llm) is dialect
    assert len(server.probes) == list(Dialect).index(dialect) + 1 and not server.requests


@pytest.mark.parametrize("answer", [obeys(None), obeys(None, strict=400), say("", "length")])
async def test_a_server_that_obeys_none_has_no_lock(answer: Any) -> None:
    async with ScriptedModel(say("never"), probes=answer) as server, llm_at(server.url) as llm:
        assert await probe(llm) is None


@pytest.mark.parametrize(("status", "error"), [(401, ModelRefused), (404, ModelRefused), (503, ModelUnavailable)])
async def test_probe_does_not_take_another_failure_for_a_no(status: int, error: type[Exception]) -> None:
    async with ScriptedModel(say("never"), probes=fail(status, "x")) as server, llm_at(server.url) as llm:
        with pytest.raises(error):
            await probe(llm)


def test_each_dialect_has_its_field() -> None:
    assert request_fields(Dialect.GRAMMAR, "g") == {"grammar": "g"}
    assert request_fields(Dialect.STRUCTURED_OUTPUTS, "g") == {"structured_outputs": {"grammar": "g"}}
    assert request_fields(Dialect.EBNF, "g") == {"ebnf": "g"}


# --- The real embedded model ------------------------------------------------------------------------------------


@asynccontextmanager
async def real_llm(kefu: RealKefu, file: Path) -> AsyncIterator[LLM]:
    """A client of the model server that the running Kefu has started."""
    settings = Settings(_env_file=None)
    home = Path(kefu.env["KEFU_HOME"])
    model = LocalModel(file, home=home, slots=settings.local_slots, slot_tokens=settings.local_slot_tokens)
    await model.start()
    assert model.attached
    llm = LLM(model.endpoint, connect_s=5, first_token_s=120, idle_s=60, total_s=180)
    try:
        yield llm
    finally:
        await llm.close()
        await model.stop()


async def answer(llm: LLM, question: str, **extra: Any) -> str:
    pieces = llm.stream([{"role": "user", "content": question}], max_tokens=40, temperature=0, extra=extra)
    return "".join([piece.text async for piece in pieces if isinstance(piece, TextDelta)])


@pytest.mark.model
async def test_the_embedded_model_cannot_leave_the_script(real_kefu: RealKefu, model_file: Path) -> None:
    chinese, thai = "用中文介绍“尺码”是什么。", "How do you say hello in Thai script? Write it twice."
    async with real_llm(real_kefu, model_file) as llm:
        dialect = await probe(llm)
        assert dialect is Dialect.GRAMMAR
        assert foreign("vi").search(await answer(llm, chinese)), "it does not leave it unlocked: this shows nothing"
        locked = await answer(llm, chinese, **request_fields(dialect, grammar("vi")))
        named = await answer(llm, chinese, **request_fields(dialect, grammar("vi", ["尺码"])))
        in_chinese = await answer(llm, thai, **request_fields(dialect, grammar("zh")))
        in_thai = await answer(llm, thai, **request_fields(dialect, grammar("th")))
    assert locked.strip() and not foreign("vi").search(locked)
    assert "尺码" in named and not foreign("vi").search(named.replace("尺码", ""))
    assert in_chinese.strip() and not foreign("zh").search(in_chinese)
    assert re.search("[\u0e01-\u0e4e]", in_thai)
