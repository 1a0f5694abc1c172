"""Why a shopper cancels or sends back, by the words of kefu/wants/words/reasons.yaml. Knows no rule about reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from kefu.wants.spoken import Said, word_list
from shop.changes import CancelReason, ReturnReason

Reason = TypeVar("Reason", CancelReason, ReturnReason)

# Where several are heard, the first of these counts: what the shop did wrong before what the shopper feels
_RETURN: tuple[ReturnReason, ...] = ("wrong_item", "faulty", "not_as_described", "does_not_fit", "changed_mind")


_CANCEL: tuple[CancelReason, ...] = ("ordered_by_mistake", "no_longer_needed")


def cancel_reason(text: str, language: str) -> CancelReason | None:
    """The reason that is given, None where none is."""
    return _first(_CANCEL, text, language)


def return_reason(text: str, language: str) -> ReturnReason | None:
    """The reason that is given, None where none is."""
    return _first(_RETURN, text, language)


def _first(reasons: Sequence[Reason], text: str, language: str) -> Reason | None:
    heard = word_list("reasons").heard(Said.of(text, language), [*reasons, "nothing"])
    return next((reason for reason in reasons if reason in heard), None)
