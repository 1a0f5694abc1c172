"""Cards as plain text, for a terminal. Knows no order and no product: what a card says comes ready made."""

from __future__ import annotations

from collections.abc import Iterator

from kefu.card_shapes import ApprovalCard, Card, ChoicesCard, OrderCard, OrdersCard, ProductsCard

_MARKS = {"done": "●", "now": "◉", "ahead": "○", "stopped": "✕"}


def lines(card: Card) -> Iterator[str]:
    """The card, line by line."""
    match card:
        case OrderCard():
            yield from _order(card)
        case ApprovalCard():
            yield from _approval(card)
        case OrdersCard():
            yield card.title
            for row in card.rows:
                yield f"  {row.number}  {row.status}  {row.placed}  {row.items}  {row.total}"
        case ChoicesCard():
            yield card.title
            for place, choice in enumerate(card.choices, 1):
                yield f"  {place}  {choice.label}"
        case ProductsCard():
            yield card.title
            for place, product in enumerate(card.products, 1):
                yield f"  {place}  " + " · ".join((product.name, product.price, product.stock, *product.tags))
                if product.reason:
                    yield f"     {product.reason}"


def _order(card: OrderCard) -> Iterator[str]:
    yield f"{card.title} · {card.status} · {card.placed}"
    yield "  " + "  ".join(f"{_MARKS[step.state]} {step.text} {step.at}".rstrip() for step in card.steps)
    for item in card.items:
        count = f"{item.quantity} × " if item.quantity > 1 else ""
        yield "  " + " · ".join(filter(None, (f"{count}{item.name}", item.options, item.price, item.note)))
    labels = card.labels
    yield f"  {labels.get('shipping', '')} {card.shipping} · {labels.get('total', '')} {card.total}"
    yield f"  {labels.get('address', '')} {', '.join(card.address)}"
    for parcel in card.parcels:
        yield "  " + " · ".join(filter(None, (parcel.carrier, parcel.tracking, parcel.expected)))
        for scan in parcel.scans[:3]:
            yield f"    {scan.at}  {scan.text}  {scan.place}"
    for back in card.returns:
        yield f"  {back}"


def _approval(card: ApprovalCard) -> Iterator[str]:
    yield card.title
    for line in card.lines:
        yield f"  {line.label}: {line.old} → {line.new}" if line.old else f"  {line.label}: {line.new}"
    if card.money:
        yield f"  {card.money}"
    yield f"  {card.state_text or card.hint}"
