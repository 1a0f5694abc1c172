"""One writer for each store folder, for as long as it lives. Knows nothing of what is written there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TextIO

from rag.errors import IndexInUse


def lock_store(store: Path) -> TextIO:
    """The open, locked file. Closing it lets go, and so does the process's end, however it ends.
    IndexInUse when somebody else holds it."""
    file = (store / ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise IndexInUse(f"The index in {store} is being written by process {holder}; stop that one first.") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
