"""A small shop whose every number a test can know: five customers, seven products, an order in every state.

`fill` writes it into a migrated database, `clear` empties it again. Times count from NOW.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shop import models
from shop.database import writing
from shop.money import Money
from shop.views import Address, Scan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

# Customers
MEI, BO = "c-mei", "c-bo"  # China
LAN = "c-lan"  # Vietnam
NOK = "c-nok"  # Thailand
ANN = "c-ann"  # the United States

# Mei's orders; JL10001 may be changed in everything
PENDING, PROCESSED, SHIPPED, DELIVERED, CANCELLED = "JL10001", "JL10002", "JL10003", "JL10004", "JL10005"
PENDING_LATE = "JL10006"  # ordered three hours ago
DELIVERED_LATE = "JL10007"  # 31 days ago
PENDING_GIFT = "JL10008"  # paid with the gift card
DELIVERED_20 = "JL10009"  # 20 days ago: a dress and a phone
# Others'
BO_PENDING = "JL20001"
LAN_DELIVERED, LAN_PENDING = "JL30001", "JL30002"  # both cash on delivery: the second is not paid yet
LAN_PREPAID = "JL30003"  # pending, paid with MoMo
NOK_DELIVERED = "JL40001"
ANN_DELIVERED = "JL50001"

ALIPAY, WECHAT, GIFT = "p-mei-alipay", "p-mei-wechat", "p-mei-gift"  # the gift card holds 300.00 CNY
BO_ALIPAY, LAN_COD, LAN_MOMO, NOK_PROMPTPAY = "p-bo-alipay", "p-lan-cod", "p-lan-momo", "p-nok-promptpay"
ANN_CARD, ANN_GIFT = "p-ann-card", "p-ann-gift"  # the gift card holds 30.00 USD

HOME = Address(
    name="陈美", phone="+86 138 0013 8000", line1="南京西路1266号", city="上海", country="CN", postcode="200040"
)
OFFICE = Address(
    name="陈美", phone="+86 138 0013 8000", line1="世纪大道100号", city="上海", country="CN", postcode="200120"
)
HANOI = Address(name="Lan", phone="+84 90 123 4567", line1="12 Hàng Bài", city="Hà Nội", country="VN")
BANGKOK = Address(name="Nok", phone="+66 81 234 5678", line1="99 ถนนสุขุมวิท", city="กรุงเทพฯ", country="TH")
DENVER = Address(
    name="Ann", phone="+1 303 555 0199", line1="986 Sunset Drive", city="Denver", region="CO", country="US"
)

DRESS, PHONE, EARRINGS = "dress-cn", "phone-cn", "earrings-cn"
# Today's price and stock of the dress in China: S 180 (5), M 200 (5), L 230 (1), XL 230 (0)
S, M, L, XL = (f"{DRESS}-{size}" for size in ("S", "M", "L", "XL"))
PHONE_BLACK, PHONE_BLUE = f"{PHONE}-black", f"{PHONE}-blue"
NAMES = {"en": "Silk dress", "zh": "真丝连衣裙", "vi": "Váy lụa", "th": "ชุดเดรสผ้าไหม"}


def money(amount: str, currency: str = "CNY") -> Money:
    return Money.of(amount, currency)


def item(order: str, position: int) -> str:
    """The id of an order's n-th unit, from 1."""
    return f"{order}-{position}"


async def fill(engine: AsyncEngine) -> None:
    async with writing(engine) as db, AsyncSession(db, autoflush=False) as session:
        session.add_all([*_customers(), *_products(), *_orders()])
        await session.flush()


async def clear(engine: AsyncEngine) -> None:
    async with writing(engine) as db:
        for table in reversed(models.Base.metadata.sorted_tables):
            await db.execute(table.delete())


