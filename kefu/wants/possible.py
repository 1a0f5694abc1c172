"""Questions whether something is possible, as what they ask for: "can I return it?" -> "return". Text in, text out."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from rag.diacritics import restore

# What makes a question of a request, at its beginning or at its end
_ASKING = {
    "en": (
        r"^\W*(?:(?:so|and|but|ok|okay|then)\W+)*"
        r"(?:(?:can|could|may|might) (?:i|we|you)|is it possible to|am i able to)(?: also| maybe| please)*\s"
    ),
    "zh": r"(?:可不可以|能不能|可以|可否|能否|能)|[吗么嘛]\W*$",
    "vi": r"\bcó thể\b|(?:\bcó\s+)?\b(?:được|đc|kịp)\s+(?:không|ko|chứ|chưa|hông)(?:\s+(?:ạ|shop|vậy|nhỉ|em|bạn))*\W*$",
    "th": r"(?:ได้|ทัน)(?:ไหม|มั้ย|มัย|หรือเปล่า|รึเปล่า|ป่าว|ป่ะ|ปะ|หรือไม่)(?:คะ|ค่ะ|ครับ|คับ|นะ)*\W*$",
}
_ASKED = {language: re.compile(pattern, re.IGNORECASE) for language, pattern in _ASKING.items()}
_POINTING = re.compile(
    r"\b(?:it|this(?: one)?|that one|that(?=\W*$)|these|those|them)\b|(?:把)?(?:[这這那][个件单條条双]?|它)"
    r"|\b(?:(?:cái|món|đơn|chiếc|áo|hàng) )?(?:nó|này|đó|kia)\b"
    r"|(?:อัน|ตัว|ชิ้น|ออเดอร์|คำสั่งซื้อ|รายการ|พัสดุ|ของ)?(?:นี้|นั้น)|มัน",
    re.IGNORECASE,
)
# "Can I still …?" is about something that one has
_STILL = re.compile(r"\bstill\b|[还還]|来得及|\b(?:còn|vẫn|kịp)\b|ยัง|ทัน", re.IGNORECASE)
_THIS_ORDER = {"en": "this order", "zh": "这个订单", "vi": "đơn này", "th": "คำสั่งซื้อนี้"}
_BARE = 8  # characters: "取消", "hủy", "ยกเลิก" with nothing beside them


class Asked(NamedTuple):
    """What a question asks for, in the likeliest words first. `this`: of something that is in view, as it points there
    ("it", "这个", "อันนี้", "still") or names nothing at all."""

    words: tuple[str, ...]
    this: bool


def asked_for(text: str, language: str) -> Asked | None:
    """None for a text that does not ask whether something is possible."""
    text = unicodedata.normalize("NFC", text)
    text = restore(text) if language == "vi" else text
    asking = _ASKED.get(language)
    if asking is None or not asking.search(text):
        return None
    asked = " ".join(asking.sub(" ", text).split()).strip("?？!. ")
    rest = " ".join(_STILL.sub(" ", asked).split())
    bare = " ".join(_POINTING.sub(" ", rest).split())
    if not bare:
        return None
    this = bare != asked or len(bare) <= _BARE
    return Asked((rest, f"{bare} {_THIS_ORDER[language]}", bare) if this else (rest,), this)
