"""HTTP to a model server: connections, addresses, its list of models, and its failures as errors of ours.

Knows neither streams nor time limits, but for opening a connection. Connections are direct: no proxy from the
environment, no redirect, no cookie. Each request has its own: llama.cpp promises keep-alive and yet closes after a
streamed answer, so that the next request may be lost; and replicas behind one address share the load.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from kefu.completion import said_error
from kefu.config import base_url
from kefu.events import ModelError, ModelUnavailable
from kefu.sse import LIMIT

_SHORTEST_SECRET = 8  # a shorter key is a placeholder ("EMPTY"), and blotting it out garbles the words
_WORDS = 300  # characters of an error, most of them the server's


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model answers. `model` empty: the first one that the server lists."""

    url: str
    api_key: str = ""
    model: str = ""

    @property
    def key(self) -> str:
        """The key without the line end that a copied secret brings along."""
        return self.api_key.strip()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the server lists, and its window in tokens where the server tells."""

    id: str
    max_model_len: int | None


class Busy(ModelUnavailable):
    """The server is overloaded or starting, and says in how many seconds to come back."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelServer:
    """The client's side, made in the loop that first uses it."""

    def __init__(self, connect_s: float) -> None:
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None
        self._first_listed: tuple[str, str] | None = None  # url, model

    @asynccontextmanager
    async def open(
        self, endpoint: Endpoint, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A good response, its body not yet read; leaving before the body's end drops the connection."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        # A lone surrogate from a browser becomes "?"; uncompressed, because compressing proxies hold tokens back
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        method, url = "GET" if data is None else "POST", f"{base_url(endpoint.url)}/{path}"
        async with self._session.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            if response.status == 404:
                self._first_listed = None  # another model may be served there now
            if not 200 <= response.status < 300:
                raise await _refusal(response)
            if response.content_type == "text/html":
                raise ModelUnavailable("answered with a web page: is this the address of a model server?")
            yield response

    async def models(self, endpoint: Endpoint) -> list[ModelInfo]:
        """The models that the server lists, in its order."""
        async with self.open(endpoint, "models") as response:
            body = await _text(response)
        try:
            return [_info(model) for model in json.loads(body)["data"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ModelUnavailable(f"answered no list of models: {body}") from None

    async def model(self, endpoint: Endpoint) -> str:
        """The model to ask for: the endpoint's own, else the first one listed (asked once for an address)."""
        if endpoint.model:
            return endpoint.model
        if self._first_listed is None or self._first_listed[0] != endpoint.url:
            models = await self.models(endpoint)
            if not models:
                raise ModelUnavailable("lists no model")
            self._first_listed = endpoint.url, models[0].id
        return self._first_listed[1]

    @asynccontextmanager
    async def reported(self, endpoint: Endpoint) -> AsyncIterator[None]:
        """Every failure inside as an error of ours that names the server, its words cleaned, its key blotted out."""
        try:
            yield
        except (ModelError, aiohttp.ClientError, TimeoutError, OSError) as error:
            words = self._words(error)
            if len(endpoint.key) >= _SHORTEST_SECRET:
                words = words.replace(endpoint.key, "***")
            words = f"the model server {_origin(endpoint.url)} {_plain(words)}"
            if isinstance(error, ModelError):
                error.args = (words,)
                raise
            raise ModelUnavailable(words) from None  # some of aiohttp's errors carry the headers, thus the key

    async def close(self) -> None:
        """Drop every connection."""
        if self._session is not None:
            await self._session.close()

    def _words(self, error: Exception) -> str:
        if isinstance(error, ModelError):
            return str(error)
        if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
            # its text is the address, perhaps with a password in it
            return "has no usable address"
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"could not be connected to within {self._connect_s:g} s"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"cannot be reached: {error}"
        if isinstance(error, TimeoutError):
            return "did not answer in time"
        return f"broke the connection: {type(error).__name__} {error}"


def _info(model: Mapping[str, Any]) -> ModelInfo:
    length = model.get("max_model_len") or (model.get("meta") or {}).get("n_ctx")  # vLLM, llama.cpp
    return ModelInfo(str(model["id"]), length if isinstance(length, int) else None)


async def _refusal(response: aiohttp.ClientResponse) -> ModelError:
    if 300 <= response.status < 400:
        to = response.headers.get("Location", "nowhere")
        return ModelUnavailable(f"answered {response.status}: it redirects to {to}; set the final address")
    error = said_error(await _text(response), response.status)
    retry_after = response.headers.get("Retry-After", "")
    if isinstance(error, ModelUnavailable) and retry_after.isdecimal():  # the other form, a date, is not for seconds
        return Busy(str(error), float(retry_after))
    return error


async def _text(response: aiohttp.ClientResponse) -> str:
    """The body, up to a limit."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LIMIT:
            break
    return body.decode("utf-8", "replace")


def _origin(url: str) -> str:
    """The address as it may be shown: without path, name and password."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "(address not valid)"


def _plain(text: str) -> str:
    """Somebody else's text, fit for a log line: one line, printable, short."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 10 * _WORDS]).split())
    return text if len(text) <= _WORDS else text[: _WORDS - 1] + "…"
