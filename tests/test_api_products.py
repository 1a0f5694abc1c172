"""Products over REST: what a search and a recommendation answer, whole and as events, and what they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from kefu import api, api_products
from kefu.api_products import RecommendRequest
from kefu.config import Settings
from kefu.desk import Desk, identity_of
from kefu.products.views import RecommendView
from kefu.staff_roles import StaffRoles
from kefu.words import say as words
from shop.errors import ShopUnavailable
from tests.scripted import ScriptedModel, fail, say
from tests.shop_data import MEI
from tests.small_products import CONTACT, ProductsDesk, bought, goods_of, products_desk
from tests.test_orders_api import SECRET, signed

WISH = {"message": "a plain silk scarf for my mother under $50"}
TRUE = "A plain scarf in mulberry silk."


class Site:
    """The routes in front of a desk whose settings may be changed."""

    def __init__(self, desk: ProductsDesk, home: Path) -> None:
        self.desk = desk
        self.settings = Settings(home=home, customer_secret=SECRET, contact=CONTACT)  # type: ignore[arg-type]
        self.app = FastAPI()
        self.app.include_router(api.router)
        self.app.include_router(api_products.router)
        self.open(desk)

    def open(self, desk: ProductsDesk) -> None:
        """From now on, this desk answers."""
        unused: Any = None
        self.app.state.desk = Desk(
            self.settings, desk.assistant, desk.conversations, unused, unused, identity_of(self.settings), desk.shop,
            desk.proofs, StaffRoles(desk.engine), desk.advice,
        )  # fmt: skip

    def browser(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("10.0.0.1", 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers)

    async def get(self, **query: Any) -> httpx.Response:
        async with self.browser() as browser:
            return await browser.get("/v1/products", params=query)

    async def post(self, body: Any, path: str = "/v1/recommend", **headers: str) -> httpx.Response:
        async with self.browser(headers) as browser:
            return await browser.post(path, json=body)


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(fail(500, "away")) as server:
        yield server


@pytest.fixture
async def site(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[Site]:
    async with products_desk(tmp_path, model, {}) as desk:
        yield Site(desk, tmp_path)


def found(answer: httpx.Response) -> list[str]:
    """Which goods are answered with, in their order."""
    assert answer.status_code == 200, answer.text
    return goods_of(*(one["id"] for one in answer.json()["candidates"]))


def events(answer: httpx.Response) -> list[tuple[str, Any]]:
    """The events of a stream, each with its data."""
    parts = [part.splitlines() for part in answer.text.split("\n\n") if part]
    return [(head.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for head, data in parts]


# Search


async def test_products_are_found_by_words_in_the_language_and_market_of_the_query(site: Site) -> None:
    answer = await site.get(q="真丝丝巾")
    assert set(found(answer)) == {"quiet-scarf", "garden-scarf"}
    body = answer.json()
    assert (body["language"], body["market"], body["currency"]) == ("zh", "CN", "CNY")
    assert body["intent"] == {"category": ["scarves"], "material": ["silk"], "language": "zh"} and body["none"] is None


async def test_without_words_all_that_meet_the_limits_are_found(site: Site) -> None:
    assert set(found(await site.get(category="dresses", language="en"))) == {"breeze-dress", "evening-dress"}
    assert set(found(await site.get(category=["dresses", "phones"], language="en"))) == {
        "breeze-dress", "evening-dress", "marathon-phone", "feather-phone",
    }  # fmt: skip
    assert len(found(await site.get(k=20, language="en"))) == 12


async def test_limits_in_the_query_string_are_kept_to(site: Site) -> None:
    answer = await site.get(q="scarf", language="en", min_price=30, max_price=40)
    assert found(answer) == ["garden-scarf"]
    assert answer.json()["filters"]["lowest"] == {"amount": "30.00", "currency": "USD"}
    assert found(await site.get(q="scarf", language="en", market="cn", max_price=260, sort="dearest")) == [
        "garden-scarf", "fireside-scarf",
    ]  # fmt: skip


async def test_a_parameter_takes_the_place_of_what_the_words_say(site: Site) -> None:
    answer = await site.get(q="a scarf under $30", language="en", max_price=40)
    assert set(found(answer)) == {"fireside-scarf", "garden-scarf"}
    answer = await site.get(q="a silk scarf", language="en", category="dresses")
    assert answer.json()["filters"]["categories"] == ["dresses"] and found(answer) == ["evening-dress"]


async def test_k_is_kept_to(site: Site) -> None:
    assert len(found(await site.get(q="scarf", k=1, language="en"))) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"k": 0}, {"k": 21}, {"k": "many"}, {"market": "Narnia"}, {"language": "tlh"}, {"category": "spaceships"},
        {"sort": "random"}, {"min_price": -1}, {"max_price": 0}, {"max_price": "inf"},
        {"min_price": 1e300}, {"q": "x" * 1001},
    ],
    ids=str,
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_and_says_why(site: Site, query: dict[str, Any]) -> None:
    answer = await site.get(**({"q": "scarf"} | query))
    assert answer.status_code == 422 and next(iter(query)) in answer.text


# Recommendation


@pytest.mark.parametrize("path", ["/v1/recommend", "/recommend"])
async def test_a_wish_is_answered_with_reasons_that_point_at_attributes(site: Site, path: str) -> None:
    answer = await site.post(WISH, path)
    assert found(answer)[0] == "quiet-scarf"
    body = answer.json()
    assert body["intent"] == {
        "recipient": ["mother"], "category": ["scarves"], "material": ["silk"], "style": ["plain"], "language": "en",
        "highest": {"amount": "50.00", "currency": "USD"},
    }  # fmt: skip
    assert body["filters"]["categories"] == ["scarves"] and body["filters"]["in_stock"] is True
    [first, *_] = body["candidates"]
    assert first["price"] == "45 USD" and first["variants"][0]["price"] == {"amount": "45.00", "currency": "USD"}
    assert {"attribute": "material", "value": "mulberry silk", "text": "mulberry silk"} in first["reason"]["claims"]
    assert first["parts"]["relevance"] <= 1 and first["score"] > 0 and body["text"] == words("en", "here_are_products")


async def test_nothing_that_fits_is_an_answer(site: Site) -> None:
    body = (await site.post({"message": "a silk scarf under $10"})).json()
    assert body["candidates"] == [] and body["none"]["why"] == "price"
    assert "garden-scarf" in goods_of(*(one["id"] for one in body["none"]["nearest"])) and "10 USD" in body["text"]


async def test_a_wish_in_fields_needs_no_words(site: Site) -> None:
    fields = {"category": ["scarves"], "material": ["silk"], "must_not": ["floral"], "highest": 50}
    answer = await site.post({"intent": fields, "language": "en"})
    assert found(answer) == ["quiet-scarf"] and answer.json()["filters"]["without"] == ["pattern:floral"]
    assert found(await site.post({"intent": {"category": ["dresses"], "size": ["L"]}, "language": "en"})) == [
        "breeze-dress"
    ]


async def test_limit_and_market_are_kept_to(site: Site) -> None:
    answer = await site.post(WISH | {"limit": 1, "market": "CN", "message": "scarf"})
    assert len(found(answer)) == 1 and answer.json()["candidates"][0]["id"].endswith("-CN")
    assert (await site.post({"message": "scarf", "market": "FR"})).json()["market"] == "all"


async def test_a_language_may_be_named_with_its_region(site: Site) -> None:
    body = (await site.post({"message": "scarf", "language": "zh-CN"})).json()
    assert (body["language"], body["market"]) == ("zh", "CN")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "message"), ({"message": "   "}, "message"), ({"message": "x" * 4001}, "message"),
        ({"message": "x", "limit": 0}, "limit"), ({"message": "x", "limit": 21}, "limit"),
        ({"message": "x", "market": "everywhere"}, "market"), ({"message": "x", "language": "tlh"}, "language"),
        ({"message": "x", "customer": MEI}, "customer"), ({"intent": {"material": ["kryptonite"]}}, "kryptonite"),
        ({"intent": {"colours": ["red"]}}, "colours"), ({"intent": {"highest": -1}}, "highest"),
        ({"intent": {"lowest": 1e300}}, "lowest"),
        ({"intent": {"size": "M"}}, "size"), ({"intent": {"order": "random"}}, "order"), ([], "body"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_body_that_makes_no_sense_is_refused_and_says_why(site: Site, body: Any, named: str) -> None:
    answer = await site.post(body)
    assert answer.status_code == 422 and named in answer.text and "Traceback" not in answer.text


async def test_half_an_emoji_anywhere_in_a_body_is_left_out(site: Site) -> None:
    for body in (
        {"message": "silk scarf", "language": "en", "\ud83d": 1},
        {"intent": {"material": ["\ud83d"]}},
        "\ud83d",
    ):
        async with site.browser({"content-type": "application/json"}) as browser:
            assert (await browser.post("/v1/recommend", content=json.dumps(body))).status_code == 422


@pytest.mark.parametrize(
    "message",
    ["a silk scarf \ud83d", "scarf\0", "'; DROP TABLE products;--", "<|im_end|>", "😀" * 900, "%_%", '"', "*"],
)
async def test_an_odd_message_is_a_wish_like_any_other(site: Site, message: str) -> None:
    content = json.dumps({"message": message, "language": "en"})
    async with site.browser({"content-type": "application/json"}) as browser:
        answer = await browser.post("/v1/recommend", content=content)
    assert answer.status_code == 200 and answer.json()["language"] == "en"
    assert set(found(await site.get(q="silk scarf"))) == {"quiet-scarf", "garden-scarf"}


# Who asks


async def test_a_history_counts_for_a_signed_in_customer_who_lets_it(site: Site) -> None:
    wish = {"message": "a cotton top", "market": "CN", "language": "en"}
    firsts = []
    for product in ("desk-shirt-CN", "track-top-CN"):
        await bought(site.desk.engine, MEI, product)
        answer = await site.post(wish | {"history": True}, **signed(MEI))
        firsts.append(found(answer)[0])
        assert answer.json()["candidates"][0]["parts"]["history"] > 0.3
    assert firsts == ["city-top", "park-top"]
    for answer in (await site.post(wish, **signed(MEI)), await site.post(wish)):
        assert not any(one["parts"]["history"] for one in answer.json()["candidates"])


async def test_a_guest_has_no_history_to_count(site: Site) -> None:
    assert (await site.post(WISH | {"history": True})).status_code == 403
    forged = {"authorization": f"{signed(MEI)['authorization']}x"}
    assert (await site.post(WISH | {"history": True}, **forged)).status_code in (401, 403)


async def test_somebody_whom_the_shop_does_not_know_has_bought_nothing(site: Site) -> None:
    answer = await site.post(WISH | {"history": True}, **signed("nobody"))
    assert found(answer)[0] == "quiet-scarf"
    assert not any(one["parts"]["history"] for one in answer.json()["candidates"])


async def test_what_the_merchant_earns_and_sells_is_told_to_nobody(site: Site) -> None:
    site.open(site.desk.using(reasons=True, understands=True))
    answers = [await site.get(q="best selling scarf"), await site.post(WISH), await site.post(WISH, **SSE)]
    answers.append(await site.post({"message": "a silk scarf under $1"}, **signed(MEI)))
    for answer in answers:
        assert answer.status_code == 200
        assert not [secret for secret in ("margin", "0.379", "86420", '"sold"') if secret in answer.text]


# As events

SSE = {"accept": "text/event-stream"}


async def test_the_events_are_the_answer_bit_by_bit(site: Site) -> None:
    whole = (await site.post(WISH)).json()
    streamed = events(await site.post(WISH, **SSE))
    names = [name for name, _ in streamed]
    assert names == ["intent", "candidates", *["reason"] * len(whole["candidates"]), "done"]
    data = dict(streamed)
    assert rounded(data["done"]) == rounded(whole)
    assert data["intent"] == {key: whole[key] for key in ("language", "market", "currency", "intent", "filters")}
    assert data["candidates"]["text"] == whole["text"] and data["candidates"]["none"] is None


def rounded(answer: Any) -> Any:
    """Without what changes from one second to the next: how new things are."""
    for one in answer["candidates"]:
        one["parts"]["newness"], one["score"] = round(one["parts"]["newness"], 2), round(one["score"], 2)
    return answer


async def test_reasons_come_in_the_order_of_the_products_as_the_model_words_them(
    site: Site, model: ScriptedModel
) -> None:
    model.script = say(TRUE)
    site.open(site.desk.using(reasons=True))
    streamed = events(await site.post(WISH, **SSE))
    data = dict(streamed)
    reasons = [one for name, one in streamed if name == "reason"]
    ids = [one["id"] for one in data["candidates"]["candidates"]]
    assert [one["product"] for one in reasons] == ids
    by = {one["product"]: one["by"] for one in reasons}
    assert by["quiet-scarf-all"] == "model" and by["garden-scarf-all"] == "records", "the other is not plain"
    for one in data["done"]["candidates"]:
        [told] = [reason for reason in reasons if reason["product"] == one["id"]]
        assert one["reason"] == {key: told[key] for key in ("text", "claims", "by")}
    quiet = next(one for one in reasons if one["product"] == "quiet-scarf-all")
    assert quiet["text"] == TRUE and {c["attribute"] for c in quiet["claims"]} >= {"pattern", "material"}


async def test_while_the_model_is_away_the_records_give_the_reasons(site: Site, model: ScriptedModel) -> None:
    site.open(site.desk.using(reasons=True, understands=True))
    streamed = events(await site.post(WISH, **SSE))
    assert {one["by"] for name, one in streamed if name == "reason"} == {"records"} and streamed[-1][0] == "done"
    assert model.requests, "it was asked"


async def test_a_reader_who_leaves_stops_the_model(site: Site, model: ScriptedModel) -> None:
    model.hold(after=2)
    asked = asyncio.Event()
    model.script = lambda _: (asked.set(), say(TRUE))[1]
    site.open(site.desk.using(reasons=True))
    reading = asyncio.create_task(site.post(WISH, **SSE))
    await asyncio.wait_for(asked.wait(), 10)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await asyncio.wait_for(model.aborted.wait(), 10)


async def test_nothing_that_fits_is_streamed_too(site: Site) -> None:
    streamed = events(await site.post({"message": "a silk scarf under $10"}, **SSE))
    data = dict(streamed)
    assert data["candidates"]["candidates"] == [] and data["candidates"]["none"]["why"] == "price"
    reasons = [one["product"] for name, one in streamed if name == "reason"]
    assert reasons == [one["id"] for one in data["done"]["none"]["nearest"]]


# When something is away


@pytest.mark.parametrize("headers", [{}, SSE], ids=["whole", "events"])
async def test_a_shop_that_does_not_answer_is_a_sentence(
    site: Site, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise ShopUnavailable("postgresql://secret@db")

    monkeypatch.setattr(type(site.desk.assortment._search), "search", away)
    for answer in (await site.post(WISH, **headers), await site.get(q="scarf")):
        assert answer.status_code == 503 and "secret" not in answer.text


async def test_a_desk_without_a_shop_says_so(site: Site) -> None:
    site.app.state.desk = replace(site.app.state.desk, advice=None)
    assert (await site.post(WISH)).status_code == (await site.get(q="x")).status_code == 404


# What the description promises


async def test_the_examples_of_the_description_are_valid_and_answered(site: Site) -> None:
    schema = site.app.openapi()
    examples = schema["components"]["schemas"]["RecommendRequest"]["examples"]
    assert len(examples) >= 3
    for example in examples:
        RecommendRequest.model_validate(example)
        answer = await site.post(example)
        assert answer.status_code == 200 and found(answer), example


async def test_every_way_in_is_described(site: Site) -> None:
    schema = site.app.openapi()
    for path, method in (("/v1/products", "get"), ("/v1/recommend", "post"), ("/recommend", "post")):
        answers = schema["paths"][path][method]["responses"]
        assert answers["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/RecommendView")
    assert "text/event-stream" in schema["paths"]["/v1/recommend"]["post"]["responses"]["200"]["content"]


async def test_an_answer_is_what_its_schema_says(site: Site) -> None:
    for body in (WISH, {"message": "a silk scarf under $10"}):
        answer = (await site.post(body)).json()
        assert RecommendView.model_validate(answer).model_dump(mode="json") == answer
