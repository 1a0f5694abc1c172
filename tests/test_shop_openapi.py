"""docs/shop-openapi.yaml says what the code does: its schemas, its refusals, its calls and its example."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from shop import changes, errors, rest_bodies
from shop.changes import Wish
from shop.errors import RefusalCode
from shop.protocol import Catalogue, CustomerOrders, Orders
from shop.rest_bodies import ChangeOf, RefusalValue
from shop.views import Customer, Product
from tests import shop_description
from tests.shop_description import description

ANSWERS: list[type[BaseModel]] = [
    Customer, Product, rest_bodies.OrderOf, rest_bodies.OrdersOf, rest_bodies.ChangeOf, rest_bodies.MemoryOf,
    rest_bodies.ForgottenOf, rest_bodies.Proven, rest_bodies.Products, rest_bodies.ProductNames, rest_bodies.Problem,
]  # fmt: skip
WISHES: list[type[BaseModel]] = list(get_args(get_args(Wish)[0]))
SENT: list[type[BaseModel]] = [
    *WISHES, changes.Swap, changes.Approval, rest_bodies.ApplyBody, rest_bodies.RememberBody, rest_bodies.ProofBody,
]  # fmt: skip
AT = "#/components/schemas/{model}"


def bare(schema: Any) -> Any:
    """A schema without the words that are only for reading; `required` in any order."""
    if isinstance(schema, list):
        return [bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    words = {key for key in ("title", "description") if isinstance(schema.get(key), str)}
    kept = {key: bare(value) for key, value in schema.items() if key not in words}
    return kept | {"required": sorted(kept["required"])} if isinstance(kept.get("required"), list) else kept


def expected() -> dict[str, Any]:
    """What pydantic reads of answers, and writes of questions: every field of them."""
    found: dict[str, Any] = models_json_schema([(m, "validation") for m in (*ANSWERS, *SENT)], ref_template=AT)[1][
        "$defs"
    ]
    wish = TypeAdapter[Wish](Wish).json_schema(ref_template=AT)
    del wish["$defs"]
    found["ApplyBody"]["properties"]["wish"] = {"$ref": AT.format(model="Wish")}
    for model in SENT:
        fields = found[model.__name__]["properties"]
        found[model.__name__]["required"] = list(fields)
        for field in fields.values():
            field.pop("default", None)
    checked: dict[str, Any] = bare(found | {"Wish": wish})
    return checked


@pytest.mark.parametrize("name", sorted(expected()))
def test_each_schema_is_what_the_code_reads_or_writes(name: str) -> None:
    assert bare(description()["components"]["schemas"][name]) == expected()[name]


def test_no_schema_is_described_that_the_code_does_not_have() -> None:
    assert set(description()["components"]["schemas"]) == set(expected())


def test_each_method_of_the_protocol_is_one_call() -> None:
    methods = {name for door in (CustomerOrders, Orders, Catalogue) for name in vars(door) if name[0] != "_"} - {"of"}
    calls = {
        call["operationId"]
        for path in description()["paths"].values()
        for method, call in path.items()
        if method != "parameters"
    }
    assert calls == methods | {"forgetOne"}


def test_each_refusal_is_described_with_its_values() -> None:
    in_code = {
        code: re.findall(r"\w+", values.partition(":")[0])
        for code, values in re.findall(r'^    "(\w+)",(?:  # ([^\n]*))?$', inspect.getsource(errors), re.MULTILINE)
    }
    described = {code: entry["values"] for code, entry in description()["x-refusals"].items()}
    assert set(in_code) == set(get_args(RefusalCode))
    assert described == in_code
    assert {value for values in described.values() for value in values} == set(get_args(RefusalValue))


def plan_example() -> dict[str, Any]:
    call = description()["paths"]["/customers/{customer}/plan"]["post"]
    example: dict[str, Any] = call["responses"]["200"]["content"]["application/json"]["example"]
    return example


def test_the_example_has_the_fingerprint_that_is_written_beside_it() -> None:
    change = ChangeOf.model_validate_json(json.dumps(plan_example()), strict=True).change
    text = description()["paths"]["/customers/{customer}/plan"]["post"]["description"]
    assert re.findall(r"[0-9a-f]{64}", text) == [change.fingerprint]


def test_a_fingerprint_can_be_made_as_the_description_says() -> None:
    """With a JSON library of another make, and texts that it has to escape."""
    money = {"amount": -5, "currency": "CNY"}
    names = {"zh": '真丝"连衣裙"\\', "en": "a\tb\u0001\u007f\u2028/é"}
    item = {"names": names, "options": {"size": {"th": "ใหญ่"}}, "price": money}
    address = {"name": "", "phone": "", "line1": "1", "line2": "", "city": "Huế", "region": "", "country": "VN"}
    lines = [
        {"what": "item", "old": item, "new": None},
        {"what": "address", "old": None, "new": address | {"postcode": ""}},
    ]
    change = {"kind": "return_items", "order": "JL10023", "lines": lines, "money": money, "method": None}
    text = json.dumps(change, ensure_ascii=False, separators=(",", ":"))
    read = ChangeOf.model_validate_json(json.dumps({"customer": "c", "change": change}), strict=True).change
    assert read.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def examples(part: Any) -> list[tuple[dict[str, Any], Any]]:
    if isinstance(part, list):
        return [found for item in part for found in examples(item)]
    if not isinstance(part, dict):
        return []
    own = [(part["schema"], part["example"])] if "example" in part else []
    return own + [found for item in part.values() for found in examples(item)]


def test_each_example_is_what_its_schema_allows() -> None:
    found = examples(description()["paths"]) + examples(description()["components"]["responses"])
    assert len(found) == 5
    assert [shop_description.errors(schema, example) for schema, example in found] == [[]] * len(found)


@pytest.mark.parametrize(
    "schema, value",
    [
        ("Money", {"amount": 1.5, "currency": "CNY"}),
        ("Money", {"amount": 1}),
        ("Wish", {"kind": "cancel_order", "order": "JL1", "reason": "no_longer_needed", "customer": "c-2"}),
        ("Wish", {"kind": "give_refund", "order": "JL1"}),
        ("Problem", {"code": "because"}),
    ],
)
def test_a_schema_refuses_what_the_code_would_refuse(schema: str, value: object) -> None:
    assert shop_description.errors({"$ref": AT.format(model=schema)}, value)
