"""Orders, products and a customer as a shopper's message may mean them, built by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from shop.money import Money
from shop.views import (
    Address,
    Customer,
    Item,
    Names,
    Order,
    OrderStatus,
    PaymentMethod,
    Product,
    SavedAddress,
    Variant,
)  # fmt: skip

SCARF = {"en": "Silk Scarf", "zh": "真丝围巾", "vi": "Khăn lụa tơ tằm", "th": "ผ้าพันคอผ้าไหม"}
SHIRT = {"en": "Linen Shirt", "zh": "亚麻衬衫", "vi": "Áo sơ mi lanh", "th": "เสื้อเชิ้ตลินิน"}
DRESS = {"en": "Pleated Midi Dress", "zh": "百褶连衣裙", "vi": "Đầm xếp ly", "th": "เดรสพลีท"}
SNEAKERS = {
    "en": "Cloud Runner Sneakers",
    "zh": "云跑运动鞋",
    "vi": "Giày thể thao Cloud Runner",
    "th": "รองเท้าผ้าใบ Cloud Runner",
}
PHONE = {"en": "Nova X2 Phone", "zh": "Nova X2 手机", "vi": "Điện thoại Nova X2", "th": "โทรศัพท์ Nova X2"}
COLOURS: dict[str, Names] = {
    "black": {"en": "black", "zh": "黑色", "vi": "đen", "th": "สีดำ"},
    "white": {"en": "white", "zh": "白色", "vi": "trắng", "th": "สีขาว"},
    "navy": {"en": "navy", "zh": "藏青色", "vi": "xanh navy", "th": "สีกรมท่า"},
    "red": {"en": "red", "zh": "红色", "vi": "đỏ", "th": "สีแดง"},
    "sky": {"en": "sky blue", "zh": "天蓝色", "vi": "xanh da trời", "th": "สีฟ้า"},
    "green": {"en": "green", "zh": "绿色", "vi": "xanh lá", "th": "สีเขียว"},
}


def options(colour: str = "", size: str = "") -> dict[str, Names]:
    found: dict[str, Names] = {"colour": COLOURS[colour]} if colour else {}
    return found | ({"size": {"en": size}} if size else {})


def price(amount: int = 19900) -> Money:
    return Money(amount=amount, currency="CNY")


def product(id: str, names: Names, colours: list[str], sizes: list[str]) -> Product:
    """With a variant for each colour and size: "shirt-black-M"."""
    variants = tuple(
        Variant(id="-".join(filter(None, (id, c, s))), product=id, options=options(c, s), price=price(), stock=5)
        for c in colours or [""]
        for s in sizes or [""]
    )
    return Product(
        id=id, names=names, category="things", descriptions={"en": ""}, attributes={}, market="all",
        electronics=False, returnable=True, variants=variants,
    )  # fmt: skip


PRODUCTS = {
    p.id: p
    for p in (
        product("shirt", SHIRT, ["black", "white", "sky", "green"], ["S", "M", "L", "XL"]),
        product("dress", DRESS, ["black", "red"], ["S", "M", "L"]),
        product("scarf", SCARF, ["red", "navy"], []),
        product("sneakers", SNEAKERS, ["white", "black"], ["38", "39", "40", "41"]),
        product("phone", PHONE, ["black", "white"], ["128GB", "256GB"]),
    )
}


def item(id: str, variant: str) -> Item:
    """A unit of a variant of PRODUCTS."""
    made = PRODUCTS[variant.split("-")[0]]
    bought = next(v for v in made.variants if v.id == variant)
    return Item(
        id=id, product=made.id, variant=variant, names=made.names, options=bought.options, price=bought.price
    )  # fmt: skip


def order(number: str, *items: Item, status: OrderStatus = "pending", placed: str = "2026-11-12T05:00") -> Order:
    return Order(
        number=number, status=status, placed_at=datetime.fromisoformat(placed).replace(tzinfo=UTC), delivered_at=None,
        currency="CNY", address=HANOI, items=items, shipping=price(0), total=price(), payments=(), shipments=(),
        returns=(), items_modified=False, cancel_reason="", note="",
    )  # fmt: skip


HANOI = Address(name="Nguyễn Thu Hà", phone="0912 345 678", line1="24 Tràng Tiền", city="Hà Nội", country="VN")
OFFICE = Address(name="Nguyễn Thu Hà", phone="0912 345 678", line1="9 Duy Tân", city="Hà Nội", country="VN")
PARENTS = Address(name="Nguyễn Văn Bình", phone="0987 111 222", line1="5 Lê Lợi", city="Huế", country="VN")
CUSTOMER = Customer(
    id="c1", name="Nguyễn Thu Hà", email="ha@example.com", phone="0912 345 678", language="vi", country="VN",
    addresses=(
        SavedAddress(id="a1", label="Nhà", address=HANOI, is_default=True),
        SavedAddress(id="a2", label="Công ty", address=OFFICE, is_default=False),
        SavedAddress(id="a3", label="Bố mẹ", address=PARENTS, is_default=False),
    ),
    payment_methods=(
        PaymentMethod(id="p1", kind="credit_card", hint="4242"),
        PaymentMethod(id="p2", kind="credit_card", hint="1881"),
        PaymentMethod(id="p3", kind="momo"),
    ),
)  # fmt: skip
