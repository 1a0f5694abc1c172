"""Detectors of the language of Latin text, behind one shape: words in, a score for each language out.

Knows no shop and no conversation. Each is made once, under a lock, and shares no state with other users of its library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from threading import Lock

try:
    import eldc  # type: ignore[import-untyped]
except ImportError:  # no wheel for Linux on aarch64
    eldc = None

Scores = Callable[[str], dict[str, float]]


class Voice(StrEnum):
    """Which detector is heard. `auto` takes eld where its wheel exists, else langdetect."""

    AUTO = "auto"
    ELD = "eld"
    LANGDETECT = "langdetect"


def _eld(languages: Sequence[str]) -> Scores:
    if eldc is None:
        raise ModuleNotFoundError("the voice eld needs eldc, which has no wheel for this machine; choose auto")
    eldc.init()
    detector = eldc.instance()
    detector.set_languages([code for code in languages if code in eldc.LANGUAGES])
    detector.set_scores(20)
    return lambda text: dict(detector.detect_details(text).scores)


def _langdetect(languages: Sequence[str]) -> Scores:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory  # type: ignore[import-untyped]
    from langdetect.lang_detect_exception import LangDetectException  # type: ignore[import-untyped]

    profiles = [Path(PROFILES_DIRECTORY, code) for code in languages]
    factory = DetectorFactory()
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in profiles if path.is_file()])
    factory.set_seed(0)  # unseeded, two runs differ in 2–4 % of the answers

    def scores(text: str) -> dict[str, float]:
        detector = factory.create()
        detector.append(text)
        try:
            return {guess.lang: guess.prob for guess in detector.get_probabilities()}
        except LangDetectException:  # no letters that any profile knows
            return {}

    return scores


_lock = Lock()


@cache
def _made(voice: Voice, languages: tuple[str, ...]) -> Scores:
    return _eld(languages) if voice is Voice.ELD else _langdetect(languages)


def choose(voice: Voice) -> Voice:
    """The voice that `auto` means on this machine."""
    if voice is not Voice.AUTO:
        return voice
    return Voice.LANGDETECT if eldc is None else Voice.ELD


def scores(voice: Voice, languages: tuple[str, ...], text: str) -> dict[str, float]:
    """What the voice says about a text; only these languages are possible."""
    with _lock:  # held to make the detector once; detecting itself is thread-safe
        detector = _made(voice, languages)
    return detector(text)
