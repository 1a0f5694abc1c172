"""The REST reference at /docs: Swagger UI from our own server; FastAPI's page loads it from a foreign host."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse

_STATIC = Path(str(files("fastapi_offline"))) / "static"
_FILES = {"swagger-ui.css", "swagger-ui-bundle.js"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kefu REST</title><link rel="icon" href="/public/favicon.svg"><link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/public/docs.js"></script>
</body>
</html>
"""


def router() -> APIRouter:
    pages = APIRouter(include_in_schema=False)

    @pages.get("/docs")
    async def reference() -> HTMLResponse:
        return HTMLResponse(_PAGE)

    @pages.get("/docs/{name}")
    async def file(name: str) -> FileResponse:
        if name not in _FILES:
            raise HTTPException(404, "No such file.")
        return FileResponse(_STATIC / name, headers={"Cache-Control": "public, max-age=86400"})

    return pages
