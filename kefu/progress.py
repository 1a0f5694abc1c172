"""Progress bars for the long steps: downloads in bytes, indexing in passages. Draws only on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A callable (what, done, total) that shows a bar for each `what`; safe from several threads.
    Where no terminal is attached it prints one line when a step begins and one when it is done."""
    if not console.is_terminal:
        yield _plain(console)
        return
    tasks: dict[str, TaskID] = {}
    lock = threading.Lock()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:

        def show(what: str, done: int, total: int) -> None:
            with lock:
                if what not in tasks:
                    tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield show


def _plain(console: Console) -> Callable[[str, int, int], None]:
    begun: set[str] = set()
    ended: set[str] = set()

    def show(what: str, done: int, total: int) -> None:
        if what not in begun and done < total:
            begun.add(what)
            console.print(f"{what} …", highlight=False)
        if what not in ended and done >= total and what in begun:
            ended.add(what)
            console.print(f"{what}: done", highlight=False)

    return show
