"""Which language a shopper writes in, evidence by evidence, and the one table of languages.

Knows no shop rule and no text of ours; adding a language is one row here and its file in `kefu/locales`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from kefu import language_evidence as evidence
from kefu.language_voices import Voice, choose, scores

__all__ = ["LANGUAGES", "SHOP_LANGUAGES", "Detected", "Language", "Voice", "detect", "home_country", "known"]


@dataclass(frozen=True)
class Language:
    """A language that can be recognised. With `texts`, the shop itself speaks it (policies, interface, notices)."""

    code: str  # BCP-47
    name: str  # in English
    native: str
    script: str = "Latin"
    texts: bool = False
    home: str = (
        ""  # country (ISO 3166) where most of those are who write it, of those that the shop delivers to by name
    )


LANGUAGES: dict[str, Language] = {
    row.code: row
    for row in (
        Language("zh", "Chinese", "中文", "Han", texts=True, home="CN"),
        Language("en", "English", "English", texts=True),
        Language("vi", "Vietnamese", "Tiếng Việt", texts=True, home="VN"),
        Language("th", "Thai", "ไทย", "Thai", texts=True, home="TH"),
        Language("ja", "Japanese", "日本語", "Kana"),
        Language("ko", "Korean", "한국어", "Hangul"),
        Language("id", "Indonesian", "Bahasa Indonesia"),
        Language("ms", "Malay", "Bahasa Melayu"),
        Language("fr", "French", "Français"),
        Language("de", "German", "Deutsch"),
        Language("es", "Spanish", "Español"),
        Language("pt", "Portuguese", "Português"),
        Language("it", "Italian", "Italiano"),
        Language("ru", "Russian", "Русский", "Cyrillic"),
        Language("ar", "Arabic", "العربية", "Arabic"),
        Language("lo", "Lao", "ລາວ", "Lao"),
        Language("km", "Khmer", "ខ្មែរ", "Khmer"),
        Language("my", "Burmese", "မြန်မာ", "Burmese"),
    )
}


def home_country(language: str) -> str:
    """Where most of those are who write a language, as ISO code; "" for one that is written everywhere."""
    return LANGUAGES[language].home if language in LANGUAGES else ""


SHOP_LANGUAGES = tuple(code for code, row in LANGUAGES.items() if row.texts)

_OF_SCRIPT = {row.script: code for code, row in LANGUAGES.items() if row.script != "Latin"}
_LATIN = tuple(code for code, row in LANGUAGES.items() if row.script == "Latin")
_MALAY = ("id", "ms")  # one to a detector: eld hears only ms, langdetect only id

_SURE = 0.7  # confidence from which a message speaks for itself against the conversation or the browser
_DETECTOR_VOTES = 2.5  # what the detector's full certainty about three words or more weighs
_TOLD = 0.25  # share of frequent English or Vietnamese words from which a message is in no other language
_OTHER_LEAD = 0.15  # any other Latin language: its lead over en and vi, and the words it takes
_OTHER_WORDS = {Voice.ELD: 3, Voice.LANGDETECT: 4}  # langdetect is as sure of three words as of thirty


@dataclass(frozen=True)
class Detected:
    """A language, how sure it is (0 to 1), and the evidence in words."""

    language: str
    confidence: float
    reason: str


def known(code_or_locale: str | None) -> str | None:
    """The language of a code, a locale or a whole Accept-Language value: "vi_VN" -> "vi"; None if not in the table."""
    choices: list[tuple[float, str]] = []
    for part in (code_or_locale or "").split(","):
        match = re.fullmatch(r"\s*([A-Za-z]{2})(?:[-_.@][\w.@-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", part)
        if match and match[1].lower() in LANGUAGES and (weight := float(match[2] or 1)) > 0:
            choices.append((-weight, match[1].lower()))
    return min(choices, key=lambda choice: choice[0])[1] if choices else None


def detect(
    text: str,
    *,
    conversation: str | None = None,
    locale: str | None = None,
    default: str = "en",
    voice: Voice = Voice.AUTO,
) -> Detected:
    """The language to answer `text` in: its own where it tells, else the conversation's, the browser's, the default."""
    cleaned = evidence.clean(text)
    words, enough = evidence.telling_words(cleaned)
    spoken = known(conversation) or known(locale)
    written = evidence.script(cleaned)
    if written and written[0] not in _OF_SCRIPT:  # of a language that is not in the table
        written = None
    if written and not evidence.carry(words, written[2]):
        return _by_script(*written[:2])
    heard = _by_words(words, spoken, choose(voice)) if any(len(word) > 1 for word in words) else None
    sure = heard and (heard.language == spoken or heard.confidence >= (_SURE if spoken else 0.5))
    if heard and sure and (enough or not known(conversation)):
        return heard
    if written:
        return _by_script(*written[:2])
    return _by_context(conversation, locale, default, heard)


def _by_script(script: str, share: float) -> Detected:
    return Detected(_OF_SCRIPT[script], round(min(0.99, 0.5 + share / 2), 3), f"{script} script")


def _by_words(words: list[str], spoken: str | None, voice: Voice) -> Detected:
    words = evidence.without_quotes(words)
    marked = evidence.vietnamese_letters(words)
    if marked >= 0.2 * len(words):
        return Detected("vi", 0.99, f"Vietnamese letters in {marked} of {len(words)} words")
    said = scores(voice, _LATIN, " ".join(words))
    votes = evidence.vietnamese_votes(words)
    told = max(votes, evidence.english_words(words)) / len(words)
    if other := _another(said, told, len(words) >= _OTHER_WORDS[voice], spoken):
        return Detected(other, 0.85, f"n-grams ({voice}): {other}")
    logit = votes + _DETECTOR_VOTES * min(1.0, len(words) / 3) * (said.get("vi", 0.0) - said.get("en", 0.0))
    language = "vi" if logit > 0 else "en"
    return Detected(language, round(1 / (1 + math.exp(-abs(logit))), 3), f"n-grams ({voice}) and words: {language}")


def _another(said: dict[str, float], told: float, long: bool, spoken: str | None) -> str | None:
    """A Latin language beside those two, if the detector clearly leads with it or it is spoken already."""
    best = max(said, key=lambda code: said[code], default="en")
    lead = said.get(best, 0.0) - max(said.get("en", 0.0), said.get("vi", 0.0))
    language = spoken if best in _MALAY and spoken in _MALAY else "id" if best in _MALAY else best
    if told >= min(lead, _TOLD):  # toneless Vietnamese looks like Portuguese or German to a detector
        return None
    if (language == spoken and lead > 0) or (long and lead >= _OTHER_LEAD):
        return language
    return None


def _by_context(conversation: str | None, locale: str | None, default: str, heard: Detected | None) -> Detected:
    why = f"perhaps {heard.language} by itself" if heard else "says nothing by itself"
    if language := known(conversation):
        return Detected(language, 0.7, f"{why}; the conversation is in {language}")
    if language := known(locale):
        return Detected(language, 0.6, f"{why}; the browser asks for {language}")
    language = known(default) or "en"
    return Detected(language, 0.3, f"{why}; the shop's default is {language}")