def _customers() -> list[models.CustomerRow]:
    return [
        _customer(
            MEI, "陈美", "Mei.Chen@Example.com", "zh", {"Home": HOME, "公司": OFFICE},
            _method(ALIPAY, "alipay"), _method(WECHAT, "wechat_pay"),
            _method(GIFT, "gift_card", balance=300_00, currency="CNY"),
        ),
        _customer(BO, "Bo", "bo@example.com", "en", {"Home": OFFICE}, _method(BO_ALIPAY, "alipay")),
        _customer(LAN, "Lan", "", "vi", {"Nhà": HANOI}, _method(LAN_COD, "cod"), _method(LAN_MOMO, "momo")),
        _customer(NOK, "Nok", "nok@example.com", "th", {"บ้าน": BANGKOK}, _method(NOK_PROMPTPAY, "promptpay")),
        _customer(
            ANN, "Ann", "ann@example.com", "en", {"Home": DENVER},
            _method(ANN_CARD, "credit_card", hint="9212"),
            _method(ANN_GIFT, "gift_card", balance=30_00, currency="USD"),
        ),
    ]  # fmt: skip


def _customer(
    id: str, name: str, email: str, language: str, addresses: dict[str, Address], *methods: models.PaymentMethodRow
) -> models.CustomerRow:
    first = next(iter(addresses.values()))
    saved = [
        models.AddressRow(id=f"{id}-{number}", label=label, address=address, is_default=not number)
        for number, (label, address) in enumerate(addresses.items())
    ]
    return models.CustomerRow(
        id=id, name=name, email=email, phone=first.phone, language=language, country=first.country, addresses=saved,
        payment_methods=list(methods),
    )  # fmt: skip


def _method(id: str, kind: str, **more: Any) -> models.PaymentMethodRow:
    return models.PaymentMethodRow(id=id, kind=kind, **{"hint": "", "balance": None, "currency": None, **more})


def _products() -> list[models.ProductRow]:
    sizes = {"S": ("180", 5), "M": ("200", 5), "L": ("230", 1), "XL": ("230", 0)}
    colours = {"black": ("999", 3), "blue": ("999", 3)}
    both = {"M": 5, "L": 5}
    return [
        _product(DRESS, "CNY", "size", sizes),
        _product(PHONE, "CNY", "colour", colours, electronics=True),
        _product(EARRINGS, "CNY", "colour", {"gold": ("59", 9), "silver": ("59", 9)}, returnable=False),
        _product("dress-vn", "VND", "size", {size: ("450000", stock) for size, stock in both.items()}),
        _product("socks-vn", "VND", "size", {size: ("50000", stock) for size, stock in both.items()}),
        _product("dress-th", "THB", "size", {size: ("890", stock) for size, stock in both.items()}),
        _product("dress-us", "USD", "size", {"M": ("50", 5), "L": ("75", 5), "XL": ("90", 5), "S": ("40", 5)}),
    ]


def _product(
    id: str, currency: str, option: str, variants: dict[str, tuple[str, int]], *, electronics: bool = False,
    returnable: bool = True,
) -> models.ProductRow:  # fmt: skip
    rows = [
        models.VariantRow(
            id=f"{id}-{value}", options={option: {"en": value}}, price=Money.of(price, currency).amount,
            currency=currency, stock=stock,
        )
        for value, (price, stock) in variants.items()
    ]  # fmt: skip
    return models.ProductRow(
        id=id, names=NAMES, category="things", descriptions={"en": "Fine."}, attributes={"material": {"en": "silk"}},
        market="all", electronics=electronics, returnable=returnable, variants=rows,
    )  # fmt: skip


