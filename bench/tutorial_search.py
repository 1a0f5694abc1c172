"""The search of a plain tutorial, for comparison: Chroma with its default embedding function, a paragraph a document.

That function is all-MiniLM-L6-v2, an English model. Chroma downloads it at first use into its own cache
(~/.cache/chroma/onnx_models/all-MiniLM-L6-v2/onnx); where that fails, nothing is measured and the reason is told.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any

import chromadb
import httpx
import numpy as np
from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2
from numpy.typing import NDArray

from bench.retrieval_quality import Cell, asked, cell
from bench.xquad import LANGUAGES, Paragraph

_BATCH = 32
_K = 3


def measure(paragraphs: Sequence[Paragraph]) -> dict[str, Any]:
    """Every language asked of every language's paragraphs, and of all of them together: {"model": which file it was,
    "one_language": […], "all_languages": […]}, or {"not_measured": why}."""
    model = default_model()
    if isinstance(model, str):
        return {"not_measured": model}
    texts = {each: embed(model, [paragraph.texts[each] for paragraph in paragraphs]) for each in LANGUAGES}
    questions = {each: embed(model, [q.text for q in asked(paragraphs, each)]) for each in LANGUAGES}
    wanted = [q.topic for q in asked(paragraphs, "en")]
    topics = [paragraph.topic for paragraph in paragraphs]
    return {
        "model": which(model),
        "one_language": [
            {"query": query, "policies": written} | _cell({written: texts[written]}, topics, questions[query], wanted)
            for written in LANGUAGES
            for query in LANGUAGES
        ],
        "all_languages": [{"query": query} | _cell(texts, topics, questions[query], wanted) for query in LANGUAGES],
    }


def default_model() -> ONNXMiniLM_L6_V2 | str:
    """Chroma's own, ready to embed; or why there is none."""
    model = ONNXMiniLM_L6_V2()
    try:
        model(["warm"])
    except (httpx.HTTPError, ValueError, OSError) as error:
        return f"the model is not here and cannot be downloaded ({type(error).__name__}: {error})"
    return model


def which(model: ONNXMiniLM_L6_V2) -> str:
    """In words: Chroma's own download, which it checks and keeps, or a file that somebody put in its place."""
    if (model.DOWNLOAD_PATH / model.ARCHIVE_FILENAME).exists():
        return "the model as Chroma downloads it"
    file = model.DOWNLOAD_PATH / model.EXTRACTED_FOLDER_NAME / "model.onnx"
    return (
        f"the model from a file put in Chroma's cache by hand, SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}"
    )


def embed(model: ONNXMiniLM_L6_V2, texts: Sequence[str]) -> NDArray[np.float32]:
    """Each text once, whatever number of collections it is in."""
    print(f"  the tutorial's model: {len(texts)} texts", file=sys.stderr)
    batches = [model(list(texts[i : i + _BATCH])) for i in range(0, len(texts), _BATCH)]
    return np.concatenate([np.asarray(batch, dtype=np.float32) for batch in batches])


def _cell(
    texts: dict[str, NDArray[np.float32]], topics: list[str], questions: NDArray[np.float32], wanted: list[str]
) -> Cell:
    """One collection of these languages' paragraphs, as a tutorial makes it; a hit is the right paragraph in any."""
    client = chromadb.EphemeralClient()
    collection = client.create_collection("policies")
    for language, vectors in texts.items():
        collection.add(ids=[f"{language}/{topic}" for topic in topics], embeddings=vectors)
    found = collection.query(query_embeddings=questions, n_results=_K)["ids"]
    client.delete_collection("policies")
    places = []
    for ids, topic in zip(found, wanted, strict=True):
        there = [id.split("/")[1] for id in ids]
        places.append(there.index(topic) + 1 if topic in there else 0)
    return cell(places)
