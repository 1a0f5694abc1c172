"""tau2's retail suite on a small shop of ours: every action ends as the reference says, and what does not is found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import report, tau2_live, tau2_replay, tau2_retail
from bench.tau2_reference import Reference
from bench.tau2_shopper import END
from bench.tau2_units import Tau2Refuses
from tests.scripted import Reply, ScriptedModel, fail, say
from tests.tau2_shop import (
    ANA,
    BLUE,
    BOBS,
    CANCELLED,
    CARD,
    DELIVERED,
    DELIVERED_GIFT,
    GIFT,
    GOLD,
    GREEN,
    HOME,
    MUG,
    PAYPAL,
    PENDING,
    PENDING_GIFT,
    PROCESSED,
    RED,
    WORK,
    Action,
    L,
    M,
    cancel,
    exchange,
    give_back,
    live_at,
    modify,
    pay,
    send_to,
    shop,
    write,
)

LOOK_UPS: list[Action] = [
    ("find_user_id_by_email", {"email": "ana@example.com"}),
    ("get_user_details", {"user_id": ANA}),
    ("get_order_details", {"order_id": PENDING}),
    ("get_product_details", {"product_id": MUG}),
    ("get_item_details", {"item_id": GOLD}),
    ("list_all_product_types", {}),
    ("calculate", {"expression": "1 + 1"}),
    ("transfer_to_human_agents", {"summary": "Wants to talk to a person."}),
]
REFUSED: list[Action] = [
    ("get_product_details", {"product_id": "0"}),
    ("get_item_details", {"item_id": "0"}),
    ("get_order_details", {"order_id": "#W9999999"}),
    cancel(PROCESSED),
    cancel(PENDING, "too expensive"),
    modify(PENDING, [RED], [GOLD]),
    modify(PENDING, [RED], [M]),
    modify(PENDING, [RED], [RED]),
    modify(PENDING, [RED, RED, RED], [BLUE, BLUE, BLUE]),
    modify(PENDING, [RED], [BLUE], "credit_card_99"),
    pay(PENDING, CARD),
    pay(PENDING, GIFT),  # it holds 40.00, the order costs 40.20
    give_back(DELIVERED, [RED], PAYPAL),
    give_back(DELIVERED, [BLUE]),
    exchange(PENDING, [RED], [BLUE]),
    send_to(CANCELLED, WORK),
]
EQUAL: dict[str, list[Action]] = {
    "nothing": [],
    "look-ups": LOOK_UPS,
    "a guest is handed over": [("transfer_to_human_agents", {"summary": "Hello?"})],
    "refused": [("get_user_details", {"user_id": ANA}), *REFUSED],
    "cancel": [cancel(PENDING, "ordered by mistake")],
    "modify": [modify(PENDING, [RED, RED], [BLUE, BLUE])],
    "modify once only": [modify(PENDING, [M], [L], GIFT), send_to(PENDING, WORK), modify(PENDING, [RED], [BLUE])],
    "modify bob's": [modify(BOBS, [RED], [BLUE], "credit_card_21")],
    "pay otherwise": [pay(PENDING_GIFT, CARD), pay(PENDING_GIFT, PAYPAL)],
    "addresses": [send_to(PENDING, WORK), live_at(ANA, WORK), live_at(ANA, HOME)],
    "return": [give_back(DELIVERED, [RED, RED, M]), exchange(DELIVERED, [M], [L])],
    "return to a gift card": [give_back(DELIVERED, [RED], GIFT)],
    "exchange": [exchange(DELIVERED, [RED, M, RED], [BLUE, L, GREEN], GIFT), give_back(DELIVERED, [M])],
    "exchange for a cheaper one": [exchange(DELIVERED_GIFT, [BLUE], [RED], PAYPAL)],
}  # fmt: skip
EXPLAINED: dict[str, tuple[list[Action], list[str]]] = {
    "two products in one modification": ([modify(PENDING, [RED, M], [BLUE, L])], ["own variant"]),
    "a sold-out one is swapped": ([modify(PENDING_GIFT, [GOLD], [RED], GIFT)], ["restocked"]),
    "a sold-out one comes back": ([cancel(PENDING_GIFT)], ["restocked"]),
    "at the same price": ([modify(PENDING, [RED], [GREEN])], ["no empty refund"]),
    "paid otherwise, then cancelled": ([pay(PENDING, PAYPAL), cancel(PENDING)], ["paid back once"]),
    "exchange for the same": ([exchange(DELIVERED, [RED], [RED])], ["same variant"]),
}


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results are written here, not into the checkout."""
    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.setattr(report, "RESULTS", folder)
    return folder


