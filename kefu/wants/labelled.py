"""The labelled examples: examples/<language>.yaml -> messages with their intents. Knows nothing of vectors.

What is wrong in a file is said with its line, for the person who edits it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import yaml

Intent = Literal[
    "policy", "list_orders", "get_order", "track_shipment", "get_return_status", "cancel_order", "change_address",
    "return_items", "swap_items", "change_payment", "change_default_address", "human", "show_memory", "forget_me",
    "find_products", "ask_product", "compare_products", "confirm", "refuse",
]  # fmt: skip
INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)
ORDER: Final = "$order"  # stands for an order number in an example


class Example(NamedTuple):
    """A message as a shopper writes it."""

    language: str  # BCP-47, the file's name
    intent: Intent
    text: str


class BadExamples(ValueError):
    """A file of examples that cannot be used, as `file:line: what is wrong`."""

    def __init__(self, file: Path, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")


def read_examples(folder: Path) -> list[Example]:
    """Every example of the folder, file by file. BadExamples."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise BadExamples(folder, 1, "no file <language>.yaml with examples")
    return [example for file in files for example in _read(file)]


def _read(file: Path) -> list[Example]:
    """The examples of one file, checked."""
    found: dict[str, Example] = {}
    seen: set[str] = set()
    for key, messages in _parse(file).value:
        line = key.start_mark.line + 1
        intent = next((known for known in INTENTS if known == key.value), None)
        if intent is None:
            raise BadExamples(file, line, f"{key.value!r} is no intent; they are {', '.join(INTENTS)}")
        if intent in seen:
            raise BadExamples(file, line, f"{intent} is written twice")
        seen.add(intent)
        for text, line in _messages(file, messages):
            if text in found:
                raise BadExamples(file, line, f"{text!r} is already an example of {found[text].intent}")
            found[text] = Example(file.stem, intent, text)
    if missing := [intent for intent in INTENTS if intent not in seen]:
        raise BadExamples(file, 1, f"no examples of {', '.join(missing)}")
    return list(found.values())


def _parse(file: Path) -> yaml.MappingNode:
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
        # BaseLoader's nodes: the full one takes a shopper's "yes" for a truth value
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadExamples(file, line, "not UTF-8; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if not mark or mark.index >= len(text):  # something left open: the line where it opens
            mark = error.context_mark or mark
        raise BadExamples(file, mark.line + 1 if mark else 1, f"not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line, character = text[: error.position].count("\n") + 1, text[error.position]
        raise BadExamples(file, line, f"has a character that YAML forbids: U+{ord(character):04X}") from None
    if not isinstance(node, yaml.MappingNode):
        raise BadExamples(file, 1, "must be lines `intent:`, each followed by lines `- a message`")
    return node


def _messages(file: Path, node: yaml.Node) -> list[tuple[str, int]]:
    """The messages under an intent, each with its line."""
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        line, message = node.start_mark.line + 1, "no messages here: write each on a line of its own after `- `"
        raise BadExamples(file, line, message)
    for item in node.value:
        if not isinstance(item, yaml.ScalarNode) or not item.value.strip():
            message = "not a message; put one that has `: ` or begins with a sign between double quotes"
            raise BadExamples(file, item.start_mark.line + 1, message)
    return [(item.value.strip(), item.start_mark.line + 1) for item in node.value]