def _orders() -> list[models.OrderRow]:
    def mei(number: str, status: str, items: Sequence[tuple[str, str]], **more: Any) -> models.OrderRow:
        more = {"method": ALIPAY, "kind": "alipay", "shipping": "10", **more}
        return _order(number, MEI, status, HOME, "CNY", items, **more)

    dress, two = [(M, "190")], [(M, "190"), (M, "190")]  # the dress has become dearer since
    return [
        mei(PENDING, "pending", [*two, (PHONE_BLACK, "999")], placed=timedelta(hours=1)),
        mei(PROCESSED, "processed", dress, placed=timedelta(days=1)),
        mei(SHIPPED, "shipped", dress, placed=timedelta(days=2)),
        mei(DELIVERED, "delivered", [*two, ("earrings-cn-gold", "59"), (PHONE_BLACK, "999")], delivered=5),
        mei(CANCELLED, "cancelled", dress, placed=timedelta(days=9)),
        mei(PENDING_LATE, "pending", dress, placed=timedelta(hours=3)),
        mei(DELIVERED_LATE, "delivered", [*dress, (PHONE_BLACK, "999")], delivered=31),
        mei(PENDING_GIFT, "pending", dress, placed=timedelta(hours=1), method=GIFT, kind="gift_card"),
        mei(DELIVERED_20, "delivered", [*dress, (PHONE_BLACK, "999")], delivered=20),
        _order(BO_PENDING, BO, "pending", OFFICE, "CNY", dress, placed=timedelta(hours=1), method=BO_ALIPAY,
               kind="alipay"),
        _order(LAN_DELIVERED, LAN, "delivered", HANOI, "VND", [("dress-vn-M", "400000"), ("socks-vn-M", "50000")],
               delivered=3, method=LAN_COD, kind="cod"),
        _order(LAN_PENDING, LAN, "pending", HANOI, "VND", [("dress-vn-M", "400000")], placed=timedelta(hours=1),
               method=LAN_COD, kind="cod"),
        _order(LAN_PREPAID, LAN, "pending", HANOI, "VND", [("dress-vn-M", "400000")], placed=timedelta(hours=1),
               method=LAN_MOMO, kind="momo"),
        _order(NOK_DELIVERED, NOK, "delivered", BANGKOK, "THB", [("dress-th-M", "890")], delivered=3,
               method=NOK_PROMPTPAY, kind="promptpay"),
        _order(ANN_DELIVERED, ANN, "delivered", DENVER, "USD", [("dress-us-M", "50"), ("dress-us-M", "50")],
               delivered=3, method=ANN_CARD, kind="credit_card"),
    ]  # fmt: skip


def _order(
    number: str, customer: str, status: str, address: Address, currency: str, items: Sequence[tuple[str, str]], *,
    method: str, kind: str, placed: timedelta | None = None, delivered: int | None = None, shipping: str = "0",
) -> models.OrderRow:  # fmt: skip
    """`items`: variant and price paid. `placed` and `delivered` (days) are how long ago."""
    delivered_at = None if delivered is None else NOW - timedelta(days=delivered)
    placed_at = NOW - placed if placed else NOW - timedelta(days=(delivered or 0) + 4)
    units = [
        models.ItemRow(
            id=item(number, position), position=position, product=variant.rpartition("-")[0], variant=variant,
            names=NAMES, options={"size": {"en": variant.rpartition("-")[2]}}, price=Money.of(price, currency).amount,
        )
        for position, (variant, price) in enumerate(items, start=1)
    ]  # fmt: skip
    cost = Money.of(shipping, currency).amount
    total = cost + sum(unit.price for unit in units)
    paid = {"amount": total, "method": method, "method_kind": kind, "at": placed_at}
    back = [models.PaymentRow(kind="refund", **paid)] if status == "cancelled" else []
    return models.OrderRow(
        number=number, customer=customer, status=status, placed_at=placed_at, delivered_at=delivered_at,
        currency=currency, address=address, shipping=cost, items_modified=False, note="",
        cancel_reason="no_longer_needed" if status == "cancelled" else "", items=units,
        payments=[] if kind == "cod" and status == "pending" else [models.PaymentRow(kind="payment", **paid), *back],
        shipments=[_shipment(number, units, placed_at)] if status in ("shipped", "delivered") else [],
        returns=[],
    )  # fmt: skip


def _shipment(number: str, units: Sequence[models.ItemRow], placed_at: datetime) -> models.ShipmentRow:
    return models.ShipmentRow(
        carrier="SF Express", tracking=f"SF{number}", items=[unit.id for unit in units],
        expected=placed_at + timedelta(days=4),
        scans=(Scan(at=placed_at + timedelta(days=1), code="dispatched", place="Shenzhen"),),
    )  # fmt: skip
