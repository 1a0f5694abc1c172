"""What Vietnamese writing is made of: syllables with and without marks, and the short forms that shoppers type.

Knows nothing of how likely a word is: that is diacritics.py's business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rag.tokens import strip_marks

# What a run of words holds besides syllables: its two ends, a number or code, a word that is not Vietnamese
START, END, NUMBER, FOREIGN = "<", ">", "0", "#"
MARKERS = (START, END, NUMBER, FOREIGN)

# An initial and a rhyme, both without marks; q and gi are initials that take some of the rhyme's letters
_SYLLABLE = re.compile(
    r"(?:b|ch?|d|gh?|h|kh?|l|m|n|ngh?|nh|ph?|r|s|th?|tr|v|x)?"
    r"(?:a|ac|ach|ai|am|an|ang|anh|ao|ap|at|au|ay|e|ec|ech|em|en|eng|enh|eo|ep|et|eu|i|ia|ich|iec|iem|ien|ieng|iep|iet"
    r"|ieu|im|in|inh|ip|it|iu|o|oa|oac|oach|oai|oam|oan|oang|oanh|oao|oap|oat|oay|oc|oe|oen|oeo|oet|oi|om|on|ong|ooc"
    r"|oong|op|ot|u|ua|uan|uang|uat|uay|uc|ue|uech|uenh|ui|um|un|ung|uo|uoc|uoi|uom|uon|uong|uop|uot|uou|uu|uy|uya"
    r"|uych|uyen|uyet|uynh|uyt|uyu|up|ut|y|yem|yen|yet|yeu)"
    r"|qu(?:a|ac|ach|ai|am|an|ang|anh|ao|ap|at|au|ay|e|en|eo|et|i|it|o|oc|on|ot|y|yen|yet|ynh|yt)"
    r"|gi(?:a|ac|ach|ai|am|an|ang|anh|ao|ap|at|au|ay|e|em|en|eo|ep|et|o|oc|oi|om|on|ong|op|ot|u|ua|uc|ui|um|un|ung|uoc"
    r"|uoi|uon|uong|up|ut)"
)

_LONGEST = len("nghiêng")

# "hoà", decomposed, whose tone most write on the first vowel: "hòa"
_TONE_LATE = re.compile(r"(?<!q)([ou])([aey])([\u0300\u0301\u0303\u0309\u0323])(?![\w\u0300-\u036f])", re.IGNORECASE)

# The short forms of chat and what each may stand for. Those that are also units stay after a number ("20 k"), single
# letters also after "size".
SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "a": ("anh",), "b": ("bạn",), "bh": ("bảo hành", "bây giờ", "bao giờ"), "bit": ("biết",), "bn": ("bao nhiêu",),
    "bt": ("bình thường", "biết"), "c": ("chị",), "ck": ("chuyển khoản",), "cx": ("cũng",), "dc": ("được", "địa chỉ"),
    "dh": ("đơn hàng",), "dt": ("điện thoại",), "e": ("em",), "h": ("giờ",), "hd": ("hóa đơn", "hướng dẫn"),
    "hem": ("không",), "hk": ("không",), "hnay": ("hôm nay",), "hok": ("không",), "j": ("gì",), "k": ("không",),
    "kh": ("không", "khách hàng"), "km": ("khuyến mãi",), "ko": ("không",), "kt": ("kiểm tra",), "lm": ("làm",),
    "lun": ("luôn",), "m": ("mình",), "mik": ("mình",), "mk": ("mình", "mật khẩu"), "mn": ("mọi người",),
    "ms": ("mới",), "nc": ("nước",), "ng": ("người",), "nhiu": ("nhiêu",), "nt": ("nhắn tin",),
    "ntn": ("như thế nào",), "nv": ("nhân viên",), "nx": ("nữa",), "qc": ("quảng cáo",), "r": ("rồi",),
    "sdt": ("số điện thoại",), "sp": ("sản phẩm",), "sz": ("size",), "tgian": ("thời gian",), "thik": ("thích",),
    "tk": ("tài khoản",), "tks": ("cảm ơn",), "trc": ("trước",), "tt": ("thanh toán",), "v": ("vậy",),
    "vc": ("vận chuyển",), "vs": ("với",), "z": ("vậy",),
}  # fmt: skip
_UNITS = {"b", "c", "h", "k", "kh", "km", "m", "v"}
_AMOUNT = re.compile(r"\d{1,4}")
_SIZES = {"size", "sz"}

_PIECE = re.compile(
    r"(?P<other>(?:https?://|www\.)\S+|[\w.+-]{1,64}@\w[\w.-]*|@\w+)"
    r"|(?P<number>[^\W_]*\d(?:[^\W_]|[-.,/:_](?=\w))*)"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<stop>[.,;:!?…()\[\]{}\"“”«»\n\r|/–—])"
)


@dataclass(frozen=True)
class Word:
    """A piece of a text between `start` and `end`: `bare` is its syllable without marks, or one of MARKERS."""

    start: int
    end: int
    text: str
    bare: str
    short_for: tuple[str, ...] = ()

    @property
    def syllable(self) -> str:
        """The syllable as written, lower-cased; a marker stands for itself."""
        return self.bare if self.bare in MARKERS else spell(self.text)

    @property
    def marked(self) -> bool:
        return self.bare not in MARKERS and self.syllable != self.bare


def runs(text: str) -> Iterator[list[Word]]:
    """The words between two stops, in order. The text must be in NFC."""
    run: list[Word] = []
    shouting = text.isupper()
    for match in _PIECE.finditer(text):
        if match.lastgroup == "stop":
            if run:
                yield run
            run = []
        else:
            run.append(_word(match, run[-1] if run else None, shouting))
    if run:
        yield run


def _word(match: re.Match[str], before: Word | None, shouting: bool) -> Word:
    text = match.group()
    if match.lastgroup != "word":
        return Word(*match.span(), text, NUMBER if match.lastgroup == "number" else FOREIGN)
    lowered = text.lower()
    short_for = SHORT_FORMS.get(lowered.replace("đ", "d"), ())
    if short_for and before and (_keeps(lowered, before) or (text.isupper() and not shouting)):
        return Word(*match.span(), text, FOREIGN)
    bare = strip_marks(text) if len(text) <= _LONGEST else ""
    return Word(*match.span(), text, bare if is_syllable(bare) else FOREIGN, short_for)


def _keeps(short: str, before: Word) -> bool:
    """Whether the word before makes a unit or a size of it."""
    after_amount = short in _UNITS and _AMOUNT.fullmatch(before.text) is not None
    return after_amount or (len(short) == 1 and before.text.lower() in _SIZES)


@lru_cache(maxsize=8192)
def is_syllable(bare: str) -> bool:
    """Whether Vietnamese has a syllable that looks so without its marks: "nghieng" yes, "size" no."""
    return _SYLLABLE.fullmatch(bare) is not None


def one_spelling(text: str) -> str:
    """The text in NFC, a tone mark where most write it: both "hoà" and "hòa" are in use, one is enough."""
    return unicodedata.normalize("NFC", _TONE_LATE.sub(r"\1\3\2", unicodedata.normalize("NFD", text)))


@lru_cache(maxsize=8192)
def spell(word: str) -> str:
    """One syllable lower-cased in its one spelling: "Hoà" -> "hòa"."""
    return one_spelling(word.lower())
