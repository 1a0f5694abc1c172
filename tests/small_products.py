"""A small catalogue in four languages and four markets whose every figure a test can know, and a desk that sells it.

Its texts are embedded as the words that they have: no model is loaded, and what shares no word is nothing alike.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from kefu.chat import Assistant
from kefu.config import ROOT
from kefu.llm import LLM, Endpoint
from kefu.products.assortment import Assortment
from kefu.products.service import Advice
from kefu.wants.looking_for import Vocabulary
from rag.embedder import Vectors
from rag.lexical import lexical_terms
from shop import models
from shop.catalog import OwnCatalogue
from shop.database import writing
from shop.money import Money
from shop.product_index import ProductIndex
from shop.product_words import differs_by, unique
from shop.ranking import Part, Weights
from shop.rows import product_view
from shop.search import Hit, ProductSearch
from shop.views import Names, Product
from tests.orders_desk import OrdersDesk, orders_desk
from tests.scripted import ScriptedModel
from tests.test_chat import LIMITS

LANGUAGES = ("zh", "en", "vi", "th")
MARKETS = {"CN": "CNY", "VN": "VND", "TH": "THB", "all": "USD"}
HOME = {"zh": "CN", "vi": "VN", "th": "TH", "en": "all"}
CONTACT = "help@jadelane.example"
SOLD, MARGIN = 86_420, 0.3791  # of every product: nobody outside the shop may read them
REVIEWS, RATING = 120, 4.6


@dataclass(frozen=True)
class Goods:
    """A product of every market. Names and descriptions are in the order of LANGUAGES, prices in that of MARKETS;
    attributes name the demo shop's words (data/options.json) or are numbers."""

    id: str
    category: str
    names: tuple[str, str, str, str]
    descriptions: tuple[str, str, str, str]
    prices: tuple[int, int, int, int]
    attributes: Mapping[str, str | int | float]
    colours: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    gone: frozenset[tuple[str, str]] = frozenset()  # colour and size that are sold out
    days: int = 400  # since it is listed


