"""The shop's values in a shopper's language: items, addresses, payment methods, and what a rule says no to.

Knows no card and no rule. Names and options are the merchant's own words; where a language has none, English ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kefu.amounts import money_text
from kefu.languages import LANGUAGES
from kefu.words import say, spoken, word
from shop.changes import ItemText
from shop.errors import Refused
from shop.money import Money
from shop.views import Address, Item, Names, PaymentMethod, SavedAddress, Variant, named

_TELL_THEMSELVES = {"colour", "color", "size", "material", "style", "pattern", "storage", "capacity", "type"}
_TABLES = {"status": "status", "country": "country", "field": "field", "reason": "reason"}
_LONGEST = 80  # characters of a name or a place inside a sentence
_AMOUNT = re.compile(r"(-?\d{1,15}(?:\.\d{1,4})?) ([A-Z]{3})")


def joined(texts: Iterable[str], language: str) -> str:
    """Texts one after the other, as a list in a sentence is written; empty ones are left out."""
    return ("、" if spoken(language) == "zh" else ", ").join(filter(None, texts))


def short(text: str) -> str:
    """A text of the data in one line, cut where it is longer than a name or a place is."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def pair(name: str, value: str, language: str) -> str:
    """A name and its value: "size: M", "尺码：M"."""
    return f"{name}{'：' if spoken(language) == 'zh' else ': '}{value}"


def bracketed(text: str, more: str, language: str) -> str:
    """ "text (more)", "text（more）"."""
    return f"{text}（{more}）" if spoken(language) == "zh" else f"{text} ({more})"


def item_name(names: Names, language: str) -> str:
    """What an item is called; one without any name is an "item"."""
    return named(names, spoken(language)) or word(language, "label", "item")


def options_text(options: Mapping[str, Names], language: str) -> str:
    """The options of an item: "black, M, waterproof: yes". What tells itself goes without its name."""
    values = {key: named(names, spoken(language)) for key, names in options.items()}
    return joined(
        (
            value if key in _TELL_THEMSELVES else pair(word(language, "option", key), value, language)
            for key, value in values.items()
            if value
        ),
        language,
    )


def item_text(item: Item | ItemText, language: str) -> str:
    """ "Silk scarf (black, M)"."""
    name, options = item_name(item.names, language), options_text(item.options, language)
    return bracketed(name, options, language) if options else name


def variant_text(variant: Variant, language: str) -> str:
    """What tells a variant from the others of its product: "black, L"."""
    return options_text(variant.options, language)


def address_lines(address: Address, language: str) -> tuple[str, ...]:
    """An address line by line, in the order of its country: in China from the province down to the door."""
    place = " ".join(dict.fromkeys(filter(None, (address.city, address.region, address.postcode))))
    lines = [address.line1, address.line2, place]
    if address.country == "CN":
        area = " ".join(dict.fromkeys(filter(None, (address.region, address.city))))
        lines = [area, " ".join(filter(None, (address.line1, address.line2))), address.postcode]
    who = " · ".join(filter(None, (address.name, address.phone)))
    return tuple(filter(None, (who, *lines, word(language, "country", address.country))))


def address_text(address: Address, language: str) -> str:
    """An address in one line, with name and phone."""
    return ", ".join(address_lines(address, language))


def saved_address_text(saved: SavedAddress, language: str) -> str:
    """An address of the address book: "Home: …"."""
    text = address_text(saved.address, language)
    return pair(saved.label, text, language) if saved.label else text


def method_text(method: PaymentMethod, language: str) -> str:
    """ "PromptPay", "credit card ••4242"."""
    called = word(language, "payment", method.kind)
    return f"{called} ••{method.hint}" if method.hint else called


def memory_pair(key: str, value: str, language: str) -> str:
    """One thing that is remembered of a customer: "shoe size: 38", "language: Tiếng Việt"."""
    if key == "language" and value in LANGUAGES:
        value = LANGUAGES[value].native
    return pair(word(language, "memory_key", key), value, language)


def money_sentence(money: Money | None, method: PaymentMethod | None, language: str) -> str:
    """Money that comes back to the shopper (positive) or that they pay (negative), and how; "" where there is none."""
    if not money:
        return ""
    back = money.amount > 0
    how = word(language, "payment", "original")
    if method:  # the courier takes cash, and brings none back
        how = (
            word(language, "payment", "cod_refund") if back and method.kind == "cod" else method_text(method, language)
        )
    amount = money_text(money if back else -money, language)
    return say(language, "money_back" if back else "money_due", amount=amount, method=how)


def refusal_text(refused: Refused, language: str) -> str:
    """What a rule says no to, why, and what the shopper can do instead."""
    values = {name: _value(name, text, language) for name, text in refused.values.items()}
    if refused.product_names:
        values["product"] = item_name(refused.product_names, language)
    try:
        return say(language, f"refused_{refused.code}", **values)
    except KeyError:  # a merchant's own service has left out what the sentence needs
        return say(language, "refused_other")


def _value(name: str, text: str, language: str) -> str:
    if name in _TABLES:
        return word(language, _TABLES[name], text)
    amount = _AMOUNT.fullmatch(text)
    return money_text(Money.of(amount[1], amount[2]), language) if amount else text
