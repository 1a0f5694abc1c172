"""Rows of products for the scripted shop: names and prices of the demo shop, in the shopper's language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from kefu.amounts import money_text
from kefu.card_shapes import Action, ProductsCard, ProductTile
from kefu.config import ROOT
from kefu.events import CardShown, Event, Token
from shop.money import Money
from shop.seed_entries import CURRENCIES, Market, ProductEntry
from shop.seed_files import read

WORDS = ("products", "reasons", "picture")
SHOWN = (
    "silk-square-scarf", "mandarin-collar-shirt", "lane-p2", "evening-silk-slip-dress", "white-leather-sneakers",
    "classic-smartwatch",
)  # fmt: skip
STATES: tuple[Literal["in", "low", "out"], ...] = ("in", "low", "out")
MARKETS: dict[str, Market] = {"en": "all", "vi": "VN", "th": "TH", "zh": "CN"}
TITLES = {"en": "Gift ideas", "vi": "Gợi ý quà tặng", "th": "ไอเดียของขวัญ", "zh": "送礼推荐"}
STOCK = {
    "en": ("In stock", "Only 3 left", "Sold out"),
    "vi": ("Còn hàng", "Chỉ còn 3 sản phẩm", "Hết hàng"),
    "th": ("มีสินค้า", "เหลือเพียง 3 ชิ้น", "สินค้าหมด"),
    "zh": ("有货", "仅剩3件", "已售罄"),
}
FROM = {"en": "from {}", "vi": "từ {}", "th": "เริ่มต้น {}", "zh": "{}起"}
TAGS = {"en": ("silk", "plain"), "vi": ("lụa", "trơn"), "th": ("ผ้าไหม", "สีพื้น"), "zh": ("真丝", "纯色")}
REASONS = {
    "en": "Pure silk in one quiet colour, as you asked.",
    "vi": "Lụa thật, màu trơn nhã nhặn đúng như bạn muốn.",
    "th": "ผ้าไหมแท้ สีพื้นเรียบ ๆ ตามที่ต้องการ",
    "zh": "真丝纯色，不花哨，正合您的要求。",
}
ASK = {
    "en": ("Ask about this", "Tell me more about “{}”."),
    "vi": ("Hỏi về sản phẩm này", "Cho mình hỏi thêm về “{}”."),
    "th": ("สอบถามสินค้านี้", "ขอข้อมูลเพิ่มเติมของ “{}”"),
    "zh": ("咨询这款", "想了解一下“{}”。"),
}


def row(language: str, *, reasons: bool = False) -> ProductsCard:
    """Six products; every third is nearly or wholly sold out."""
    products = read(ROOT / "data").products
    tiles = tuple(_tile(products[id], STATES[n % 3], language, reasons) for n, id in enumerate(SHOWN))
    return ProductsCard(language=language, title=TITLES[language], products=tiles)


def _tile(entry: ProductEntry, state: Literal["in", "low", "out"], language: str, reasons: bool) -> ProductTile:
    market, name = MARKETS[language], str(getattr(entry.names, language))
    label, message = ASK[language]
    price = money_text(Money.of(entry.prices[market], CURRENCIES[market]), language)
    return ProductTile(
        id=f"{entry.id}-{market}",
        name=name,
        image=f"/public/products/{entry.category}.svg",
        price=FROM[language].format(price),
        stock=STOCK[language][STATES.index(state)],
        stock_code=state,
        tags=TAGS[language],
        reason=REASONS[language] if reasons else "",
        ask=Action(label=label, message=message.format(name)),
    )


async def events(home: Path, language: str, what: str, rest: str) -> AsyncIterator[Event]:
    """`products` shows a row; `reasons <word>` shows it again with its reasons once the file of that name is there;
    `picture` shows products of a category that nobody has drawn."""
    card = row(language)
    if what == "picture":
        tiles = (tile.model_copy(update={"image": "/public/products/moon_dust.svg"}) for tile in card.products)
        card = card.model_copy(update={"products": tuple(tiles)})
    yield CardShown(card=card)
    yield Token(text=f"{what}.")
    if what == "reasons":
        while not (home / rest).exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.02)
        yield CardShown(card=row(language, reasons=True))
