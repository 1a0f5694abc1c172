"""`kefu products` and `kefu recommend`, as staff and scripts use them, on a small shop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orders_desk import Told
from tests.scripted import ScriptedModel, fail, say
from tests.small_products import SharedWords, goods_of, seed_folder
from tests.test_cli import DOWN, Kefu, Ran

WISH = "a plain silk scarf for my mother under $50"
TRUE = "A plain scarf in mulberry silk."


@pytest.fixture
def kefu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Kefu:
    """In a new home, without the embedded model: no test here is about what is alike."""
    monkeypatch.setattr("kefu.desk.embedder_of", lambda settings: SharedWords())
    monkeypatch.setattr("kefu.desk.open_router", lambda settings, index: Told({}))
    kefu = Kefu(tmp_path, monkeypatch, capfd)
    kefu.set(KEFU_HOME=str(tmp_path / "new"), KEFU_SHOP_DATA=str(seed_folder(tmp_path / "data")))
    return kefu


def found(answer: dict[str, object]) -> list[str]:
    candidates = answer["candidates"]
    assert isinstance(candidates, list)
    return goods_of(*(one["id"] for one in candidates))


def said_well(ran: Ran) -> Ran:
    assert (ran.code, "Traceback" in ran.err) == (0, False), ran.err
    return ran


def test_products_are_printed_with_price_stock_and_reason(kefu: Kefu) -> None:
    ran = said_well(kefu("products", "silk scarf"))
    first, *lines = ran.out.splitlines()
    assert first == "These fit what you are looking for best."
    products = [line for line in lines if line.strip()[:1].isdigit()]
    assert len(products) == 2 and any(
        "Quiet silk scarf  ·  45 USD  ·  In stock  [quiet-scarf-ALL]" in p for p in products
    )
    assert "mulberry silk" in ran.out and "en, all (USD)" in ran.err, "what was understood, beside the answer"


def test_products_need_no_model(kefu: Kefu) -> None:
    kefu.set(KEFU_LLM_URL=DOWN)
    assert set(found(said_well(kefu("products", "silk scarf", "--json")).json)) == {"quiet-scarf", "garden-scarf"}


def test_json_is_what_rest_answers(kefu: Kefu) -> None:
    answer = said_well(kefu("recommend", WISH, "--json")).json
    assert set(answer) == {"language", "market", "currency", "intent", "filters", "text", "candidates", "none"}
    assert answer["intent"]["highest"] == {"amount": "50.00", "currency": "USD"} and found(answer)[0] == "quiet-scarf"
    assert {c["attribute"] for c in answer["candidates"][0]["reason"]["claims"]} >= {"material", "pattern"}


@pytest.mark.parametrize("command", ["products", "recommend"])
def test_a_batch_is_answered_line_by_line(kefu: Kefu, command: str) -> None:
    batch = [
        "真丝丝巾",
        "khăn lụa",
        json.dumps({"text": "scarf", "language": "en", "market": "CN"}),
        json.dumps({"text": "silk scarf", "language": "zh-CN"}),
        "",
        "{broken",
        "a silk scarf under $10",
        "👍",
    ]
    ran = said_well(kefu(command, stdin="\n".join(batch) + "\n"))
    assert len(ran.lines) == len(batch)
    zh, vi, market, region, _, _, none, _ = ran.lines
    scarves = {"quiet-scarf", "garden-scarf"}
    assert (zh["language"], zh["market"], set(found(zh))) == ("zh", "CN", scarves)
    assert (vi["language"], vi["market"], set(found(vi))) == ("vi", "VN", scarves)
    assert (market["language"], market["market"], market["currency"]) == ("en", "CN", "CNY")
    assert (region["language"], region["market"]) == ("zh", "CN")
    assert none["none"]["why"] == "price" and not none["candidates"]


@pytest.mark.parametrize("wrong", ['{"text": 7}', '{"text": "x", "market": 7}', '{"text": "x", "language": "tlh"}'])
def test_a_query_of_the_wrong_kind_ends_the_batch_with_a_sentence(kefu: Kefu, wrong: str) -> None:
    ran = kefu("products", stdin=f"scarf\n{wrong}\n")
    assert ran.code == 1 and "Traceback" not in ran.err
    assert ran.err.splitlines()[-1].startswith("Error: ")
    assert len(ran.lines) == 1, "the good line before it was answered"


def test_options_say_how_many_where_and_in_which_language(kefu: Kefu) -> None:
    answer = said_well(kefu("products", "ผ้าพันคอ", "-k", "1", "--market", "cn", "--language", "th", "--json")).json
    assert (answer["language"], answer["currency"], len(answer["candidates"])) == ("th", "CNY", 1)
    assert kefu("products", "scarf", "-k", "0").code == 2
    ran = kefu("products", "scarf", "--language", "tlh")
    assert ran.code == 1 and "tlh" in ran.err and ran.out == ""


def test_a_customers_orders_count_where_they_are_named(kefu: Kefu) -> None:
    wish = ("recommend", "a cotton top", "--market", "CN", "--json")
    mei = said_well(kefu(*wish, "--customer", "mei")).json
    assert found(mei)[0] == "park-top" and mei["candidates"][0]["parts"]["history"] > 0.3
    assert not any(one["parts"]["history"] for one in said_well(kefu(*wish)).json["candidates"])
    assert not any(one["parts"]["history"] for one in kefu(*wish, "--customer", "nobody").json["candidates"])


def test_nothing_that_fits_is_printed_with_what_comes_nearest(kefu: Kefu) -> None:
    ran = said_well(kefu("products", "a silk scarf under $10"))
    assert ran.out.startswith("There is nothing like that in stock for 10 USD.") and "Garden silk scarf" in ran.out


def test_a_server_words_the_reasons_that_are_true_and_may_be_away(kefu: Kefu) -> None:
    with ScriptedModel.in_thread(lambda body: say("{}" if "response_format" in body else TRUE)) as model:
        kefu.set(KEFU_LLM_URL=model.url, KEFU_TOOLS="portable")
        answer = said_well(kefu("recommend", WISH, "--json")).json
        by = dict(zip(found(answer), (one["reason"]["by"] for one in answer["candidates"]), strict=True))
        assert by == {"quiet-scarf": "model", "garden-scarf": "records", "fireside-scarf": "records"}
        model.answer(fail(500, "away"))
        answer = said_well(kefu("recommend", WISH, "--json")).json
        assert found(answer) == list(by) and {one["reason"]["by"] for one in answer["candidates"]} == {"records"}


def test_a_wrong_weight_is_one_sentence(kefu: Kefu) -> None:
    kefu.set(KEFU_RANKING="margin=7")
    ran = kefu("products", "scarf")
    assert ran.code == 1 and "KEFU_RANKING" in ran.err and "Traceback" not in ran.err
