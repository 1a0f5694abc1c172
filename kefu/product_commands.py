"""`kefu products` and `kefu recommend`: what shoppers would find, and why, for staff and scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

import typer

from kefu.config import Settings
from kefu.console import err, load_settings, out, queries
from kefu.events import ConfigError
from kefu.products.assortment import Market
from kefu.products.service import Advice
from kefu.products.views import RecommendView

Text = Annotated[str | None, typer.Argument(help="What is looked for; without it, one wish a line from stdin.")]
Language = Annotated[str | None, typer.Option(help="The wish's language; else it is detected.")]
Where = Annotated[str | None, typer.Option("--market", help="Country, or all; else the language's home.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; a batch always does.")]


def products(
    text: Text = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many, at most.")] = 10,
    language: Language = None,
    market: Where = None,
    as_json: AsJson = False,
) -> None:
    """Search products by meaning, within the limits that the words name."""
    asyncio.run(
        _answer(load_settings(understanding="words", reasons="records"), text, k, language, market, "", as_json)
    )


def recommend(
    text: Text = None,
    k: Annotated[int, typer.Option("-k", min=1, max=20, help="How many, at most.")] = 5,
    language: Language = None,
    market: Where = None,
    customer: Annotated[str, typer.Option(help="Let this customer's orders count.")] = "",
    as_json: AsJson = False,
) -> None:
    """Recommend products for a wish: what was understood, the filters, candidates and reasons."""
    asyncio.run(_answer(load_settings(), text, k, language, market, customer, as_json))


def index_products(settings: Settings, rebuild: bool) -> dict[str, int]:
    """Brings the products' index up to date, or builds it anew: products looked at, texts embedded and dropped."""
    if settings.tools == "off":
        return {"looked": 0, "embedded": 0, "dropped": 0}
    return asyncio.run(_indexed(settings, rebuild))


async def _indexed(settings: Settings, rebuild: bool) -> dict[str, int]:
    from kefu.progress import bars

    wordless = settings.model_copy(update={"understanding": "words", "reasons": "records"})
    async with _opened(wordless) as (advice, _):
        index = advice.assortment.index
        done = index.last
        if rebuild:
            with bars(err) as progress:
                done = await index.sync(lambda done, total: progress("Indexing products", done, total), rebuild=True)
    return {"looked": done.products, "embedded": done.embedded, "dropped": done.dropped}


async def _answer(
    settings: Settings, text: str | None, k: int, language: str | None, market: str | None, customer: str, as_json: bool
) -> None:
    from kefu.products.views import view

    async with _opened(settings) as (advice, shop):
        orders = shop.orders.of(customer) if customer else None
        for query in queries(text):
            said = _language(settings, query["text"], query.get("language") or language)
            where: Market = advice.market(query.get("market") or market, said)
            intent = await advice.intent(query["text"], None, said, where)
            found = await advice.recommended(intent, where, k, orders)
            reasons = {id: reason async for id, reason in advice.reasons(found)}
            answer = view(found, settings.contact, reasons)
            if as_json or text is None:
                out(answer.model_dump(mode="json"))
            else:
                _print(answer)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Advice, Any]]:
    """The assortment, indexed; with a model only where one is wanted, for starting it takes seconds."""
    from kefu.conversations import MIGRATIONS
    from kefu.desk import embedder_of, open_desk, open_shop
    from kefu.products.opening import open_assortment
    from kefu.progress import bars
    from shop.database import open_database
    from shop.store import MIGRATIONS as SHOP_MIGRATIONS

    async with AsyncExitStack() as stack:
        if any(map(settings.may_use_model, (settings.understanding, settings.reasons))):
            with bars(err) as progress:
                desk = await stack.enter_async_context(open_desk(settings, progress))
            assert desk.advice is not None
            yield desk.advice, desk.shop
            return
        engine = await open_database(settings.database, MIGRATIONS, SHOP_MIGRATIONS)
        stack.push_async_callback(engine.dispose)
        shop = await open_shop(settings, engine)
        stack.push_async_callback(shop.close)
        with bars(err) as progress:
            embedder = await asyncio.to_thread(embedder_of, settings)
            assortment = await open_assortment(settings, engine, shop, embedder, progress, serves=False)
        stack.push_async_callback(assortment.close)
        yield Advice(assortment), shop


def _language(settings: Settings, text: str, named: str | None) -> str:
    """The language that was named (BCP-47), else the text's."""
    from kefu.languages import LANGUAGES, Voice, detect

    if named:
        if named.split("-")[0] not in LANGUAGES:
            raise ConfigError(f"language: {named!r} is not known; known are {', '.join(LANGUAGES)}")
        return named.split("-")[0]
    return detect(text, default=settings.default_language, voice=Voice(settings.language_voice)).language


def _print(answer: RecommendView) -> None:
    fields = {key: value for key, value in answer.intent.items() if key != "language"}
    err.print(f"{answer.language}, {answer.market} ({answer.currency}): {fields}", style="dim", markup=False)
    print(answer.text)
    shown = answer.candidates or (answer.none.nearest if answer.none else [])
    for place, one in enumerate(shown, 1):
        print(f"{place:3}  {one.name}  ·  {one.price}  ·  {one.stock}  [{one.id}]")
        print(f"     {one.reason.text}")
