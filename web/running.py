"""Where Chainlit's handlers find the running desk: Chainlit loads app.py by its path and can be handed nothing."""

from __future__ import annotations

from typing import cast

from chainlit.server import app as chainlit_app

from kefu.desk import Desk


def hand_over(desk: Desk) -> None:
    """Makes `desk` the one that answers. Kept on Chainlit's own app, which outlives `chainlit run -w` reloads."""
    chainlit_app.state.desk = desk


def desk() -> Desk:
    """The desk that answers."""
    return cast(Desk, chainlit_app.state.desk)
