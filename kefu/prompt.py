"""Turns a conversation into the messages a model gets. Append-only: what was sent stays sent, byte for byte,
so that the server's prefix cache holds. Knows no model, no database and no language but by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Literal

from kefu.control_tokens import harmless
from rag.passages import Passage

Layout = Literal["first", "system", "user"]
ChatMessage = dict[str, Any]

_PROMPTS = Path(__file__).parent / "prompts"
_MESSAGE_OVERHEAD = 5  # tokens of a chat template around one message


@dataclass(frozen=True)
class Turn:
    """One exchange as the model sees it: the system message before the question, the question, the tool calls in
    between with their results, the model's text."""

    context: str
    question: str
    answer: str = ""
    rounds: Sequence[ChatMessage] = ()


@cache
def _template(name: str) -> Template:
    return Template((_PROMPTS / f"{name}.md").read_text(encoding="utf-8").strip())


def system_prompt(shop_name: str, tools: bool = False) -> str:
    """The stable first message: the same bytes for every shopper and every turn, so that its prefix is shared.
    `tools`: the model calls them itself."""
    told = _template("system").substitute(shop_name=shop_name)
    return f"{told}\n{_template('system_tools').substitute()}" if tools else told


def estimate_tokens(text: str) -> int:
    """About how many tokens a Qwen tokenizer makes of a text: 3.8 to 5 UTF-8 bytes each in zh, vi, en and th."""
    return len(text.encode("utf-8", "replace")) // 4 + 1


def _shown(passage: Passage) -> str:
    return f"# {passage.title} › {passage.heading}\n{passage.text}"


def _sent(passage: Passage, contexts: Sequence[str]) -> bool:
    """Whether this very text stands in what the model was sent: an edited policy is sent again."""
    return any(_shown(passage) in context for context in contexts)


def fit(passages: Sequence[Passage], budget: int, contexts: Sequence[str]) -> list[Passage]:
    """The best passages whose new ones fit in `budget` tokens; those that stand in `contexts` already cost nothing.
    The first is always kept: one passage is worth more than a kept budget."""
    chosen: list[Passage] = []
    for passage in passages:
        cost = 0 if _sent(passage, contexts) else estimate_tokens(_shown(passage))
        if chosen and cost > budget:
            continue
        budget -= cost
        chosen.append(passage)
    return chosen


def context(passages: Sequence[Passage], contexts: Sequence[str], language: str, none: str = "smalltalk") -> str:
    """The system message right before a question: the passages that do not stand in `contexts` yet, and the language
    of the answer, by its English name; "" leaves that to the model. `none`: the template where there is no passage."""
    new = [_shown(p) for p in passages if not _sent(p, contexts)]
    if new:
        told = _template("context").substitute(passages="\n\n".join(new))
    else:
        told = _template("context_known" if passages else none).substitute()
    return f"{told}\n\n{_template('language').substitute(language=language)}" if language else told


def facts(found: str, language: str) -> str:
    """The system message right before a question that the shop's records answer: what was found in them."""
    told = _template("facts").substitute(facts=found)
    return f"{told}\n\n{_template('language').substitute(language=language)}" if language else told


def again(turn: Turn, why: Literal["language", "numbers"], **names: str) -> Turn:
    """The turn with a word on what was wrong with the reply before."""
    return replace(turn, context=f"{turn.context}\n\n{_template(f'again_{why}').substitute(names)}")


def messages(system: str, turns: Sequence[Turn], layout: Layout) -> list[ChatMessage]:
    """The request's messages. `layout` says where a turn's context goes: its own system message before the question
    ("system"), fenced on top of the question ("user"), or, newest only, in the first message ("first")."""
    newest = harmless(turns[-1].context) if turns else ""
    sent: list[ChatMessage] = [
        {"role": "system", "content": f"{system}\n\n{newest}" if layout == "first" and newest else system}
    ]
    for turn in turns:
        context, question = harmless(turn.context), harmless(turn.question)
        if context and layout == "system":
            sent.append({"role": "system", "content": context})
        elif context and layout == "user":
            question = f"<shop>\n{context}\n</shop>\n\n{question}"
        sent.append({"role": "user", "content": question})
        sent += turn.rounds
        if turn.answer:
            sent.append({"role": "assistant", "content": harmless(turn.answer)})
    return sent


def with_check(sent: Sequence[ChatMessage], layout: Layout) -> list[ChatMessage]:
    """The request's messages, with the question whether they hold its answer at the end."""
    asked = _template("answerable").substitute()
    if layout == "system":
        return [*sent, {"role": "system", "content": asked}]
    return [*sent[:-1], sent[-1] | {"content": f"{sent[-1]['content']}\n\n{asked}"}]


def tokens(turn: Turn) -> int:
    """Estimated tokens of a turn in the prompt."""
    parts = [part for part in (turn.context, turn.question, turn.answer) if part]
    parts += [json.dumps(message, ensure_ascii=False) for message in turn.rounds]
    return sum(estimate_tokens(part) + _MESSAGE_OVERHEAD for part in parts)


def turns_to_drop(system: str, turns: Sequence[Turn], cap: int) -> int:
    """How many of the oldest turns must go so that the prompt keeps under `cap` tokens. Once over the cap they go
    in one jump to half of it: each drop throws the prefix cache away, and what is left must be read anew."""
    sizes = [tokens(turn) for turn in turns]
    total = estimate_tokens(system) + _MESSAGE_OVERHEAD + sum(sizes)
    if total <= cap:
        return 0
    dropped = 0
    while dropped < len(turns) - 1 and total > cap // 2:
        total -= sizes[dropped]
        dropped += 1
    return dropped
