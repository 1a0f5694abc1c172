"""docs/shop-openapi.yaml, read, and whether a request, an answer or a value is what it allows."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from aiohttp import web
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

DESCRIPTION = Path(__file__).parent.parent / "docs" / "shop-openapi.yaml"


@cache
def description() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8"))
    return document


def errors(schema: dict[str, Any], value: object) -> list[str]:
    """Why a value is not what a schema of the description allows."""
    validator = Draft202012Validator({"allOf": [schema], "components": description()["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a $ref of the description stands for."""
    while "$ref" in part:
        name = part["$ref"].removeprefix("#/").split("/")
        part = description()
        for piece in name:
            part = part[piece]
    return part


def operation(method: str, raw_path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
    """The operation that a request stands for, with its parameters, and the ids in its path."""
    for template, item in description()["paths"].items():
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), raw_path)
        if found and method.lower() in item:
            parameters = [*item.get("parameters", []), *item[method.lower()].get("parameters", [])]
            ids = {name: unquote(value) for name, value in found.groupdict().items()}
            return item[method.lower()] | {"parameters": [resolved(each) for each in parameters]}, ids
    return None


async def breaches_of_request(request: web.Request) -> list[str]:
    """What about a request the description does not allow."""
    known = operation(request.method, request.raw_path.partition("?")[0])
    if known is None:
        return [f"no operation {request.method} {request.raw_path}"]
    allowed, ids = known
    found = []
    for each in allowed["parameters"]:
        query = request.query.getall(each["name"], [])
        given: object = {"path": ids.get(each["name"]), "header": request.headers.get(each["name"])}.get(each["in"])
        if each["in"] == "query":
            given = query if each["schema"]["type"] == "array" else int(query[0]) if query else None
        found += errors(each["schema"], given)
    found += [f"unknown {name}" for name in request.query if name not in {e["name"] for e in allowed["parameters"]}]
    if "requestBody" in allowed:
        schema = allowed["requestBody"]["content"][request.content_type]["schema"]
        found += errors(schema, json.loads(await request.text()))
    elif request.can_read_body:
        found.append("a body where none is described")
    return found


def breaches_of_answer(request: web.Request, answer: web.Response) -> list[str]:
    """What about an answer the description does not allow."""
    known = operation(request.method, request.raw_path.partition("?")[0])
    if known is None:
        return [f"no operation {request.method} {request.raw_path}"]
    described = known[0]["responses"]
    content = resolved(described.get(str(answer.status), described["default"])).get("content")
    if content is None:  # an outage, whose body nobody reads
        return [] if answer.status in (401, 403, 429) or answer.status >= 500 else [f"no answer {answer.status}"]
    return errors(content[answer.content_type]["schema"], json.loads(answer.text or ""))
