"""The web server: one FastAPI with the chat page, the REST routes and, behind the Gate, Chainlit."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

import uvicorn
from chainlit.config import config as chainlit_config
from chainlit.config import load_module
from chainlit.server import app as chainlit_app
from fastapi import FastAPI

from kefu import __version__, api, api_products
from kefu.config import ROOT, Settings
from kefu.desk import Desk, Progress, open_desk
from kefu.events import ConfigError
from rag.index import PolicyIndex
from web import assets, clicks, docs, pages, policies, session
from web.guards import Gate, Guard
from web.html import ChatPage
from web.running import hand_over
from web.turns import turns

log = logging.getLogger(__name__)

_REFRESH_S = 1.5  # how soon an edited policy is answered from
_SHUTDOWN_S = 5


def make_app(desk: Desk) -> FastAPI:
    """The whole site on an open desk."""
    settings = desk.settings
    hand_over(desk)
    chainlit_config.ui.name = settings.shop_name
    page = ChatPage(settings.shop_name, settings.allowed_origins)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(desk.index))
        try:
            yield
        finally:
            await turns.close()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    app = FastAPI(title="Kefu", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, allowed_origins=settings.allowed_origins, policy=page.policy(settings.allowed_origins))
    app.state.desk = desk
    app.include_router(api.router)
    app.include_router(api_products.router)
    app.include_router(pages.router(desk, page))
    app.include_router(pages.thumbs(desk))
    app.include_router(clicks.router(desk))
    app.include_router(session.router(desk.identity))
    app.include_router(assets.router())
    app.include_router(docs.router())
    app.include_router(policies.router(desk, page))
    app.mount("/public", assets.PublicFiles(directory=assets.PUBLIC))
    # What chainlit.utils.mount_chainlit does, less a middleware that would stand between every frame and its socket
    chainlit_config.run.module_name = str(ROOT / "app.py")
    load_module(chainlit_config.run.module_name)
    missing = partial(policies.missing, desk, page)
    app.mount("/", Gate(chainlit_app, desk.identity, settings.default_language, missing))
    return app


async def _follow(index: PolicyIndex) -> None:
    """Policies edited while the shop is open."""
    while True:
        await asyncio.sleep(_REFRESH_S)
        try:
            await asyncio.to_thread(index.refresh)
        except Exception:
            log.exception("could not bring the policies up to date; the next try follows")


class _Server(uvicorn.Server):
    """Says where the chat is. Leaves the signals to `serve`: after uvicorn's own handling nobody would be left to
    close the desk."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for host, port, *_ in (listening.getsockname() for listening in sockets or ()):
            shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host
            print(f"The chat is open at http://{shown}:{port} (Ctrl-C closes it)", flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; taken before anything is opened, so that a taken port is one sentence, at once."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ConfigError(
            f"Cannot listen on {host}:{port} ({why}). If Kefu does not run there already, choose another port with "
            "--port or KEFU_PORT."
        ) from error


async def serve(desk: Desk, listening: socket.socket) -> None:
    """Serves on an open desk until SIGINT or SIGTERM; running answers are then saved as they stand."""
    server = _Server(
        uvicorn.Config(
            make_app(desk),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    await server.serve(sockets=[listening])


def run(settings: Settings, bars: Callable[[], AbstractContextManager[Progress]]) -> None:
    """Opens the desk, showing how far it is, and serves. Raises KefuError when the desk cannot open."""

    listening = listen(settings.host, settings.port)

    async def open_and_serve() -> None:
        async with AsyncExitStack() as stack:
            with bars() as progress:
                desk = await stack.enter_async_context(open_desk(settings, progress))
            warming = asyncio.create_task(desk.warm())
            stack.callback(warming.cancel)
            await serve(desk, listening)

    asyncio.run(open_and_serve())
