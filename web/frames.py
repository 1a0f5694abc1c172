"""Fewer, larger frames: the first change is shown at once, later ones at most every 50 ms. Knows no Chainlit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

INTERVAL_S = 0.05  # a browser that draws every token by itself is busy with little else


class Frames:
    """Calls `draw` when something changed, never more often than every `interval`, and never forgets the last."""

    def __init__(self, draw: Callable[[], Awaitable[None]], interval: float = INTERVAL_S) -> None:
        self._draw = draw
        self._interval = interval
        self._drawn_at = float("-inf")
        self._timer: asyncio.Task[None] | None = None

    async def changed(self) -> None:
        """Draws now, or soon."""
        if self._timer is not None:
            return
        now = asyncio.get_running_loop().time()
        wait = self._drawn_at + self._interval - now
        if wait > 0:
            self._timer = asyncio.create_task(self._draw_after(wait))
            return
        self._drawn_at = now
        await self._draw()

    async def _draw_after(self, wait: float) -> None:
        await asyncio.sleep(wait)
        self._timer = None
        self._drawn_at = asyncio.get_running_loop().time()
        await self._draw()

    async def close(self) -> None:
        """Draws what is still waiting and leaves no timer behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._draw()
