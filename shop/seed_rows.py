"""Turns the files of a demo shop into rows: ids, absolute times, minor units, every reference looked up.

Knows no database: what is there already is not its business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from shop import models
from shop.models import Base
from shop.money import Money
from shop.seed_entries import (
    CURRENCIES,
    CustomerEntry,
    Market,
    MethodEntry,
    Options,
    OrderEntry,
    ProductEntry,
    ReturnEntry,
)
from shop.seed_files import BadData, ShopFiles
from shop.views import Address, Names, Scan

Row = tuple[type[Base], dict[str, Any]]
Wholes = Mapping[type[Base], Mapping[str, list[Row]]]  # of a table: id -> its row with all the rows that belong to it

K = TypeVar("K", bound=str)
V = TypeVar("V")
_LANGUAGES = ("zh", "en", "vi", "th")


def wholes(files: ShopFiles, now: datetime) -> Wholes:
    """All rows, customers and products before the orders that refer to them. BadData names what does not resolve."""
    build = _Build(files, now)
    products = {
        f"{entry.id}-{market.upper()}": list(build.product(entry, market))
        for entry in files.products.values()
        for market in entry.prices
    }
    return {
        models.CustomerRow: {id: list(build.customer(entry)) for id, entry in files.customers.items()},
        models.ProductRow: products,
        models.OrderRow: {id: list(build.order(entry)) for id, entry in files.orders.items()},
    }


class _Build:
    """Rows from entries."""

    def __init__(self, files: ShopFiles, now: datetime) -> None:
        self._files, self._now = files, now
        self._variants = {
            f"{product.id} {sorted(variant.options.items())}": variant.id
            for product in files.products.values()
            for variant in product.variants
        }

    def customer(self, entry: CustomerEntry) -> Iterator[Row]:
        currency = CURRENCIES[entry.market]
        yield _row(models.CustomerRow, **entry.model_dump(exclude={"addresses", "payment_methods"}))
        for saved in entry.addresses:
            yield _row(
                models.AddressRow,
                id=f"{entry.id}-{saved.id}",
                customer=entry.id,
                label=saved.label,
                address=saved.address,
                is_default=saved.is_default,
            )
        for method in entry.payment_methods:
            yield _row(
                models.PaymentMethodRow,
                id=f"{entry.id}-{method.id}",
                customer=entry.id,
                kind=method.kind,
                hint=method.hint,
                balance=None if method.balance is None else _minor(method.balance, currency),
                currency=None if method.balance is None else currency,
            )

    def product(self, entry: ProductEntry, market: Market) -> Iterator[Row]:
        id, currency, where = f"{entry.id}-{market.upper()}", CURRENCIES[market], f"products.json: {entry.id}"
        yield _row(
            models.ProductRow,
            id=id,
            names=entry.names.model_dump(),
            category=entry.category,
            descriptions=entry.descriptions.model_dump(),
            attributes={group: self._attribute(group, value, where) for group, value in entry.attributes.items()},
            market=market,
            electronics=entry.electronics,
            returnable=entry.returnable,
            sold=entry.sold,
            rating=entry.rating,
            reviews=entry.reviews,
            margin=entry.margin,
            listed_at=self._now + entry.listed,
        )
        for variant in entry.variants:
            yield _row(
                models.VariantRow,
                id=f"{id}-{variant.id}",
                product=id,
                options=self._options(variant.options, where),
                price=_minor(variant.prices.get(market, entry.prices[market]), currency),
                currency=currency,
                stock=_of(variant.stock, market, f"{where}: variant {variant.id}: stock"),
            )

    def order(self, entry: OrderEntry) -> Iterator[Row]:
        number, where = entry.number, f"orders.json: {entry.number}"
        customer = _of(self._files.customers, entry.customer, where)
        currency = CURRENCIES[customer.market]
        yield _row(
            models.OrderRow,
            number=number,
            customer=customer.id,
            status=entry.status,
            placed_at=self._now + entry.placed,
            delivered_at=None if entry.delivered is None else self._now + entry.delivered,
            currency=currency,
            address=self._address(entry.address, customer, where),
            shipping=_minor(entry.shipping, currency),
            items_modified=entry.items_modified,
            cancel_reason=entry.cancel_reason,
            note=entry.note,
        )
        yield from self._items(entry, customer.market, where)
        yield from self._payments(entry, customer, where)
        yield from self._shipments(entry)
        for position, back in enumerate(entry.returns, start=1):
            yield self._return(entry, back, f"{number}-R{position}", customer, where)

    def _items(self, entry: OrderEntry, market: Market, where: str) -> Iterator[Row]:
        for position, item in enumerate(entry.items, start=1):
            product = _of(self._files.products, item.product, where)
            _of(product.prices, market, f"{where}: prices of {item.product}")
            yield _row(
                models.ItemRow,
                id=f"{entry.number}-{position}",
                order=entry.number,
                position=position,
                product=f"{item.product}-{market.upper()}",
                variant=self._variant(item.product, market, item.options, where),
                names=product.names.model_dump(),
                options=self._options(item.options, where),
                price=_minor(item.price, CURRENCIES[market]),
            )

    def _payments(self, entry: OrderEntry, customer: CustomerEntry, where: str) -> Iterator[Row]:
        for payment in entry.payments:
            method = _method(customer, payment.method, where)
            yield _row(
                models.PaymentRow,
                order=entry.number,
                kind=payment.kind,
                amount=_minor(payment.amount, CURRENCIES[customer.market]),
                method=f"{customer.id}-{method.id}",
                method_kind=method.kind,
                at=self._now + payment.at,
            )

    def _shipments(self, entry: OrderEntry) -> Iterator[Row]:
        for parcel in entry.shipments:
            yield _row(
                models.ShipmentRow,
                order=entry.number,
                carrier=parcel.carrier,
                tracking=parcel.tracking,
                items=_item_ids(entry, parcel.items or range(1, len(entry.items) + 1)),
                expected=self._now + parcel.expected,
                scans=[Scan(at=self._now + scan.at, code=scan.code, place=scan.place) for scan in parcel.scans],
            )

    def _return(self, entry: OrderEntry, back: ReturnEntry, id: str, customer: CustomerEntry, where: str) -> Row:
        products = [entry.items[position - 1].product for position in back.items]
        new = zip(products, back.new_options, strict=back.kind == "exchange")
        return _row(
            models.ReturnRow,
            id=id,
            order=entry.number,
            kind=back.kind,
            status=back.events[-1].status,
            items=_item_ids(entry, back.items),
            new_variants=[self._variant(product, customer.market, options, where) for product, options in new],
            money=None if back.money is None else _minor(back.money, CURRENCIES[customer.market]),
            method=None if back.method is None else f"{customer.id}-{_method(customer, back.method, where).id}",
            reason=back.reason,
            requested_at=self._now + back.events[0].at,
            events=[[(self._now + event.at).astimezone(UTC).isoformat(), event.status] for event in back.events],
        )

    def _variant(self, product: str, market: Market, options: Options, where: str) -> str:
        id = _of(self._variants, f"{product} {sorted(options.items())}", where)
        return f"{product}-{market.upper()}-{id}"

    def _options(self, options: Options, where: str) -> dict[str, Names]:
        return {option: self._word(option, key, where) for option, key in options.items()}

    def _attribute(self, group: str, value: str | list[str] | int | float, where: str) -> list[Names]:
        if isinstance(value, int | float):
            return [dict.fromkeys(_LANGUAGES, str(value))]
        return [self._word(group, key, where) for key in ([value] if isinstance(value, str) else value)]

    def _word(self, group: str, key: str, where: str) -> Names:
        return _of(_of(self._files.words, group, where), key, f"{where}: {group}").model_dump()

    def _address(self, address: str | Address, customer: CustomerEntry, where: str) -> Address:
        if isinstance(address, Address):
            return address
        return _of({saved.id: saved.address for saved in customer.addresses}, address, f"{where}: address")


def _row(model: type[Base], **columns: Any) -> Row:
    return model, columns


def _of(known: Mapping[K, V], key: K, where: str) -> V:
    if key not in known:
        raise BadData(f"{where}: there is no {key!r}")
    return known[key]


def _method(customer: CustomerEntry, id: str, where: str) -> MethodEntry:
    return _of({method.id: method for method in customer.payment_methods}, id, f"{where}: payment method")


def _item_ids(entry: OrderEntry, positions: Iterable[int]) -> list[str]:
    return [f"{entry.number}-{position}" for position in positions]


def _minor(amount: Decimal, currency: str) -> int:
    return Money.of(amount, currency).amount
