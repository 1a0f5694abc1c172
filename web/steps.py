"""What the page is told, in Chainlit's own shapes: one place for the live answer and for a conversation read again.

Every id follows from the question's, so that an answer is the same thing before and after a reload.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from kefu.events import Citation, Notice, Source
from kefu.words import say

Step = dict[str, Any]
Element = dict[str, Any]

# Characters that Chainlit's Markdown would read as a directive (`:name`, which swallows the name), a deletion (`3~5`)
# or a picture. None of them is meant so in an answer.
_WIDE_STOPS = tuple("。！？；：，）」』”")
_UNMEANT = re.compile(r"~|:(?=[^\W\d_])|!(?=\[)")


def run_id(question: str) -> str:
    """The id of the bracket around an answer; the page sends it back with a thumb."""
    return f"run:{question}"


def question_of(run: str) -> str:
    """The question whose bracket this is."""
    return run.removeprefix("run:")


def answer_id(question: str) -> str:
    return f"answer:{question}"


def href(source_id: str) -> str:
    """The address of a source's text: `vi/returns#2.3` is in section 2 of /policies/vi/returns."""
    path, _, section = source_id.partition("#")
    return f"/policies/{path}#s{section.split('.')[0]}"


def markdown(text: str, citations: Iterable[Citation], sources: Sequence[Source], notices: Iterable[Notice]) -> str:
    """The answer as the page shows it: a small link after each sentence to what it rests on; our sentences last."""
    by_number = {source.number: source for source in sources}
    cited = sorted(citations, key=lambda c: c.end)
    order = _order(cited)
    parts, shown = list[str](), 0
    for citation in cited:
        parts.append(plain(text[shown : citation.end]))
        shown = citation.end
        parts += [_mark(order[n], by_number[n], text[:shown]) for n in citation.sources if n in by_number]
    parts.append(plain(text[shown:]))
    blocks = ["".join(parts), *(_quoted(notice.text) for notice in notices)]
    return "\n\n".join(block for block in blocks if block)


def plain(text: str) -> str:
    """The text without what Chainlit's Markdown would read into it."""
    return _UNMEANT.sub(r"\\\g<0>", text)


def _order(citations: Iterable[Citation]) -> dict[int, int]:
    """Source number -> the number that the shopper sees: 1, 2, … as they come up in the answer."""
    numbers = [n for citation in sorted(citations, key=lambda c: c.end) for n in citation.sources]
    return {number: shown for shown, number in enumerate(dict.fromkeys(numbers), 1)}


def _mark(number: int, source: Source, before: str) -> str:
    title = re.sub(r'["\\\s]+', " ", f"{source.title} › {source.heading}" if source.heading else source.title)
    # The space that does not break also ends a web address or a "!"; a full-width stop brings its own
    space = "" if before[-1:] in _WIDE_STOPS else "\u00a0"
    return f'{space}[{number}]({href(source.id)} "{title}")'


def _quoted(text: str) -> str:
    return "\n".join(f"> {plain(line)}" for line in text.splitlines())


def question_step(id: str, conversation: str, text: str, at: str) -> Step:
    return _step(id, conversation, "user_message", "guest", at, output=text)


def run_step(question: str, conversation: str, at: str, end: str | None, feedback: Step | None = None) -> Step:
    """The bracket around an answer: open while it is being written, and what a thumb is given to."""
    return _step(run_id(question), conversation, "run", "on_message", at, end, parent=question) | {"feedback": feedback}


def thinking_step(question: str, conversation: str, name: str, text: str, at: str, end: str | None) -> Step:
    """What the model thought before it answered, closed until somebody opens it."""
    id, parent = f"thinking:{question}", run_id(question)
    return _step(id, conversation, "tool", name, at, end, parent=parent, output=text, streaming=end is None)


def answer_step(question: str, conversation: str, shop: str, text: str, at: str, *, streaming: bool = False) -> Step:
    id, parent = answer_id(question), run_id(question)
    return _step(id, conversation, "assistant_message", shop, at, parent=parent, output=text, streaming=streaming)


def _step(
    id: str, conversation: str, type: str, name: str, at: str, end: str | None = None, *,
    parent: str | None = None, output: str = "", streaming: bool = False,
) -> Step:  # fmt: skip
    return {
        "id": id,
        "threadId": conversation,
        "parentId": parent,
        "type": type,
        "name": name,
        "input": "",
        "output": output,
        "createdAt": at,
        "start": at,
        "end": end or (None if type in ("run", "tool") else at),
        "streaming": streaming,
        "isError": False,
        "metadata": {},
    }


def sources_stand(text: str, notices: Iterable[Notice]) -> bool:
    """Whether the sources belong under an answer: under one with a text, and under the sentence that points to them."""
    return bool(text) or any(notice.code == "wrong_language" for notice in notices)


def sources_element(
    question: str, conversation: str, language: str, sources: Sequence[Source], citations: Iterable[Citation]
) -> Element | None:
    """The row of sources under an answer: those its sentences rest on; where none could be told, all it was given."""
    order = _order(citations) or {source.number: source.number for source in sources}
    shown = sorted((source for source in sources if source.number in order), key=lambda source: order[source.number])
    if not shown:
        return None
    props = {
        "label": say(language, "sources_label"),
        "open": say(language, "open_policy"),
        "sources": [
            source.model_dump(include={"title", "heading", "language", "text"})
            | {"number": order[source.number], "href": href(source.id)}
            for source in shown
        ],
    }
    return {
        "id": f"sources:{question}",
        "threadId": conversation,
        "forId": answer_id(question),
        "type": "custom",
        "name": "Sources",
        "display": "inline",
        "mime": "application/json",
        "props": props,
    }


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
