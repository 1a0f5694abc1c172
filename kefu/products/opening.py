"""Opens the assortment from the settings: its index, brought up to date, and what keeps it so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import ValidationError

from kefu.config import Settings
from kefu.events import ConfigError
from kefu.products.assortment import Assortment
from rag.embedder import Embedder
from shop.catalog import OwnCatalogue
from shop.database import Engine
from shop.mirror import Mirror
from shop.product_index import ProductIndex
from shop.protocol import Shop
from shop.ranking import Weights
from shop.search import ProductSearch

Progress = Callable[[str, int, int], None]  # what, done, in all


async def open_assortment(
    settings: Settings, engine: Engine, shop: Shop, embedder: Embedder, progress: Progress, *, serves: bool
) -> Assortment:
    """What the shop sells, searchable. To serve, it is read and embedded in the background, words first; else all of it
    is brought up to date before this returns. ConfigError; rag's errors; ShopUnavailable."""
    try:
        weights = Weights.model_validate(settings.ranking)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ConfigError(f"KEFU_RANKING: {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
    folder = settings.home / "products"
    index = await asyncio.to_thread(ProductIndex.open, engine, folder, embedder, settings.chroma_url)
    assortment = Assortment(ProductSearch(engine, shop.catalogue, index, weights))
    mirror = None if isinstance(shop.catalogue, OwnCatalogue) else Mirror(shop.catalogue, engine)
    if not serves:
        if mirror:
            await mirror.copy()
        await index.sync(lambda done, total: progress("Indexing products", done, total))
        return assortment
    assortment.follow(mirror)
    return assortment
