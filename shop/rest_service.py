"""One call of a merchant's REST service: a path with ids in it, a time limit, a second attempt, a limit of size, and an
answer that is read strictly. Knows no shop. It logs nothing, and no error of it holds the key, an id or a body."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from shop.columns import clean
from shop.errors import OrderNotFound, Refused, ShopUnavailable
from shop.rest_bodies import Problem

MOST_BYTES = 2_000_000  # of an answer
MOST_ID_CHARS = 200  # encoded, a character takes up to twelve in a URL

Answer = TypeVar("Answer", bound=BaseModel)


class RestService:
    """The service at `url`, asked with the bearer key `key`; a call takes `timeout_s` seconds at most.

    ValueError: `url` is not http(s)://host[:port][/path], or `key` is not of visible ASCII characters.
    """

    def __init__(self, url: str, key: str, timeout_s: float, transport: httpx.AsyncBaseTransport | None) -> None:
        if not re.fullmatch(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?(/[^?#\s]*)?", url):
            raise ValueError("the URL of the shop's service is not like https://shop.example/kefu")
        if not re.fullmatch(r"[!-~]+", key):
            raise ValueError("the key of the shop's service is not of visible ASCII characters")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            # uncompressed, so that the limit of size holds for what is unpacked, too
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json", "Accept-Encoding": "identity"},
            # a cookie that came with one customer's answer must not go along with another's question
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            timeout=None,  # _send has one for the whole call
            transport=transport,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self, answer: type[Answer], call: str, ids: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        """As `find`, where there is always an answer."""
        found = await self.find(answer, call, ids, **options)
        if found is None:
            raise ShopUnavailable(f"{call}: not found")
        return found

    async def find(
        self,
        answer: type[Answer],
        call: str,
        ids: Mapping[str, str] | None = None,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """What the service answers to `call`, for example "GET /products/{id}" with `ids` {"id": "p1"}; None for its
        `not_found`. Refused when a rule of it says no. ShopUnavailable, naming the call and nothing that was sent or
        came back, when it does not answer as it should."""
        method, path = call.split(" ")
        if not all(map(fits, (ids or {}).values())):
            raise ShopUnavailable(f"{call}: an id that no path can hold")
        url = self._url + path.format_map({name: quote(id, safe="") for name, id in (ids or {}).items()})
        content = None if body is None else clean(json.dumps(body.model_dump(), ensure_ascii=False)).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        request = self._client.build_request(
            method, url, params=list(params), content=content, headers=kind | dict(headers or {})
        )
        status, text = await self._send(call, request)
        if status == 200 and (found := _read(answer, text)):
            return found
        if status in (404, 409) and (problem := _read(Problem, text)):
            if problem.code == "not_found":
                return None
            if problem.code == "order_not_found":
                raise OrderNotFound(problem.values.get("number", ""))
            raise Refused(problem.code, **{str(name): value for name, value in problem.values.items()})
        wrong = "a body that the description does not allow" if status in (200, 404, 409) else "no answer to use"
        raise ShopUnavailable(f"{call}: status {status}, {wrong}")

    async def _send(self, call: str, request: httpx.Request) -> tuple[int, bytes]:
        """Status and body, after a second attempt if the connection broke: no call of the description does more when
        it comes twice."""
        failure = ""
        try:
            async with asyncio.timeout(self._timeout_s):
                try:
                    return await self._attempt(request)
                except (httpx.NetworkError, httpx.RemoteProtocolError):
                    return await self._attempt(request)
        except (TimeoutError, httpx.HTTPError, TooLong) as error:
            failure = type(error).__name__  # its text may quote a header or a URL
        # outside of the `except`, so that no traceback shows the error that does
        raise ShopUnavailable(f"{call}: {failure}")

    async def _attempt(self, request: httpx.Request) -> tuple[int, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise httpx.DecodingError("compressed, though that was not accepted")
            text = b""
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > MOST_BYTES:
                    raise TooLong
            return response.status_code, text
        finally:
            await response.aclose()


class TooLong(Exception):
    """An answer of more than MOST_BYTES."""


def fits(id: str) -> bool:
    """Whether an id, percent-encoded, stays the piece of a path that it is: servers and proxies resolve dots, and some
    do so after decoding."""
    pieces = re.split(r"[/\\]", id)
    return 0 < len(id) <= MOST_ID_CHARS and id.isprintable() and not {".", ".."} & set(pieces)


def _read(answer: type[Answer], text: bytes) -> Answer | None:
    """The body, if it is one, with an offset at every time."""
    try:
        found = answer.model_validate_json(text, strict=True)
    except ValidationError:  # holds the body
        return None
    return found if _aware(found) else None


def _aware(value: object) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, BaseModel):
        return all(_aware(item) for _, item in value)
    if isinstance(value, dict):
        return all(map(_aware, value.values()))
    return all(map(_aware, value)) if isinstance(value, tuple) else True
