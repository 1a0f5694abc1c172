"""The chat page's HTML around Chainlit's application, and the security policy that fits it. Knows no request.

Chainlit's own page asks three foreign hosts for fonts and styles; ours names none.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template

from chainlit.server import build_dir

from kefu.config import ROOT
from web.locales import INTERFACE

_TEMPLATE = Template((Path(__file__).parent / "chat.html").read_text(encoding="utf-8"))
_APP_JS = re.compile(r'<script type="module"[^>]* src="(/assets/[\w.-]+\.js)"')
_APP_CSS = re.compile(r'<link rel="stylesheet"[^>]* href="(/assets/[\w.-]+\.css)"')


class ChatPage:
    """The page that holds the chat, in each of the interface's languages. `shops`: origins whose pages may frame it."""

    def __init__(self, shop_name: str, shops: Iterable[str] = ()) -> None:
        theme = json.loads((ROOT / "public" / "theme.json").read_text(encoding="utf-8"))["variables"]
        self.theme: dict[str, dict[str, str]] = theme
        self._script = f'window.theme={_js(theme)};window.transports=["websocket"];window.global=window;'
        built = (Path(build_dir) / "index.html").read_text(encoding="utf-8")
        self._values = {
            "title": html.escape(shop_name),
            "css_title": html.escape(_css_string(shop_name), quote=False),
            "shops": html.escape(" ".join(shops).lower()),
            "script": self._script,
            "app_js": _only(_APP_JS, built),
            "app_css": _only(_APP_CSS, built),
        }

    def html(self, language: str) -> str:
        return _TEMPLATE.substitute(self._values, lang=INTERFACE[language])

    def policy(self, allowed_origins: Iterable[str]) -> str:
        """The Content-Security-Policy: nothing from elsewhere. Chainlit's custom elements need `unsafe-eval`."""
        digest = base64.b64encode(hashlib.sha256(self._script.encode()).digest()).decode()
        return "; ".join(
            [
                "default-src 'self'",
                f"script-src 'self' 'unsafe-eval' 'sha256-{digest}'",
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data: blob:",
                "font-src 'self' data:",
                "worker-src 'self' blob:",
                "connect-src 'self'",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                " ".join(["frame-ancestors 'self'", *allowed_origins]),
            ]
        )

    def colours(self) -> str:
        """The theme as CSS variables, for pages without Chainlit's application."""
        light, dark = (";".join(f"{k}:{v}" for k, v in self.theme[t].items()) for t in ("light", "dark"))
        return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _js(value: object) -> str:
    return json.dumps(value).replace("<", "\\u003c")


def _css_string(text: str) -> str:
    """A CSS string literal; everything that could end it or the style element is written as a code point."""
    return '"' + re.sub(r'[\\"<>&\x00-\x1f\x7f]', lambda m: f"\\{ord(m[0]):x} ", text) + '"'


def _only(pattern: re.Pattern[str], built: str) -> str:
    found = pattern.findall(built)
    if len(found) != 1:
        raise RuntimeError(f"Chainlit's index.html is not as expected: {pattern.pattern} found {len(found)} times")
    return str(found[0])
