"""A change as a card that waits for a yes: what would be, line by line, and what became of it. Knows no rule."""

from __future__ import annotations

from datetime import UTC, datetime

from kefu.amounts import money_text, time_text
from kefu.card_shapes import ApprovalCard, ApprovalState, ChangeLine
from kefu.shop_words import (
    address_text,
    item_name,
    item_text,
    memory_pair,
    method_text,
    money_sentence,
    options_text,
)
from kefu.words import say, spoken, word
from shop.changes import Change, ItemText, Line
from shop.money import Money
from shop.views import Address, PaymentMethod

# Business days until a refund that was sent is there: policies/en/refunds.md. Of other ways the policy says nothing.
_ARRIVES = {
    "alipay": "1–3", "wechat_pay": "1–3", "credit_card": "5–10", "unionpay": "5–10", "promptpay": "2–4", "cod": "3–5",
}  # fmt: skip
_SENT = ("cancel_order", "return_items")  # kinds of change for which the policy says when the refund is sent
_BACK_AND_FORTH = ("return_items", "exchange_items")  # what goes back to the shop


def approval_card(
    id: str, change: Change, language: str, *, expires_at: datetime, state: ApprovalState, country: str
) -> ApprovalCard:
    """A change before its yes, or after. `country`: by whose clocks the shopper reads until when it stands."""
    language = spoken(language)
    return ApprovalCard(
        language=language,
        id=id,
        title=say(language, f"approval_title_{change.kind}", number=change.order or ""),
        lines=tuple(_line(line, change.kind, language) for line in change.lines),
        money=_money(change, language),
        confirm=say(language, "approval_confirm"),
        cancel=say(language, "approval_cancel"),
        hint=say(language, "approval_hint", time=time_text(expires_at, language, country)),
        expires_at=expires_at.astimezone(UTC).isoformat(),
        state=state,
        state_text=_state_text(change, state, language),
    )


def change_done_text(change: Change, language: str) -> str:
    """What was done, and what comes of it: the money, and when it is there."""
    language = spoken(language)
    return _sentences(language, _done(change, language), _money(change, language))


def _done(change: Change, language: str) -> str:
    return say(language, f"done_{change.kind}", number=change.order or "")


def _state_text(change: Change, state: ApprovalState, language: str) -> str:
    if state == "pending":
        return ""
    return _done(change, language) if state == "done" else say(language, f"approval_{state}")


def _money(change: Change, language: str) -> str:
    said = [money_sentence(change.money, change.method, language)]
    if change.money and change.money.amount > 0:
        if change.kind in _SENT:
            said.append(say(language, f"money_when_{change.kind}"))
        if change.method and change.method.kind in _ARRIVES:
            said.append(say(language, "money_arrives", days=_ARRIVES[change.method.kind]))
    return _sentences(language, *said)


def _sentences(language: str, *sentences: str) -> str:
    return ("" if language == "zh" else " ").join(filter(None, sentences))


def _line(line: Line, kind: str, language: str) -> ChangeLine:
    """One thing that changes. An item for another of its kind tells only what differs; what has no `new` goes."""
    old, new = line.old, line.new
    if isinstance(old, ItemText) and isinstance(new, ItemText):
        name = item_name(old.names, language)
        return ChangeLine(label=name, old=options_text(old.options, language), new=options_text(new.options, language))
    goes = line.what == "item" and kind in _BACK_AND_FORTH
    label = word(language, "change", "item_back" if goes else line.what)
    if new is None:
        return ChangeLine(label=label, old="", new=_text(old, line.what, language))
    return ChangeLine(label=label, old=_text(old, line.what, language), new=_text(new, line.what, language))


def _text(value: str | Address | ItemText | PaymentMethod | Money | None, what: str, language: str) -> str:
    match value:
        case None:
            return ""
        case Money():
            sign = "+" if what == "price_difference" and value.amount > 0 else ""
            return f"{sign}{money_text(value, language)}"
        case Address():
            return address_text(value, language)
        case PaymentMethod():
            return method_text(value, language)
        case ItemText():
            return f"{item_text(value, language)} · {money_text(value.price, language)}"
        case str() if what == "memory":
            key, _, remembered = value.partition(": ")
            return memory_pair(key, remembered, language)
    return word(language, {"ship_back_to": "warehouse"}.get(what, "status"), value)
