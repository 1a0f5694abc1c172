"""What the product data says to a question about one product: the asked attributes, or that they are not in the data.

Read from the question's own words. Knows no model, so it guesses nothing: what is not stored is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from kefu.products.facts import (
    facts,
    in_line,
    label,
    name_of,
    options_of,
    price_text,
    rating_text,
    rows,
    stock_text,
    value_text,
)
from kefu.products.intent import Intent, Meant
from kefu.shop_words import joined, pair
from kefu.wants.spoken import Said, folded, word_list
from kefu.words import say, spoken
from shop import ranking
from shop.product_words import COLOUR, SIZE
from shop.views import Product, Variant, named

_MONEY, _STOCK, _RATING = "price", "stock", "rating"


def answer(product: Product, question: str, intent: Intent, contact: str) -> str:
    """One line for each thing that was asked; everything that is stored where nothing in particular was."""
    language = intent.language
    said_of = {meant.field for meant in intent.meant}
    of_options = {COLOUR: "colour", SIZE: "size"}
    asked = [one for one in aspects(question, language) if of_options.get(one) not in said_of]
    told = [_aspect(product, aspect, language) for aspect in asked]
    has = [_property(product, meant, language) for meant in _properties(product, intent)]
    lines = list(dict.fromkeys(filter(None, [*_options(product, intent, contact), *has, *told])))
    if lines:
        return "\n".join(lines)
    unknown = [meant.said for meant in _properties(product, intent)] or [_called(aspect, language) for aspect in asked]
    return _unknown(product, unknown[0], language, contact) if unknown else facts(product, language)


def aspects(question: str, language: str) -> list[str]:
    """The attributes that a question asks about, as kefu/wants/words/aspects.yaml names them."""
    return word_list("aspects").heard(Said.of(question, language))


def _aspect(product: Product, aspect: str, language: str) -> str:
    """What is stored of an aspect, with its label; "" for nothing."""
    text = {
        _MONEY: price_text(product.variants, language),
        _STOCK: stock_text(product.variants, language),
        _RATING: rating_text(product, language),
        COLOUR: joined(options_of(product, COLOUR, language), language),
        SIZE: joined(options_of(product, SIZE, language), language),
    }.get(aspect)
    if text is not None:
        return pair(_called(aspect, language), text, language) if text else ""
    keys = [key for key in _keys(aspect) if key in product.attributes]
    return joined((pair(label(key, language), value_text(product, key, language), language) for key in keys), language)


def _called(aspect: str, language: str) -> str:
    rows = {_MONEY: "price", _STOCK: "stock", _RATING: "rating", COLOUR: "colours", SIZE: "sizes"}
    return say(spoken(language), f"label_{rows[aspect]}") if aspect in rows else label(_keys(aspect)[0], language)


@cache
def _keys(aspect: str) -> tuple[str, ...]:
    """The attributes of an aspect: "battery" is battery_mah, battery_hours, …"""
    return tuple(aspect.split("+"))


def _options(product: Product, intent: Intent, contact: str) -> Iterator[str]:
    """Whether it comes in the colour and size that were named, and whether that is in stock."""
    language = intent.language
    colours, sizes = _wanted(intent, "colour"), _wanted(intent, "size")
    if not (colours or sizes):
        return
    meeting = [v for v in product.variants if _is(v, COLOUR, colours) and _is(v, SIZE, sizes)]
    if meeting:
        said = list(dict.fromkeys(_said(variant, language) for variant in meeting))
        yield say(
            spoken(language), "stock_of", name=name_of(product, language), options=joined(said, language),
            stock=stock_text(meeting, language),
        )  # fmt: skip
        return
    for option, wanted in ((COLOUR, colours), (SIZE, sizes)):
        if wanted and not any(_is(variant, option, wanted) for variant in product.variants):
            options = joined(options_of(product, option, language), language)
            what = joined((meant.said for meant in intent.meant if meant.field == _field(option)), language)
            if options:
                yield say(spoken(language), "no_has", name=name_of(product, language), what=what, options=options)
            else:
                yield _unknown(product, _called(option, language), language, contact)
            return
    yield pair(_called(_STOCK, language), stock_text([], language), language)


def _field(option: str) -> str:
    return "colour" if option == COLOUR else "size"


def _wanted(intent: Intent, field: str) -> set[str]:
    return {value.partition(":")[2] for meant in intent.meant if meant.field == field for value in meant.of}


def _is(variant: Variant, option: str, wanted: set[str]) -> bool:
    return not wanted or named(variant.options.get(option, {}), "en") in wanted


def _said(variant: Variant, language: str) -> str:
    return joined(
        (in_line(named(variant.options[o], spoken(language))) for o in (COLOUR, SIZE) if o in variant.options), language
    )


def _properties(product: Product, intent: Intent) -> list[Meant]:
    """What was named that it may have: a material, a feature, a season, …; not words of its own name."""
    names = folded(" ".join(product.names.values()))
    fields = ("material", "style", "season", "fit", "feature", "occasion")
    named = [meant for meant in intent.meant if meant.field in fields and meant.said not in names]
    return [meant for meant in named if not any(value[0] in "<>" for value in meant.of)]


def _property(product: Product, meant: Meant, language: str) -> str:
    """Whether it has it, or what it has instead; "" where nothing tells: that a feature is not listed is no "no"."""
    its = ranking.attributes(product)
    keys = list(dict.fromkeys(value.partition(":")[0] for value in meant.of if value in its))
    if keys:
        texts = [value_text(product, key, language) for key in keys]
        return say(spoken(language), "yes_has", facts=joined(texts, language))
    told = [key for key in dict.fromkeys(value.partition(":")[0] for value in meant.of) if key in product.attributes]
    if not told or meant.field == "feature":
        return ""
    return pair(label(told[0], language), value_text(product, told[0], language), language)


def _unknown(product: Product, what: str, language: str, contact: str) -> str:
    return say(spoken(language), "not_in_data", what=what, name=name_of(product, language), contact=contact)


def stored(product: Product, language: str) -> Sequence[str]:
    """Every text that is stored of it, for holding a sentence against."""
    return [name_of(product, language), *rows(product, language).values(), named(product.descriptions, language)]
