"""What happens in a turn, as typed events, and the errors a turn may end in.

Every surface (browser, REST, terminal) reads this one stream. Imports nothing of ours but the shapes of cards.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from kefu.card_shapes import ApprovalCard, Card

AnswerStatus = Literal["complete", "cut", "failed"]
NoticeCode = Literal[
    "nothing_found", "not_answered", "wrong_language", "unsupported_numbers", "model_unavailable", "cut_off", "stopped",
    "too_long", "empty", "busy", "duplicate", "error",
    # Orders: what is asked back, and what a rule or the shop says
    "prove_first", "prove_secret", "prove_number", "prove_wrong", "prove_locked", "which_wish", "which_order",
    "which_item", "which_option", "which_address", "which_payment", "address_missing", "no_orders", "refused",
    "shop_unavailable", "approval_asked", "approval_refused", "nothing_to_confirm", "approval_gone",
    "unsupported_facts", "tool_limit", "human_offered", "memory", "remembered",
    "nothing_done",
    # Products
    "which_product", "which_products", "product_gone",
]  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # errors are logged


class Source(_Frozen):
    """A passage that was put before the model, as the shopper may see it. `number` counts from 1 in this answer."""

    number: int
    id: str  # "vi/returns#2": language / topic # section, from 1
    title: str  # the policy's title, in the policy's language
    heading: str  # the section's heading
    language: str  # BCP-47
    text: str  # the section's text (Markdown)
    score: float


class Citation(_Frozen):
    """Characters [start, end) of the answer rest on the sources with these numbers."""

    start: int
    end: int
    sources: tuple[int, ...]


class LanguageDetected(_Frozen):
    """The language the turn is answered in, and the evidence for it in words."""

    type: Literal["language"] = "language"
    language: str
    confidence: float
    reason: str


class Sources(_Frozen):
    """Passages the answer may rest on; sent before the first token. Empty when nothing was found."""

    type: Literal["sources"] = "sources"
    sources: tuple[Source, ...]


class Token(_Frozen):
    """The next piece of the answer's visible text."""

    type: Literal["token"] = "token"
    text: str


class Cited(_Frozen):
    """The sentence that just ended rests on these sources. Follows the sentence's last Token."""

    type: Literal["cited"] = "cited"
    citation: Citation


class Withdrawn(_Frozen):
    """The answer's text so far, and its citations, no longer hold: it is written anew, or a notice says why not."""

    type: Literal["withdrawn"] = "withdrawn"
    reason: Literal["language", "numbers", "promise", "thinking"]


class Notice(_Frozen):
    """A sentence of Kefu's own in the shopper's language: an outage, a limit, an offer. Not the model's words."""

    type: Literal["notice"] = "notice"
    code: NoticeCode
    text: str


class SaysNotice(Protocol):
    """Says a sentence by its code, with the values it names or as the `text` that it is, and keeps it."""

    def __call__(self, code: NoticeCode, text: str = "", **values: str) -> Notice: ...


class ToolStarted(_Frozen):
    """A tool runs: a look-up, or the plan of a change. `arguments` as they passed the checks."""

    type: Literal["tool_started"] = "tool_started"
    tool: str
    arguments: dict[str, object]


class ToolFinished(_Frozen):
    """The tool that started last has ended; `refused` is the rule's code where it said no, "" else."""

    type: Literal["tool_finished"] = "tool_finished"
    tool: str
    ok: bool
    refused: str = ""


class CardShown(_Frozen):
    """Facts beside the answer: an order, or several."""

    type: Literal["card"] = "card"
    card: Card


class ApprovalNeeded(_Frozen):
    """A change waits for the shopper's click, or (the same id again, another state) what became of it."""

    type: Literal["approval"] = "approval"
    card: ApprovalCard


class Trace(_Frozen):
    """For staff (`kefu ask --trace`): a step the shopper does not see. Never sent to a browser or over REST."""

    type: Literal["trace"] = "trace"
    step: str
    data: dict[str, object]


class Thinking(_Frozen):
    """For staff: the next piece of a model's thinking. Never shown to a shopper, and kept nowhere."""

    type: Literal["thinking"] = "thinking"
    text: str


class Done(_Frozen):
    """The turn is over and saved. `answer` is the whole visible text; timings are milliseconds since the turn began."""

    type: Literal["done"] = "done"
    conversation: str
    message_id: str  # of the answer
    status: AnswerStatus
    language: str
    answer: str
    citations: tuple[Citation, ...] = ()
    timings: dict[str, float] = Field(default_factory=dict)
    usage: dict[str, int] = Field(default_factory=dict)


Event = Annotated[
    LanguageDetected | Sources | Token | Cited | Withdrawn | Notice | ToolStarted | ToolFinished | CardShown
    | ApprovalNeeded | Trace | Thinking | Done,
    Field(discriminator="type"),
]  # fmt: skip


class KefuError(Exception):
    """Root of Kefu's own errors; the message is for staff and logs, never for a shopper.

    KefuError
    ├── ConfigError          a setting is wrong; says which and what to do
    ├── ModelError           anything that goes wrong with the model server
    │   ├── ModelUnavailable   not reachable, refused, timed out, 5xx, or broke before the first token
    │   ├── ModelCut           the stream ended without a finish_reason, after it had begun
    │   └── ModelRefused       4xx: the request itself is wrong (too long, unknown model, bad layout)
    ├── ModelFileError       a model file is missing, broken or cannot be fetched
    └── NotFound             a conversation or message that is not there, or belongs to someone else (alike)
    """


class ConfigError(KefuError):
    """A setting is wrong."""


class ModelError(KefuError):
    """The model server failed."""


class ModelUnavailable(ModelError):
    """Not reachable, refused, timed out, or failed before the first token."""


class ModelCut(ModelError):
    """The stream broke after it had begun."""


class ModelRefused(ModelError):
    """The server answered 4xx: the request is at fault. `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ModelFileError(KefuError):
    """A model file is missing, broken or out of reach."""


class NotFound(KefuError):
    """Missing, or not this person's."""