CATALOGUE = (
    Goods(
        "quiet-scarf", "scarves",
        ("素心真丝丝巾", "Quiet silk scarf", "Khăn lụa trơn Lặng", "ผ้าพันคอไหมเรียบสงบ"),
        ("真丝单色，90厘米见方，手工卷边。", "Pure silk in one colour, 90 cm square, edges rolled by hand.",
         "Lụa một màu, vuông 90 cm, viền cuốn tay.", "ไหมสีเดียว ขนาด 90 ซม. ริมม้วนด้วยมือ"),
        (299, 990_000, 1_390, 45),
        {"for": "women", "material": "silk", "pattern": "plain", "style": "minimalist", "occasion": "gift"},
        ("red", "green"),
    ),
    Goods(
        "garden-scarf", "scarves",
        ("花园真丝丝巾", "Garden silk scarf", "Khăn lụa hoa Vườn", "ผ้าพันคอไหมลายสวน"),
        ("真丝碎花丝巾。", "Silk with small flowers.", "Khăn lụa in hoa nhí.", "ผ้าพันคอไหมพิมพ์ลายดอกไม้"),
        (259, 850_000, 1_190, 39),
        {"for": "women", "material": "silk", "pattern": "floral", "style": "romantic", "occasion": "gift"},
        ("red", "blue"), days=5,
    ),
    Goods(
        "fireside-scarf", "scarves",
        ("炉边羊毛围巾", "Fireside wool scarf", "Khăn len Lò Sưởi", "ผ้าพันคอขนแกะไฟร์ไซด์"),
        ("厚实羊毛围巾，冬天很暖和。", "A thick wool scarf that keeps you warm in winter.",
         "Khăn len dày, giữ ấm mùa đông.", "ผ้าพันคอขนแกะเนื้อหนา ช่วยให้อุ่นในฤดูหนาว"),
        (199, 690_000, 990, 29),
        {"for": "unisex", "material": "wool", "pattern": "checked", "season": "winter", "feature": "thermal"},
        ("black", "grey"),
    ),
    Goods(
        "breeze-dress", "dresses",
        ("微风亚麻连衣裙", "Breeze linen dress", "Đầm lanh Gió Nhẹ", "เดรสลินินสายลม"),
        ("亚麻面料，夏天穿着凉爽。", "Linen for warm days.", "Vải lanh cho ngày nóng.", "ผ้าลินินสำหรับวันที่อากาศร้อน"),
        (389, 1_290_000, 1_790, 59),
        {"for": "women", "material": "linen", "pattern": "plain", "season": "summer", "fit": "relaxed"},
        ("white", "black"), ("s", "m", "l"), frozenset({("black", "l")}),
    ),
    Goods(
        "evening-dress", "dresses",
        ("夜色真丝连衣裙", "Evening silk dress", "Đầm lụa Dạ Khúc", "เดรสไหมยามค่ำ"),
        ("真丝长裙，晚宴之选。", "A long silk dress for dinners.", "Đầm lụa dài đi tiệc.", "เดรสไหมยาวใส่ไปงานเลี้ยง"),
        (899, 2_990_000, 3_990, 139),
        {"for": "women", "material": "silk", "style": "elegant", "occasion": "party", "fit": "slim"},
        ("black",), ("s", "m"),
    ),
    Goods(
        "desk-shirt", "shirts",
        ("通勤纯棉衬衫", "Desk cotton shirt", "Áo sơ mi cotton Công Sở", "เสื้อเชิ้ตคอตตอนออฟฟิศ"),
        ("纯棉衬衫，适合上班。", "Cotton, made for the office.", "Cotton, mặc đi làm.", "ผ้าคอตตอน ใส่ทำงาน"),
        (239, 790_000, 1_090, 35),
        {"for": "unisex", "material": "cotton", "style": "business", "occasion": "office"},
        ("white", "black"), ("m", "l"),
    ),
    Goods(
        "track-top", "tshirts",
        ("跑道速干T恤", "Track running T-shirt", "Áo thun chạy bộ Track", "เสื้อยืดวิ่งแทร็ก"),
        ("透气速干，适合跑步。", "Breathable and quick drying, for running.", "Thoáng khí, nhanh khô, để chạy bộ.",
         "ระบายอากาศ แห้งเร็ว สำหรับวิ่ง"),
        (159, 490_000, 690, 25),
        {"for": "unisex", "material": "polyester", "style": "sporty", "occasion": "sport", "feature": "breathable"},
        ("white", "black"), ("m", "l"),
    ),
    # Two that differ in nothing but whom they suit
    Goods(
        "city-top", "shirts",
        ("城市上衣", "City top", "Áo Phố", "เสื้อซิตี้"), ("一件上衣。", "A top.", "Một chiếc áo.", "เสื้อหนึ่งตัว"),
        (179, 590_000, 790, 27),
        {"for": "unisex", "material": "cotton", "style": "business", "occasion": "office"}, ("white",), ("m", "l"),
    ),
    Goods(
        "park-top", "shirts",
        ("公园上衣", "Park top", "Áo Vườn", "เสื้อพาร์ก"), ("一件上衣。", "A top.", "Một chiếc áo.", "เสื้อหนึ่งตัว"),
        (179, 590_000, 790, 27),
        {"for": "unisex", "material": "cotton", "style": "sporty", "occasion": "sport"}, ("white",), ("m", "l"),
    ),
    Goods(
        "marathon-phone", "phones",
        ("长跑手机", "Marathon phone", "Điện thoại Marathon", "โทรศัพท์ Marathon"),
        ("6000毫安时大电池手机。", "A phone with a 6000 mAh battery.", "Điện thoại pin 6000 mAh.",
         "โทรศัพท์แบตเตอรี่ 6000 mAh"),
        (1_999, 4_900_000, 8_990, 289),
        {"battery_mah": 6000, "screen_inch": 6.7, "weight_g": 210, "camera_mp": 50, "network": "5g"},
        ("black",),
    ),
    Goods(
        "feather-phone", "phones",
        ("羽量手机", "Feather phone", "Điện thoại Feather", "โทรศัพท์ Feather"),
        ("165克的轻巧手机。", "A phone of 165 g.", "Điện thoại nặng 165 g.", "โทรศัพท์หนัก 165 กรัม"),
        (2_999, 7_900_000, 12_990, 429),
        {"battery_mah": 4500, "screen_inch": 6.1, "weight_g": 165, "camera_mp": 64, "network": "5g"},
        ("white", "black"),
    ),
    Goods(
        "hush-earphones", "earphones",
        ("静听耳机", "Hush earphones", "Tai nghe Hush", "หูฟัง Hush"),
        ("主动降噪耳机。", "Earphones with active noise cancelling.", "Tai nghe chống ồn chủ động.",
         "หูฟังตัดเสียงรบกวน"),
        (499, 1_690_000, 2_290, 75),
        {"feature": "noise_cancelling", "battery_hours": 30},
        ("black",),
    ),
)  # fmt: skip
GOODS = {goods.id: goods for goods in CATALOGUE}


@cache
def _words() -> dict[str, dict[str, Names]]:
    words: dict[str, dict[str, Names]] = json.loads((ROOT / "data" / "options.json").read_text(encoding="utf-8"))
    return words


