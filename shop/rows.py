"""Rows of the shop's tables as the views that everybody else knows. Knows no query and no rule."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from shop.models import (
    AddressRow,
    CustomerRow,
    ItemRow,
    OrderRow,
    PaymentMethodRow,
    PaymentRow,
    ProductRow,
    ReturnRow,
    ShipmentRow,
    VariantRow,
)
from shop.money import Money
from shop.views import (
    Customer,
    Figures,
    Item,
    Order,
    OrderStatus,
    Payment,
    PaymentKind,
    PaymentMethod,
    Product,
    Return,
    ReturnStatus,
    SavedAddress,
    Shipment,
    Variant,
)


def customer_view(row: CustomerRow) -> Customer:
    return Customer(
        id=row.id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        language=row.language,
        country=row.country,
        addresses=tuple(_address(address) for address in row.addresses),
        payment_methods=tuple(_method(method) for method in row.payment_methods),
    )


def order_view(row: OrderRow) -> Order:
    currency = row.currency
    return Order(
        number=row.number,
        status=cast(OrderStatus, row.status),
        placed_at=row.placed_at,
        delivered_at=row.delivered_at,
        currency=currency,
        address=row.address,
        items=tuple(_item(item, currency) for item in row.items),
        shipping=Money(amount=row.shipping, currency=currency),
        total=Money(amount=row.shipping + sum(item.price for item in row.items), currency=currency),
        payments=tuple(_payment(payment, currency) for payment in row.payments),
        shipments=tuple(_shipment(shipment) for shipment in row.shipments),
        returns=tuple(_return(request, currency) for request in row.returns),
        items_modified=row.items_modified,
        cancel_reason=row.cancel_reason,
        note=row.note,
    )


def product_view(row: ProductRow) -> Product:
    return Product(
        id=row.id,
        names=row.names,
        category=row.category,
        descriptions=row.descriptions,
        attributes=row.attributes,
        market=row.market,
        electronics=row.electronics,
        returnable=row.returnable,
        variants=tuple(_variant(variant) for variant in row.variants),
        figures=Figures(
            sold=row.sold, rating=row.rating, reviews=row.reviews, margin=row.margin, listed_at=row.listed_at
        ),
    )


def _address(row: AddressRow) -> SavedAddress:
    return SavedAddress(id=row.id, label=row.label, address=row.address, is_default=row.is_default)


def _method(row: PaymentMethodRow) -> PaymentMethod:
    balance = None
    if row.balance is not None and row.currency is not None:
        balance = Money(amount=row.balance, currency=row.currency)
    return PaymentMethod(id=row.id, kind=cast(PaymentKind, row.kind), hint=row.hint, balance=balance)


def _item(row: ItemRow, currency: str) -> Item:
    return Item(
        id=row.id,
        product=row.product,
        variant=row.variant,
        names=row.names,
        options=row.options,
        price=Money(amount=row.price, currency=currency),
    )


def _payment(row: PaymentRow, currency: str) -> Payment:
    return Payment.model_validate(
        {
            "kind": row.kind,
            "amount": Money(amount=row.amount, currency=currency),
            "method": row.method,
            "method_kind": row.method_kind,
            "at": row.at,
        }
    )


def _shipment(row: ShipmentRow) -> Shipment:
    return Shipment(
        carrier=row.carrier, tracking=row.tracking, items=tuple(row.items), expected=row.expected, scans=row.scans
    )


def _return(row: ReturnRow, currency: str) -> Return:
    return Return.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "status": row.status,
            "items": row.items,
            "new_variants": row.new_variants,
            "money": None if row.money is None else Money(amount=row.money, currency=currency),
            "method": row.method,
            "reason": row.reason,
            "requested_at": row.requested_at,
            "events": [(datetime.fromisoformat(at), cast(ReturnStatus, status)) for at, status in row.events],
        }
    )


def _variant(row: VariantRow) -> Variant:
    return Variant(
        id=row.id,
        product=row.product,
        options=row.options,
        price=Money(amount=row.price, currency=row.currency),
        stock=row.stock,
    )