def rows(results: Path) -> dict[str, dict[str, Any]]:
    written = json.loads((results / "tau2_retail.json").read_text(encoding="utf-8"))
    return {row["task"]: row for row in written["results"]["tasks"]}


def run(folder: Path) -> None:
    tau2_retail.main(["--data", str(folder)])


def test_every_action_ends_as_in_the_reference(tmp_path: Path, results: Path) -> None:
    run(write(tmp_path, shop(), EQUAL))
    found = rows(results)
    assert {id: (row["how"], row["departed"], row["differences"]) for id, row in found.items()} == {
        id: ("equal", [], []) for id in EQUAL
    }
    assert [refusal["action"] for refusal in found["refused"]["refused"]] == [name for name, _ in REFUSED]
    assert all(refusal["tau2"] for row in found.values() for refusal in row["refused"])


def test_what_kefu_does_otherwise_on_purpose_is_explained(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(write(tmp_path, shop(), {id: actions for id, (actions, _) in EXPLAINED.items()}))
    found = rows(results)
    assert {id: (row["how"], row["departed"]) for id, row in found.items()} == {
        id: ("explained", why) for id, (_, why) in EXPLAINED.items()
    }
    assert all(row["differences"] for row in found.values())
    assert {id for id, row in found.items() if row["records"]} == {
        "a sold-out one is swapped", "a sold-out one comes back",
    }  # fmt: skip
    assert "tau2 keeps no stock" in capsys.readouterr().out


def test_an_address_that_stays_is_refused_and_changes_nothing(tmp_path: Path, results: Path) -> None:
    run(write(tmp_path, shop(), {"same": [send_to(PENDING, HOME)]}))
    row = rows(results)["same"]
    assert (row["how"], row["departed"]) == ("equal", ["same address"])
    assert row["refused"] == [{"action": "modify_pending_order_address", "kefu": "same_address", "tau2": None}]


def test_a_difference_that_nothing_explains_ends_with_1(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tau2_replay, "RULES", tau2_replay.RULES.model_copy(update={"exchange_price": "paid"}))
    dearer = {"dearer": [exchange(DELIVERED, [M], [L])], "cancel": [cancel(PENDING)]}
    with pytest.raises(SystemExit) as ended:
        run(write(tmp_path, shop(), dearer))
    assert ended.value.code == 1
    assert {id: row["how"] for id, row in rows(results).items()} == {"dearer": "differs", "cancel": "equal"}
    said = f"- /orders/{DELIVERED}/exchange_price_difference: 0.0, in the reference 2.5"
    assert said in capsys.readouterr().out


def test_a_look_up_that_only_tau2_can_do_is_a_difference(tmp_path: Path, results: Path) -> None:
    with pytest.raises(SystemExit):
        run(write(tmp_path, shop(), {"bob's": [("get_user_details", {"user_id": ANA}), cancel(BOBS)]}))
    differences = rows(results)["bob's"]["differences"]
    assert differences[0] == "cancel_pending_order: refused (order_not_found), in the reference done"


def test_a_shop_that_is_not_kept_whole_is_not_measured(tmp_path: Path) -> None:
    db = shop()
    db["orders"][DELIVERED]["return_items"] = [RED]
    with pytest.raises(ValueError, match=f"/orders/{DELIVERED}/return_items: only in the reference"):
        run(write(tmp_path, db, EQUAL))


@pytest.mark.parametrize(
    ("action", "path", "value"),
    [
        (cancel(PENDING_GIFT), ("users", ANA, "payment_methods", GIFT, "balance"), 55.0),
        (cancel(PENDING_GIFT), ("orders", PENDING_GIFT, "cancel_reason"), "no longer needed"),
        (modify(PENDING, [M], [L], GIFT), ("users", ANA, "payment_methods", GIFT, "balance"), 37.5),
        (modify(PENDING, [M], [L], GIFT), ("orders", PENDING, "payment_history", 1, "amount"), 2.5),
        (modify(PENDING, [M], [L]), ("orders", PENDING, "status"), "pending (item modified)"),
        (modify(PENDING, [RED, M], [BLUE, L]), ("orders", PENDING, "items", 0, "price"), 22.5),
        (exchange(DELIVERED_GIFT, [BLUE], [RED]), ("orders", DELIVERED_GIFT, "exchange_price_difference"), -2.25),
        (give_back(DELIVERED, [M, RED]), ("orders", DELIVERED, "return_items"), [RED, M]),
        (pay(PENDING_GIFT, CARD), ("users", ANA, "payment_methods", GIFT, "balance"), 55.0),
        (live_at(ANA, WORK), ("users", ANA, "address", "city"), "Reno"),
    ],
)
def test_the_reference_ends_as_tau2_does(action: Action, path: tuple[str | int, ...], value: object) -> None:
    reference = Reference(shop())
    reference.do(*action)
    found: Any = reference.db
    for part in path:
        found = found[part]
    assert found == value


def test_the_reference_changes_nothing_where_it_refuses() -> None:
    reference = Reference(shop())
    for action in REFUSED:
        with pytest.raises(Tau2Refuses):
            reference.do(*action)
    assert reference.db == shop()


def scripted(customer: list[str]) -> Any:
    """A model that plays the customer by these lines, and as the assistant calls the tool that cancels the order."""
    lines = iter(customer)

    def script(body: Mapping[str, Any]) -> Reply:
        if body["messages"][0]["content"].startswith("You play a customer"):
            return say(next(lines))
        assert "cancel_pending_order" in {offered["function"]["name"] for offered in body["tools"]}
        if "cancel" not in body["messages"][-1]["content"]:
            return say("You are welcome.")
        arguments = {"order_number": PENDING, "reason": "no_longer_needed"}
        return say("", "tool_calls", tool_calls=[("cancel_pending_order", json.dumps(arguments))])

    return script


def live(folder: Path, results: Path, customer: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The one talk's result, and what the model was sent."""
    with ScriptedModel.in_thread(scripted(customer)) as model:
        tau2_retail.main(["--data", str(folder), "--live", "--llm-url", model.url])
        requests = list(model.requests)
    [talk] = json.loads((results / "tau2_retail_live.json").read_text(encoding="utf-8"))["results"]["talks"]
    return talk, requests


@pytest.fixture
def cancelling(tmp_path: Path) -> Path:
    scenario = f"You are Ana Cole in zip code 80201. You want to cancel {PENDING}."
    return write(tmp_path / "data", shop(), {"1": [cancel(PENDING)]}, scenario)


def test_live_a_change_is_made_when_the_customer_says_yes(
    cancelling: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk, requests = live(cancelling, results, [f"Please cancel {PENDING}.", "Yes.", "Thanks!", END])
    assert (talk["passed"], talk["ended"], talk["turns"], talk["confirmed"], talk["error"]) == (True, True, 2, 1, "")
    assert "| 1 of 1 | 1.000 |" in capsys.readouterr().out
    asked = [body["messages"][-1]["content"] for body in requests if "Confirm" in body["messages"][-1]["content"]]
    assert len(asked) == 1 and "W0000001" in asked[0] and "40.20" in asked[0]


def test_live_no_change_is_made_when_the_customer_does_not(cancelling: Path, results: Path) -> None:
    talk, _ = live(cancelling, results, [f"Please cancel {PENDING}.", "Not yet", END])
    assert (talk["passed"], talk["ended"], talk["turns"], talk["confirmed"]) == (False, True, 1, 0)


def test_live_a_talk_ends_with_its_turns(cancelling: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tau2_live, "TURNS", 2)
    talk, _ = live(cancelling, results, ["Hello", "Hello?", "Is anybody there?"])
    assert (talk["passed"], talk["ended"], talk["turns"]) == (False, False, 2)


def test_live_wants_a_server_that_takes_tools(cancelling: Path, results: Path) -> None:
    with (
        ScriptedModel.in_thread(say("Hello"), probes=fail(400, "no tools")) as model,
        pytest.raises(SystemExit, match="takes no tools"),
    ):
        tau2_retail.main(["--data", str(cancelling), "--live", "--llm-url", model.url])
    assert not (results / "tau2_retail_live.json").exists()