def _texts(texts: Sequence[str]) -> Names:
    return dict(zip(LANGUAGES, texts, strict=True))


def product_id(goods: str, language: str = "en") -> str:
    """The id of a product in the market where most write the language."""
    return f"{goods}-{HOME[language]}"


def goods_of(*ids: str) -> list[str]:
    """Which goods products of any market are."""
    return [id.rpartition("-")[0] for id in ids]


def seed_folder(folder: Path) -> Path:
    """The same as files of a demo shop, with a customer in China who bought the track top."""
    folder.mkdir()
    (folder / "options.json").write_bytes((ROOT / "data" / "options.json").read_bytes())
    mei = {
        "id": "mei", "name": "Mei", "email": "mei@example.com", "phone": "+86 100 0555 0000", "language": "zh",
        "country": "CN",
        "addresses": [{"id": "home", "label": "Home", "address": {"line1": "1 Road", "city": "上海", "country": "CN"}}],
        "payment_methods": [{"id": "alipay", "kind": "alipay"}],
    }  # fmt: skip
    order = {
        "number": "JL10001", "customer": "mei", "status": "delivered", "placed": "-9d", "delivered": "-5d",
        "address": "home", "shipping": 0,
        "items": [{"product": "track-top", "options": {"colour": "white", "size": "m"}, "price": 159}],
        "payments": [{"kind": "payment", "amount": 159, "method": "alipay", "at": "-9d"}],
    }  # fmt: skip
    written = {"products": [_entry(goods) for goods in CATALOGUE], "customers": [mei], "orders": [order]}
    for name, entries in written.items():
        (folder / f"{name}.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return folder


def _entry(goods: Goods) -> dict[str, Any]:
    chosen = [(colour, size) for colour in goods.colours for size in goods.sizes or ("",)]
    return {
        "id": goods.id, "category": goods.category, "names": _texts(goods.names),
        "descriptions": _texts(goods.descriptions), "attributes": dict(goods.attributes),
        "prices": dict(zip(MARKETS, goods.prices, strict=True)), "sold": SOLD, "rating": RATING, "reviews": REVIEWS,
        "margin": MARGIN, "listed": f"-{goods.days}d",
        "variants": [
            {
                "id": str(at), "options": {k: v for k, v in (("colour", colour), ("size", size)) if v},
                "stock": dict.fromkeys(MARKETS, 0 if (colour, size) in goods.gone else 20),
            }
            for at, (colour, size) in enumerate(chosen)
        ],
    }  # fmt: skip


def rows(now: datetime) -> list[models.ProductRow]:
    """The catalogue in every market."""
    return [_row(goods, market, now) for goods in CATALOGUE for market in MARKETS]


@cache
def product(goods: str, language: str = "en") -> Product:
    """One of them, as the catalogue gives it, in the market where most write the language."""
    return product_view(_row(GOODS[goods], HOME[language], datetime.now(UTC)))


@cache
def vocabulary() -> Vocabulary:
    """The words of this catalogue."""
    products = [product(goods.id) for goods in CATALOGUE]
    words = unique(word for one in products for word in differs_by(one))
    return Vocabulary(words, {one.category for one in products})


def hit(goods: str, language: str = "en", **parts: float) -> Hit:
    """One of them as a search finds it, all its variants meeting the limits."""
    found = product(goods, language)
    every = {"relevance": 1.0, "history": 0.0, "newness": 0.0} | parts
    return Hit(found, found.variants, 1.0, cast(dict[Part, float], every))


def _row(goods: Goods, market: str, now: datetime) -> models.ProductRow:
    id, currency = f"{goods.id}-{market}", MARKETS[market]
    price = Money.of(dict(zip(MARKETS, goods.prices, strict=True))[market], currency).amount
    attributes = {
        key: _words()[key][value] if isinstance(value, str) else {"en": f"{value:g}"}
        for key, value in goods.attributes.items()
    }
    chosen = [(colour, size) for colour in goods.colours for size in goods.sizes or ("",)]
    variants = [
        models.VariantRow(
            id=f"{id}-{at}", product=id,
            options={key: _words()[key][value] for key, value in (("colour", colour), ("size", size)) if value},
            price=price, currency=currency, stock=0 if (colour, size) in goods.gone else 20,
        )
        for at, (colour, size) in enumerate(chosen)
    ]  # fmt: skip
    return models.ProductRow(
        id=id, names=_texts(goods.names), category=goods.category, descriptions=_texts(goods.descriptions),
        attributes=attributes, market=market, electronics=False, returnable=True, sold=SOLD, rating=RATING,
        reviews=REVIEWS, margin=MARGIN, listed_at=now - timedelta(days=goods.days), variants=variants,
    )  # fmt: skip


async def fill(engine: AsyncEngine) -> None:
    """This catalogue in the place of any other."""
    async with writing(engine) as db, AsyncSession(db, autoflush=False) as session:
        for table in (models.VariantRow.__table__, models.ProductRow.__table__):
            await db.execute(table.delete())  # type: ignore[attr-defined]
        session.add_all(rows(datetime.now(UTC)))
        await session.flush()


async def change(engine: AsyncEngine, id: str, **values: Any) -> None:
    """Gives a product other values, as whoever owns the data might."""
    async with writing(engine) as db:
        await db.execute(update(models.ProductRow).where(models.ProductRow.id == id).values(**values))


async def bought(engine: AsyncEngine, customer: str, product: str) -> None:
    """From now on, all that this customer ever bought is this product."""
    own = models.ItemRow.order.in_([one for one in await _orders(engine, customer)])
    async with writing(engine) as db:
        await db.execute(update(models.ItemRow).where(own).values(product=product))


async def _orders(engine: AsyncEngine, customer: str) -> list[str]:
    from sqlalchemy import select

    async with engine.connect() as db:
        return list(await db.scalars(select(models.OrderRow.number).where(models.OrderRow.customer == customer)))


class SharedWords:
    """An embedder: texts are as alike as the share of the words that they have in common."""

    id = "shared words"
    dimension = 512

    def passages(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._vector(text) for text in texts])

    queries = passages

    def for_task(self, task: str) -> SharedWords:
        return self

    def _vector(self, text: str) -> Vectors:
        vector = np.full(self.dimension, 1e-3, dtype=np.float32)
        for term in lexical_terms(text):
            vector[zlib.crc32(term.encode()) % self.dimension] += 1
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@asynccontextmanager
async def opened(engine: AsyncEngine, folder: Path) -> AsyncIterator[Assortment]:
    """What is sold by this database, searchable."""
    index = ProductIndex.open(engine, folder, SharedWords())
    assortment = Assortment(ProductSearch(engine, OwnCatalogue(engine), index, Weights()))
    try:
        await index.sync()
        yield assortment
    finally:
        await assortment.close()


