"""Tools: what a model is offered, and which calls are taken. Nobody's id can be named, nothing is written."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import Field

from kefu.tools.catalogue import TOOLS
from kefu.tools.tool import BadCall, Looked, Session, tool

WRITES = {
    "cancel_pending_order", "change_pending_order_address", "modify_pending_order_items",
    "change_pending_order_payment", "return_delivered_order_items", "exchange_delivered_order_items",
    "change_default_address", "forget_me",
}  # fmt: skip


async def find_parcel(session: Session, number: Annotated[str, Field(max_length=5)], days: int = 3) -> Looked:
    """Find a parcel."""
    return Looked(f"{number} in {days} days", {})


def test_a_tool_is_offered_as_its_signature_says() -> None:
    offered = tool(find_parcel).offered()["function"]
    assert offered["name"] == "find_parcel" and offered["description"] == "Find a parcel."
    assert offered["parameters"] == {
        "additionalProperties": False,
        "type": "object",
        "properties": {
            "number": {"maxLength": 5, "type": "string"},
            "days": {"default": 3, "type": "integer"},
        },
        "required": ["number"],
    }


async def test_a_checked_call_runs_with_its_defaults() -> None:
    made = tool(find_parcel)
    session: Any = None
    assert await made.run(session, made.checked('{"number": "A1"}')) == Looked("A1 in 3 days", {})


@pytest.mark.parametrize("arguments", ['{"number": "A1"', '{"number": "A1"\n'])
def test_a_lost_closing_brace_is_put_back(arguments: str) -> None:
    assert tool(find_parcel).checked(arguments).model_dump() == {"number": "A1", "days": 3}


@pytest.mark.parametrize(
    "arguments",
    [
        '{"number": "A1',
        "[]",
        "null",
        "",
        '{"number": 5}',
        '{"number": "A12345"}',
        '{"number": "A1", "customer": "boris"}',
        '{"number": "A1", "session": {}}',
        '{"number": "A1", "days": "soon"}',
        "[" * 5000,
        '{"number": "' + "A" * 9000 + '"}',
    ],
)
def test_a_call_that_does_not_fit_is_refused(arguments: str) -> None:
    with pytest.raises(BadCall):
        tool(find_parcel).checked(arguments)


def test_an_unknown_tool_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadCall, match="list_orders"):
        TOOLS["drop_tables"]


def test_every_tool_is_told_to_the_model_in_words() -> None:
    for made in TOOLS:
        assert len(made.description) > 30, made.name
        for name, schema in made.offered()["function"]["parameters"]["properties"].items():
            assert "title" not in schema, (made.name, name)


def test_no_tool_has_a_parameter_for_a_customer() -> None:
    for made in TOOLS:
        names = set(made.arguments.model_fields)
        assert not names & {"customer", "customer_id", "user", "user_id", "owner", "session"}, made.name
        assert made.arguments.model_config["extra"] == "forbid"


def test_the_tools_that_write_are_these() -> None:
    found = {made.name for made in TOOLS if "Looked" not in str(made.function.__annotations__["return"])}
    assert found == WRITES


def test_what_is_offered_is_the_same_bytes_every_time() -> None:
    assert json.dumps(TOOLS.offered()) == json.dumps(TOOLS.offered())
