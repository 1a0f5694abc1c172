"""A streamed body: bytes in, the data of each event out. Knows no HTTP and not what the data means."""

from __future__ import annotations

from kefu.events import ModelUnavailable

LIMIT = 1 << 20  # bytes of one event: a thousand times a usual one, yet no danger to our memory


class EventParser:
    """Server-sent events, cut anywhere. A line ends in LF, CR or CRLF, none of them part of another UTF-8 character:
    bytes can be split into lines first and decoded then."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._first = True  # the very first line may begin with a byte order mark
        self._after_cr = False  # a LF that opens the next piece belongs to the CR that closed this one
        self._line = b""  # the unfinished line
        self._data: list[bytes] = []  # the unfinished event
        self._size = 0

    def feed(self, piece: bytes) -> list[str]:
        """The data of every event that this piece completes."""
        if self._after_cr:
            piece = piece.removeprefix(b"\n")
        self._after_cr = piece.endswith(b"\r")
        lines = (self._line + piece).splitlines(keepends=True)
        self._line = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        _check(len(self._line), self._limit)
        return [data for line in lines if (data := self._take(line.rstrip(b"\r\n"))) is not None]

    def end(self) -> list[str]:
        """The stream is over: an event whose closing blank line was never sent counts too."""
        return self.feed(b"\n\n")

    def _take(self, line: bytes) -> str | None:
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        if not line:
            return self._event()
        field, _, value = line.partition(b":")
        if field == b"data":  # comments (an empty field name), event, id and retry say nothing to us
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            _check(self._size, self._limit)
        return None

    def _event(self) -> str | None:
        if not self._data:
            return None
        data, self._data, self._size = b"\n".join(self._data), [], 0
        return data.decode("utf-8", "replace")


class WholeBody:
    """The same for a server that does not stream: the body is the one event."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._body = b""

    def feed(self, piece: bytes) -> list[str]:
        """Keeps the piece."""
        self._body += piece
        _check(len(self._body), self._limit)
        return []

    def end(self) -> list[str]:
        """The body, unless it was empty."""
        return [self._body.decode("utf-8", "replace")] if self._body.strip() else []


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise ModelUnavailable(f"sent an event longer than {limit:,} bytes")