@asynccontextmanager
async def llm_of(model: ScriptedModel) -> AsyncIterator[LLM]:
    """A client of the scripted model."""

    async def endpoint() -> Endpoint:
        return Endpoint(model.url)

    llm = LLM(endpoint, connect_s=2, first_token_s=5, idle_s=5, total_s=20, retries=0)
    try:
        yield llm
    finally:
        await llm.close()


@dataclass
class ProductsDesk(OrdersDesk):
    """The desk, and what it sells."""

    model: ScriptedModel = field(kw_only=True)
    assortment: Assortment = field(kw_only=True)
    advice: Advice = field(kw_only=True)

    def using(self, *, reasons: bool = False, understands: bool = False, rounds: int = 0) -> ProductsDesk:
        """The same desk with the model wording reasons, hearing wishes, or calling tools so many times."""
        parts = self.assistant._parts
        assert parts.errands
        advice = replace(self.advice, understands=understands, words_reasons=reasons)
        errands = replace(parts.errands, advice=advice, rounds=rounds)
        limits = replace(parts.limits, writing=replace(parts.limits.writing, reasons=reasons))
        assistant = Assistant(self.conversations, parts.index, parts.llm, limits, errands)
        return replace(self, assistant=assistant, advice=advice)

    async def asked_by(self, owner: str) -> ProductsDesk:
        """The same desk, seen by somebody in a conversation of their own."""
        return replace(self, conversation=await self.conversations.start(owner))


@asynccontextmanager
async def products_desk(
    folder: Path, model: ScriptedModel, intents: Mapping[str, str], owner: str = "guest:1"
) -> AsyncIterator[ProductsDesk]:
    """A desk with this catalogue, where product data gives the reasons and word lists hear the wishes."""
    async with orders_desk(f"sqlite:///{folder / 'kefu.db'}", model, intents, owner=owner) as desk:
        await fill(desk.engine)
        async with opened(desk.engine, folder / "products") as assortment:
            parts = desk.assistant._parts
            assert parts.errands
            advice = Advice(assortment, parts.llm)
            errands = replace(parts.errands, advice=advice, contact=CONTACT)
            limits = replace(LIMITS, writing=replace(LIMITS.writing, reasons=False))
            assistant = Assistant(desk.conversations, parts.index, parts.llm, limits, errands)
            found = {name: getattr(desk, name) for name in OrdersDesk.__dataclass_fields__}
            yield ProductsDesk(
                **found | {"assistant": assistant}, model=model, assortment=assortment, advice=advice
            )  # fmt: skip
