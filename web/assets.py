"""Files of the page: Chainlit's built ones, compressed once and cached for ever; ours, asked about at each visit."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path

from chainlit.server import build_dir
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kefu.config import ROOT

PUBLIC = ROOT / "public"
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # their names carry a hash of their content
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".jsx": "text/javascript"}
_WORTH_COMPRESSING = 1024


class PublicFiles(StaticFiles):
    """Our own files: a browser keeps them but asks each time whether they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def router() -> APIRouter:
    files = APIRouter(include_in_schema=False)
    built = {
        file.name: file for file in (Path(build_dir) / "assets").iterdir() if file.is_file() and file.suffix != ".map"
    }

    @files.get("/assets/{name}")
    async def asset(request: Request, name: str) -> Response:
        if name not in built:
            raise HTTPException(404, "No such file.")
        file = built[name]
        media = _TYPES.get(file.suffix) or mimetypes.guess_type(name)[0]
        if "gzip" in request.headers.get("accept-encoding", "") and file.stat().st_size > _WORTH_COMPRESSING:
            headers = _FOR_EVER | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return Response(await asyncio.to_thread(_compressed, file), media_type=media, headers=headers)
        return FileResponse(file, media_type=media, headers=_FOR_EVER | {"Vary": "Accept-Encoding"})

    @files.get("/favicon")
    async def favicon() -> FileResponse:
        return FileResponse(PUBLIC / "favicon.svg", headers={"Cache-Control": "no-cache"})

    @files.get("/favicon.ico")
    async def favicon_as_asked_unasked() -> FileResponse:
        return await favicon()

    @files.get("/avatars/{name}")
    async def avatar(name: str) -> FileResponse:
        """The shop's mark stands beside every answer, whatever the shop is called."""
        return FileResponse(PUBLIC / "mark.svg", headers={"Cache-Control": "no-cache"})

    @files.get("/logo")
    async def logo(theme: str = "light") -> FileResponse:
        name = "logo_dark.svg" if theme == "dark" else "logo_light.svg"
        return FileResponse(PUBLIC / name, headers={"Cache-Control": "no-cache"})

    return files


@lru_cache(maxsize=64)
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), 6, mtime=0)
