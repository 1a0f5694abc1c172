"""Products as a row of cards, and side by side. Knows how things are said, not how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kefu.card_shapes import Action, ProductsCard, ProductTile
from kefu.products.facts import name_of, price_text, rating_text, rows, stock_code, stock_text
from kefu.words import say, spoken
from shop.views import Product, Variant

_MOST = 8  # in a row
_CELL = 90  # characters in a cell of a comparison


def products_card(
    products: Sequence[tuple[Product, Sequence[Variant]]], language: str, reasons: Mapping[str, str] | None = None
) -> ProductsCard:
    """A row of products, each with the variants that are meant; `reasons` by product id."""
    tiles = [_tile(product, variants, language, (reasons or {}).get(product.id, "")) for product, variants in products]
    return ProductsCard(language=language, title=say(spoken(language), "products_title"), products=tuple(tiles[:_MOST]))


def products_row(tiles: Sequence[ProductTile], language: str) -> ProductsCard | None:
    """The same products once more, to choose from; None for none."""
    title = say(spoken(language), "products_title")
    return ProductsCard(language=language, title=title, products=tuple(tiles)) if tiles else None


def _tile(product: Product, variants: Sequence[Variant], language: str, reason: str) -> ProductTile:
    name = name_of(product, language)
    message = say(spoken(language), "ask_about_message", name=name)
    return ProductTile.model_validate(
        {
            "id": product.id,
            "name": name,
            "image": f"/public/products/{product.category}.svg",
            "price": price_text(variants or product.variants, language),
            "stock": stock_text(variants or product.variants, language),
            "stock_code": stock_code(variants or product.variants),
            "tags": tuple(filter(None, (rating_text(product, language),))),
            "reason": reason,
            "ask": Action(label=say(spoken(language), "ask_about"), message=message),
        }
    )


def side_by_side(products: Sequence[Product], language: str) -> str:
    """A Markdown table of what is stored of each, a row for each thing; what only one of them says is left open."""
    shown = [rows(product, language) for product in products]
    names = list(dict.fromkeys(name for each in shown for name in each))
    cells = [[name, *(each.get(name, "–") for each in shown)] for name in names]
    head = ["", *(name_of(product, language) for product in products)]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    """A merchant's text that cannot break the table."""
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= _CELL else f"{line[: _CELL - 1]}…"
