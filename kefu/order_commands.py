"""`kefu orders`: what staff see of the shop's orders in the terminal. Changes are asked for in a conversation only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from kefu.config import Settings
from kefu.console import Json, load_settings, out
from shop.protocol import Shop

T = TypeVar("T")
orders_app = typer.Typer(no_args_is_help=True, help="Look at orders.")
Customer = Annotated[str, typer.Argument(help="The customer's id.")]
Language = Annotated[str, typer.Option("--language", help="Of the words: zh, en, vi or th.")]


async def _asked(settings: Settings, look: Callable[[Shop], Awaitable[T]]) -> T:
    from kefu.conversations import MIGRATIONS
    from kefu.desk import open_shop
    from shop.database import open_database
    from shop.store import MIGRATIONS as SHOP_MIGRATIONS

    engine = await open_database(settings.database, MIGRATIONS, SHOP_MIGRATIONS)
    try:
        shop = await open_shop(settings, engine)
        try:
            return await look(shop)
        finally:
            await shop.close()
    finally:
        await engine.dispose()


@orders_app.command("list")
def list_orders(customer: Customer, limit: int = 20, language: Language = "en", as_json: Json = False) -> None:
    """The orders of a customer, the newest first."""
    from kefu.card_text import lines
    from kefu.cards import orders_card

    orders = asyncio.run(_asked(load_settings(), lambda shop: shop.orders.of(customer).list(limit)))
    if as_json:
        out({"orders": [order.model_dump(mode="json") for order in orders]})
    else:
        print("\n".join(lines(orders_card(orders, language, choose=False))))


@orders_app.command()
def show(
    customer: Customer,
    number: Annotated[str, typer.Argument(help="The order's number, in any spelling.")],
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """One order of a customer, with its parcels and returns."""
    from kefu.card_text import lines
    from kefu.cards import order_card

    order = asyncio.run(_asked(load_settings(), lambda shop: shop.orders.of(customer).get(number)))
    if as_json:
        out(order.model_dump(mode="json"))
    else:
        print("\n".join(lines(order_card(order, language))))
