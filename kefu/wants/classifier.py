"""Texts with their vectors and classes -> a linear classifier with probabilities, in numpy alone. Knows no intent.

A text is its embedding, which knows meanings, beside its short runs of characters, which tell "cancel it" from "how do
I cancel it" where the meanings are near.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.embedder import Vectors

_RUNS = (1, 2, 3)  # characters
_BUCKETS = 2048  # runs of characters are hashed into as many
_DECAY, _STEPS = 1e-5, 300  # of the weights; with more of either confidences no longer meet how often it is right


@dataclass(frozen=True)
class Classifier:
    """Logistic regression. Frozen, so safe for several threads."""

    rarity: Vectors  # (buckets,): how much a run of characters tells
    weights: Vectors  # (dimension + buckets + 1, classes)

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Vectors, classes: NDArray[np.int64]) -> Classifier:
        """From unit vectors (n, dimension) and classes (n,), counted from 0. About 3 s for 2,000 texts."""
        counts = np.stack([_count(text) for text in texts])
        rarity = np.log((1 + len(texts)) / (1 + np.count_nonzero(counts, axis=0))).astype(np.float32)
        return cls(rarity, _fit(_features(vectors, counts * rarity), classes))

    def probabilities(self, text: str, vector: Vectors) -> Vectors:
        """(classes,), together 1."""
        features = _features(vector[None], _count(text)[None] * self.rarity)
        shares: Vectors = _softmax(features @ self.weights)[0]
        return shares


def _count(text: str) -> Vectors:
    """(buckets,): how many different runs of characters fall into each."""
    text = f" {' '.join(text.lower().split())} "
    runs = {text[i : i + n] for n in _RUNS for i in range(len(text) - n + 1)}
    buckets = [zlib.crc32(run.encode()) % _BUCKETS for run in runs]
    return np.bincount(buckets, minlength=_BUCKETS).astype(np.float32)


def _features(vectors: Vectors, runs: Vectors) -> Vectors:
    """(n, dimension + buckets + 1): both parts with length 1, so that they weigh the same, and a constant."""
    runs = runs / np.maximum(np.linalg.norm(runs, axis=1, keepdims=True), 1e-9)
    return np.hstack([vectors, runs, np.ones((len(vectors), 1))]).astype(np.float32)


def _fit(features: Vectors, classes: NDArray[np.int64]) -> Vectors:
    """Nesterov's accelerated gradient descent on the mean log loss: deterministic, one matrix product forth and back a
    step."""
    n = len(features)
    wanted: Vectors = np.eye(classes.max() + 1, dtype=np.float32)[classes]
    decay = np.full((features.shape[1], 1), _DECAY, dtype=np.float32)
    decay[-1] = 0  # the constant's weights are free
    rate = np.float32(1 / (0.5 * _steepest(features) / n + _DECAY))
    weights: Vectors = np.zeros((features.shape[1], wanted.shape[1]), dtype=np.float32)
    ahead = weights
    momentum = 1.0
    for _ in range(_STEPS):
        slope: Vectors = features.T @ (_softmax(features @ ahead) - wanted) / n + decay * ahead
        before, weights = weights, ahead - rate * slope
        before_momentum, momentum = momentum, (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = weights + np.float32((before_momentum - 1) / momentum) * (weights - before)
    return weights


def _steepest(features: Vectors) -> float:
    """The largest eigenvalue of features' × features, by power iteration."""
    direction, length = np.ones(features.shape[1], dtype=np.float32), 1.0
    for _ in range(10):
        direction = features.T @ (features @ direction)
        length = float(np.linalg.norm(direction))
        direction /= length
    return length


def _softmax(scores: Vectors) -> Vectors:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
