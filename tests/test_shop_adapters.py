"""docs/shop-adapters.md: its example is a Shop, alone and behind the REST description."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shop.changes import Approval, CancelOrder, ForgetMe
from shop.errors import OrderNotFound, Refused, ShopUnavailable
from shop.protocol import Shop
from shop.rest import RestShop
from tests.rest_shop import KEY, ShopService

PAGE = Path(__file__).parent.parent / "docs" / "shop-adapters.md"
CANCEL = CancelOrder(order="jl-10023", reason="no_longer_needed")


def example() -> Shop:
    [code] = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "class MyShop" in block
    ]
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    shop: Shop = names["MyShop"]()
    return shop


async def walk(shop: Shop) -> None:
    mine = shop.orders.of("c-1001")
    assert [order.number for order in await mine.list()] == ["JL10023"]
    assert (await mine.profile()).id == "c-1001"
    with pytest.raises(OrderNotFound):
        await shop.orders.of("c-2").get("JL10023")
    change = await mine.plan(CANCEL)
    assert (await mine.get("JL10023")).status == "pending"
    approval = Approval(id="a", fingerprint=change.fingerprint, conversation="c", message="m", actor="customer:c-1001")
    with pytest.raises(Refused, match="changed_meanwhile"):
        await mine.apply(CANCEL, approval.model_copy(update={"id": "b", "fingerprint": "0" * 64}))
    assert [await mine.apply(CANCEL, approval), await mine.apply(CANCEL, approval)] == [change, change]
    assert (await mine.get("JL10023")).status == "cancelled"
    with pytest.raises(Refused, match="not_pending"):
        await mine.plan(CANCEL)
    with pytest.raises(ShopUnavailable):
        await mine.plan(ForgetMe())
    assert await shop.catalogue.product("p-1") is None and await shop.orders.prove("JL10023", "1234") is None


async def test_the_example_of_the_page_is_a_shop() -> None:
    await walk(example())


async def test_the_example_of_the_page_works_behind_the_rest_description() -> None:
    async with ShopService(example()) as service:
        shop = RestShop(service.url, KEY, timeout_s=30)
        await walk(shop)
        await shop.close()
    assert service.breaches == []
