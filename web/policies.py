"""A policy as a page of its own, for people who open a source in a tab. Reads the file at each visit: no cache."""

from __future__ import annotations

import html
import re
from datetime import date
from pathlib import Path
from string import Template

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from kefu.desk import Desk
from kefu.words import say
from rag.policy_file import FrontMatter, Section, read_policy
from web.html import ChatPage
from web.locales import language_of

_TEMPLATE = Template((Path(__file__).parent / "policy.html").read_text(encoding="utf-8"))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Raw HTML stays text, `javascript:` links stay text, pictures stay text
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def router(desk: Desk, page: ChatPage) -> APIRouter:
    policies = APIRouter(include_in_schema=False)

    @policies.api_route("/policies/{language}/{topic}", methods=["GET", "HEAD"])
    def policy(request: Request, language: str, topic: str) -> Response:
        """In a thread: it reads a file."""
        found = _read(desk.settings.policies, language, topic)
        if found is None:
            return missing(desk, page, request)
        front, sections = found
        values = {
            "lang": html.escape(language),
            "title": html.escape(front.title),
            "body": f"<h1>{html.escape(front.title)}</h1>" + "".join(map(_section, sections)),
        }
        return _page(desk, page, language_of(language, desk.settings.default_language), values)

    return policies


def missing(desk: Desk, page: ChatPage, request: Request) -> Response:
    """What stands where nothing is."""
    language = language_of(request.headers.get("accept-language"), desk.settings.default_language)
    said = html.escape(say(language, "page_missing"))
    return _page(desk, page, language, {"lang": language, "title": said, "body": f"<h1>{said}</h1>"}, 404)


def _page(desk: Desk, page: ChatPage, language: str, values: dict[str, str], status: int = 200) -> HTMLResponse:
    shop, back = html.escape(desk.settings.shop_name), html.escape(say(language, "back_to_chat"))
    text = _TEMPLATE.substitute(values, shop=shop, back=back, colours=page.colours())
    return HTMLResponse(text, status, headers={"Cache-Control": "no-cache"})


def _read(folder: Path, language: str, topic: str) -> tuple[FrontMatter, list[Section]] | None:
    """The policy, if it is in force today."""
    if not (_NAME.fullmatch(language) and _NAME.fullmatch(topic)):
        return None
    file = (folder / language / f"{topic}.md").resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        return None
    front, sections, _ = read_policy(file.read_bytes(), topic)
    today = date.today()
    if front is None or (front.effective_from or today) > today or (front.effective_until or today) < today:
        return None
    return front, sections


def _section(section: Section) -> str:
    heading = f"<h2>{html.escape(section.heading)}</h2>" if section.heading else ""
    return f'<section id="s{section.number}">{heading}{_MARKDOWN.render(section.text)}</section>'
