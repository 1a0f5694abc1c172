"""Exceptions as they may be logged: where they happened, and nothing of what a customer said or the shop knows."""

from __future__ import annotations

import traceback

# Their messages name code, files and limits, never a value that was worked on.
_TELL_NO_DATA = (AttributeError, ImportError, MemoryError, NameError, OSError, RecursionError, TypeError)


def told(error: BaseException) -> str:
    """An exception's traceback, the causes first, each with its type; its message only where that cannot quote data."""
    chain: list[BaseException] = []
    earlier: BaseException | None = error
    while earlier is not None and earlier not in chain:
        chain.append(earlier)
        earlier = earlier.__cause__ or (None if earlier.__suppress_context__ else earlier.__context__)
    return "\n".join(_one(link) for link in reversed(chain))


def _one(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    message = f": {error}" if isinstance(error, _TELL_NO_DATA) else ""
    return f"{frames}{type(error).__module__}.{type(error).__qualname__}{message}"
