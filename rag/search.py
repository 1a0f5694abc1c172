"""Which stored passages answer a question best, whatever language they are in. Knows no text of the question."""

from __future__ import annotations

from collections.abc import Callable

from rag.centring import match_language
from rag.embedder import Vectors
from rag.passages import Passage
from rag.store import Found, VectorStore

# Centred cosine below which a passage is noise. Half of all greetings and small talk find nothing above it, and the
# rest reach 0.31; right answers to terse or toneless questions begin at 0.18. A higher bar would lose those.
JUNK = 0.18
_SECOND_LANGUAGE = "en"  # for shoppers whose own language has no policies


def best_passages(
    vectors: VectorStore, query: Vectors, language: str, k: int, in_force: Callable[[Passage], bool]
) -> list[Found]:
    """At most `k`, best first. Scores of all languages compare, because both sides are centred."""
    found = _in_force(vectors, query, k, in_force)
    own = (match_language(language, found) or match_language(_SECOND_LANGUAGE, found)) if language else None
    sections: dict[tuple[str, int], list[Found]] = {}
    for hit in sorted((hit for hits in found.values() for hit in hits), key=lambda hit: (-hit.score, hit.passage.id)):
        if hit.score >= JUNK:
            sections.setdefault((hit.passage.policy, hit.passage.section), []).append(hit)
    # Sections found only in other languages may be written in the shopper's all the same
    foreign = [key for key, hits in sections.items() if own not in [hit.passage.language for hit in hits]]
    written = vectors.get(own, [f"{own}/{policy}#{section}" for policy, section in foreign]) if own and foreign else []
    versions = {(p.policy, p.section): p for p in written if in_force(p)}
    best = [hit for key, hits in sections.items() for hit in _one_language(hits, own, versions.get(key))]
    return sorted(best, key=lambda hit: -hit.score)[:k]


def _in_force(
    vectors: VectorStore, query: Vectors, k: int, in_force: Callable[[Passage], bool]
) -> dict[str, list[Found]]:
    """Each language's nearest passages in force, at least `k` where it has as many: asked for more until it does."""
    n = 4 * k
    while True:
        nearest = vectors.nearest(query, n)
        found = {lang: [hit for hit in hits if in_force(hit.passage)] for lang, hits in nearest.items()}
        if all(len(found[lang]) >= k or len(nearest[lang]) < n for lang in nearest):
            return found
        n *= 4


def _one_language(hits: list[Found], own: str | None, version: Passage | None) -> list[Found]:
    """A section's hits in the shopper's language, else its text in it, else those in the best hit's language. The
    first of them takes the best score: how well a section answers does not hang on the language it is shown in."""
    best = hits[0]
    chosen = [hit for hit in hits if hit.passage.language == own]
    if not chosen and version:
        return [Found(version, best.score)]
    chosen = chosen or [hit for hit in hits if hit.passage.language == best.passage.language]
    return [Found(chosen[0].passage, best.score), *chosen[1:]]
