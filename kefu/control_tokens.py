"""The control tokens of chat templates, out of texts that are not ours: servers parse `<|im_end|>` and `<tool_call>`
wherever they stand, in a shopper's message, the shop's records, a policy, or what the model itself once wrote."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"<(?=[|｜])|[|｜](?=>)"  # <|im_end|> and its like, DeepSeek's too
    r"|<(?=/?(?:tool_call|tool_response|tools|think|s|(?:start|end)_of_turn|shop|message)>)|\[(?=/?INST\])",
    re.IGNORECASE,
)


def harmless(text: str) -> str:
    """The text without control tokens and without fences like our own. To a reader it is the same."""
    return _CONTROL.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)
