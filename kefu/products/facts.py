"""A product in the shopper's words: price, stock, options, attributes with their labels and units. Only what is stored.

Knows no search and no model.
"""

from __future__ import annotations

from collections.abc import Sequence

from kefu.amounts import money_text
from kefu.shop_words import item_name, joined, pair
from kefu.words import say, spoken, word, words
from shop.product_words import COLOUR, SIZE, category_name
from shop.views import Product, Variant, named

_LOW = 3  # units that are few
# Attributes of a part of a product, or of how it is made: "long" is said of its sleeves
PARTS = {"sleeve", "neckline", "closure", "length", "fit", "care", "level"}


def price_text(variants: Sequence[Variant], language: str) -> str:
    """ "299元", "from 299元" where variants differ; "" where there is none."""
    prices = sorted((variant.price for variant in variants), key=lambda price: price.amount)
    if not prices:
        return ""
    lowest = money_text(prices[0], language)
    return lowest if prices[0] == prices[-1] else say(spoken(language), "price_from", price=lowest)


def stock_code(variants: Sequence[Variant]) -> str:
    """in, low or out."""
    units = sum(variant.stock for variant in variants)
    return "out" if units <= 0 else "low" if units <= _LOW else "in"


def stock_text(variants: Sequence[Variant], language: str) -> str:
    """ "In stock", "Only 2 left", "Sold out"."""
    units = sum(variant.stock for variant in variants)
    return say(spoken(language), f"stock_{stock_code(variants)}", **({"n": str(units)} if 0 < units <= _LOW else {}))


def name_of(product: Product, language: str) -> str:
    """What it is called."""
    return in_line(item_name(product.names, language))


def in_line(text: str) -> str:
    """A merchant's text that writes no lines of its own."""
    return " ".join(text.split())


def label(key: str, language: str) -> str:
    """What an attribute is called: "Battery"; one without a word by its key."""
    called = word(spoken(language), "attribute", key)
    return called if called != key else key.replace("_", " ")


def value_text(product: Product, key: str, language: str) -> str:
    """The values of an attribute: "silk, cotton", "5,000 mAh"; "" where the product has none."""
    texts = [in_line(named(names, spoken(language))) for names in product.attributes.get(key, ())]
    return joined((with_unit(_grouped(text), key, language) if _is_number(text) else text for text in texts), language)


def has_unit(key: str) -> bool:
    """Whether the attribute's name says what its numbers count: "battery_mah"."""
    return key.rpartition("_")[2] in words("en")["unit"]


def with_unit(number: str, key: str, language: str) -> str:
    """A number of this attribute: "5,000 mAh"."""
    return word(spoken(language), "unit", key.rpartition("_")[2]).format(n=number) if has_unit(key) else number


def options_of(product: Product, option: str, language: str, *, in_stock: bool = False) -> list[str]:
    """The colours, the sizes, …, each once, in the catalogue's order."""
    variants = [variant for variant in product.variants if variant.stock > 0 or not in_stock]
    found = (in_line(named(v.options[option], spoken(language))) for v in variants if option in v.options)
    return list(dict.fromkeys(found))


def rating_text(product: Product, language: str) -> str:
    """ "4.6 of 5 (120 reviews)", or ""."""
    figures = product.figures
    if figures.rating is None or not figures.reviews:
        return ""
    return say(spoken(language), "rating_text", rating=f"{figures.rating:g}", reviews=str(figures.reviews))


def rows(product: Product, language: str) -> dict[str, str]:
    """Everything that is stored of a product and meant for shoppers, label -> text, in order."""
    spoken_in = spoken(language)
    shown = {
        say(spoken_in, "label_price"): price_text(product.variants, language),
        say(spoken_in, "label_stock"): stock_text(product.variants, language),
        say(spoken_in, "label_colours"): joined(options_of(product, COLOUR, language), language),
        say(spoken_in, "label_sizes"): joined(options_of(product, SIZE, language), language),
        say(spoken_in, "label_rating"): rating_text(product, language),
    }
    shown |= {label(key, language): value_text(product, key, language) for key in product.attributes}
    return {name: text for name, text in shown.items() if text}


def facts(product: Product, language: str) -> str:
    """A product as lines: name, description, what is stored of it."""
    told = [name_of(product, language), in_line(named(product.descriptions, spoken(language)))]
    told += [pair(name, text, language) for name, text in rows(product, language).items()]
    return "\n".join(filter(None, told))


def properties(product: Product, language: str) -> str:
    """What a product is like, as lines: name, attributes, description; without price, stock, options and what is true
    of a part of it alone ("lapels" and "long sleeves" became "lapel sleeves")."""
    keys = [key for key in product.attributes if key not in PARTS]
    told = {label(key, language): value_text(product, key, language) for key in keys}
    lines = [pair(name, text, language) for name, text in told.items() if text]
    return "\n".join(
        [name_of(product, language), *lines, in_line(named(product.descriptions, spoken(language)))]
    ).strip()


def kind(product: Product, language: str) -> str:
    """What its category is called."""
    called = word(spoken(language), "category", product.category)
    return called if called != product.category else category_name(product.category, spoken(language))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _grouped(text: str) -> str:
    return f"{int(text):,}" if text.isdigit() and len(text) > 4 else text
