"""REST for products: search and recommendation, whole or as server-sent events. Knows no rule of the shop."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from kefu.api import OpenDesk, Owner, whole
from kefu.desk import Desk
from kefu.identity import customer_of
from kefu.languages import LANGUAGES, Voice, detect
from kefu.products.assortment import Market
from kefu.products.intent import MOST_MONEY, Intent
from kefu.products.reasons import Reason
from kefu.products.recommend import Recommended
from kefu.products.service import Advice
from kefu.products.views import IntentRequest, RecommendView, view
from kefu.words import spoken
from rag.errors import RetrievalError
from shop.errors import ShopError
from shop.limits import Order
from shop.money import Money
from shop.protocol import CustomerOrders

log = logging.getLogger(__name__)
router = APIRouter(tags=["products"])
_MOST = 20  # products in one answer


class RecommendRequest(BaseModel):
    """A wish: a `message` in the shopper's words, or an `intent` in fields. `market`: the country where they buy, or
    "all"; else their language's. `history`: whether a signed-in customer's own orders may count."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"message": "我妈生日，想送条丝巾，要真丝的，不要太花哨", "market": "CN"},
                {"message": "điện thoại pin trâu dưới 5 triệu", "market": "VN", "limit": 3},
                {
                    "intent": {"category": ["scarves"], "material": ["silk"], "highest": 100},
                    "market": "all",
                    "language": "en",
                },
            ]
        },
    )

    message: Annotated[str, Field(max_length=4000)] = ""
    intent: IntentRequest | None = None
    market: Annotated[str | None, Field(pattern=r"^([A-Za-z]{2}|all)$")] = None
    language: Annotated[str | None, Field(max_length=35)] = None
    limit: Annotated[int, Field(ge=1, le=_MOST)] = 5
    history: bool = False

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, body: object) -> object:
        return whole(body)

    @model_validator(mode="after")
    def _wants_something(self) -> RecommendRequest:
        if not self.message.strip() and self.intent is None:
            raise ValueError("give a message or an intent")
        return self


@router.get("/v1/products")
async def products(
    desk: OpenDesk,
    q: Annotated[str, Query(max_length=1000, description="What is looked for, in any language.")] = "",
    k: Annotated[int, Query(ge=1, le=_MOST)] = 10,
    market: Annotated[str | None, Query(pattern=r"^([A-Za-z]{2}|all)$")] = None,
    language: Annotated[str | None, Query(max_length=35)] = None,
    category: Annotated[list[str] | None, Query()] = None,
    min_price: Annotated[float | None, Query(ge=0, le=MOST_MONEY)] = None,
    max_price: Annotated[float | None, Query(gt=0, le=MOST_MONEY)] = None,
    sort: Annotated[Order | None, Query()] = None,
) -> RecommendView:
    """Products by meaning, within limits that the words or the parameters name. Without `q`: all that meet them."""
    advice = await _advice(desk)
    where, spoken_in = _where(desk, advice, q, market, language)
    try:
        intent = advice.assortment.intent(q, spoken_in, where) if q else Intent(language=spoken_in, text="")
        named = IntentRequest(category=category or []).intent(advice.assortment.vocabulary, spoken_in, where, q)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    bounds = {"lowest": min_price, "highest": max_price}
    given = {name: Money.of(amount, where.currency) for name, amount in bounds.items() if amount}
    kept = [meant for meant in intent.meant if not (named.meant and meant.field == "category")]
    intent = intent.model_copy(update=given | {"meant": (*kept, *named.meant)} | ({"order": sort} if sort else {}))
    found = await _found(advice, intent, where, k)
    return view(found, desk.settings.contact)


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `Accept: text/event-stream` the events intent, candidates, reason …, done.",
        "model": RecommendView,
        "content": {"text/event-stream": {}},
    }
}


@router.post("/v1/recommend", response_model=RecommendView, responses=_ANSWERS)
@router.post("/recommend", response_model=RecommendView, responses=_ANSWERS)
async def recommend(body: RecommendRequest, request: Request, owner: Owner, desk: OpenDesk) -> Any:
    """Recommends products for a wish, each with a reason whose claims point at stored attributes. Nothing that fits is
    an answer too: `none` says which limit is in the way, and what is nearest."""
    advice = await _advice(desk)
    where, language = _where(desk, advice, body.message, body.market, body.language)
    try:
        intent = await advice.intent(body.message, body.intent, language, where)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    customer = customer_of(owner) if body.history else None
    if body.history and customer is None:
        raise HTTPException(403, "History counts only for signed-in customers.")
    orders = desk.shop.orders.of(customer) if customer else None
    found = await _found(advice, intent, where, body.limit, orders)
    if "text/event-stream" in request.headers.get("accept", ""):
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(
            _events(advice, found, desk.settings.contact), media_type="text/event-stream", headers=headers
        )
    reasons = {id: reason async for id, reason in advice.reasons(found)}
    return JSONResponse(view(found, desk.settings.contact, reasons).model_dump(mode="json"))


async def _events(advice: Advice, found: Recommended, contact: str) -> AsyncIterator[bytes]:
    """What is known at once, then the reasons as they are worded."""
    first = view(found, contact).model_dump(mode="json")
    yield _sse("intent", {key: first[key] for key in ("language", "market", "currency", "intent", "filters")})
    yield _sse("candidates", {key: first[key] for key in ("text", "candidates", "none")})
    reasons: dict[str, Reason] = {}
    async with aclosing(advice.reasons(found)) as worded:
        async for id, reason in worded:
            reasons[id] = reason
            yield _sse("reason", {"product": id} | reason.model_dump(mode="json"))
    yield _sse("done", view(found, contact, reasons).model_dump(mode="json"))


def _sse(event: str, data: dict[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def _advice(desk: Desk) -> Advice:
    """The desk's, once the catalogue's words are known."""
    if desk.advice is None:
        raise HTTPException(404, "This desk has no shop.")
    try:
        await desk.advice.assortment.ready()
    except ShopError:
        raise HTTPException(503, "The products cannot be searched now.") from None
    return desk.advice


def _where(desk: Desk, advice: Advice, text: str, market: str | None, language: str | None) -> tuple[Market, str]:
    """The market and the language of a request: as it says, else the text's."""
    settings = desk.settings
    if language is not None and language.split("-")[0] not in LANGUAGES:
        raise HTTPException(422, f"language: {language!r} is not known")
    voice = Voice(settings.language_voice)
    said = (
        language.split("-")[0]
        if language
        else detect(text, default=settings.default_language, voice=voice).language
        if text.strip()
        else spoken(settings.default_language)
    )
    return advice.market(market, said), said


async def _found(
    advice: Advice, intent: Intent, where: Market, k: int, orders: CustomerOrders | None = None
) -> Recommended:
    try:
        return await advice.recommended(intent, where, k, orders)
    except (RetrievalError, ShopError) as error:
        log.warning("no products: %s: %s", type(error).__name__, error)
        raise HTTPException(503, "The products cannot be searched now.") from None
