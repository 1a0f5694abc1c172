"""Which of the interface's languages a browser gets. Knows tags, no words."""

from __future__ import annotations

# The language of our words -> the name of Chainlit's interface words (.chainlit/translations, chainlit_*.md)
INTERFACE = {"en": "en-US", "zh": "zh-CN", "vi": "vi", "th": "th"}


def language_of(tag: str | None, default: str) -> str:
    """`zh`, `en`, `vi` or `th` for a browser's tag or Accept-Language header (`vi-VN,vi;q=0.9`), else the default."""
    first = (tag or "").split(",")[0].split(";")[0].strip()
    for candidate in (first, default):
        language = candidate.replace("_", "-").split("-")[0].lower()
        if language in INTERFACE:
            return language
    return "en"
