"""Searching for a question that leans on those before it ("and to Thailand?", "那退款呢"): what to look up, and how the
results go together. Plain text and scores: knows no index, no model and no conversation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from kefu.words import is_smalltalk
from rag.index import Found

# The numbers here were tuned on one half of evals/follow_ups.yaml; bench/follow_ups.py measures both halves.
DEPTH = 10  # passages that each query should find for `merge`; with 20, what is found by both says less
_OTHER = 0.2  # what the lesser of two scores counts; from 0.13 to 0.23 little changes
_SHORT = 30  # letters: a message of no more leans on what was said before
_BARE = 16  # letters: an earlier message of no more says too little without the one before it
_ELLIPTIC = 24  # letters: a longer message says what it asks
_CHAIN = 3  # earlier messages, at most, that are searched with the question
_EARLIER_CHARS = 200  # of each: an embedding model reads about 1,000 characters, and the question is the last of them
# The same policies take 12,961 letters in English, 13,076 in Vietnamese, 10,398 in Thai and 4,587 in Chinese
_HAN_WEIGHT, _THAI_WEIGHT = 3.0, 1.25

# With these a message goes on from the one before it, however long it is
_OPENINGS = {
    "zh": ("那", "还有", "如果", "要是", "万一", "然后", "但", "可是", "不过"),
    "en": ("and", "or", "but", "also", "then", "what if", "what about", "how about"),
    "vi": ("và", "thế", "còn", "vậy", "nếu", "lỡ", "nhưng", "va", "con", "vay", "neu", "nhung"),
    "th": ("แล้ว", "ถ้า", "หาก", "แต่"),
}
# A supposition is about rules, whatever happens in it: "แล้วถ้าไม่มีคนรับล่ะคะ"
_SUPPOSITIONS = {
    "zh": ("如果", "要是", "万一"),
    "en": ("what if", "if"),
    "vi": ("nếu", "lỡ", "neu", "lo"),
    "th": ("ถ้า", "หาก"),
}
# What may come before them: "ok and to Thailand?"
_FILLERS = {
    "zh": ("好的", "好", "嗯", "哦", "噢"),
    "en": ("ok", "okay", "oh", "ah", "so"),
    "vi": ("dạ", "vâng", "à", "ừ"),
    "th": ("โอเค", "อ้อ", "อ๋อ"),
}
# Left out: what is also a pronoun or part of a common word ("us", "anh", "nhật" in "sinh nhật")
_PLACES = {
    "zh": (
        "中国", "大陆", "国内", "香港", "澳门", "台湾", "越南", "泰国", "日本", "韩国", "新加坡", "马来西亚", "美国",
        "加拿大", "英国", "德国", "法国", "欧盟", "欧洲", "澳洲", "澳大利亚", "国外", "其他国家", "别的国家", "河内",
        "胡志明", "岘港", "曼谷", "清迈", "北京", "上海", "广州", "深圳", "杭州", "成都", "广西", "云南", "台北",
        "高雄", "东京", "首尔", "吉隆坡",
    ),
    "en": (
        "mainland china", "china", "hong kong", "taiwan", "vietnam", "thailand", "japan", "korea", "singapore",
        "malaysia", "america", "usa", "canada", "uk", "england", "germany", "france", "eu", "europe", "australia",
        "abroad", "other countries", "hanoi", "saigon", "ho chi minh city", "hcmc", "da nang", "bangkok",
        "chiang mai", "phuket", "beijing", "shanghai", "shenzhen", "guangzhou", "tokyo", "seoul", "sydney", "london",
        "paris", "berlin", "new york",
    ),
    "vi": (
        "trung quốc", "hồng kông", "đài loan", "việt nam", "vn", "thái lan", "thái", "nhật bản", "hàn quốc", "mỹ",
        "đức", "úc", "nước anh", "nước pháp", "châu âu", "nước ngoài", "nước khác", "hà nội", "sài gòn", "hcm",
        "đà nẵng", "trung quoc", "viet nam", "thai lan", "nuoc ngoai", "nuoc khac", "ha noi", "sai gon", "da nang",
    ),
    "th": (
        "จีน", "ฮ่องกง", "ไต้หวัน", "เวียดนาม", "ไทย", "ญี่ปุ่น", "เกาหลี", "สิงคโปร์", "มาเลเซีย", "ลาว", "อเมริกา",
        "แคนาดา", "อังกฤษ", "เยอรมัน", "ฝรั่งเศส", "ยุโรป", "ออสเตรเลีย", "ต่างประเทศ", "ประเทศอื่น", "ฮานอย",
        "โฮจิมินห์", "ดานัง", "กรุงเทพ", "กทม", "เชียงใหม่", "ภูเก็ต", "เซี่ยงไฮ้", "ปักกิ่ง", "กวางโจว", "เซินเจิ้น", "โตเกียว",
        "โซล",
    ),
}  # fmt: skip


def queries(question: str, earlier: Sequence[str]) -> list[str]:
    """What to search for: the question, and where it leans on the shopper's `earlier` messages, oldest first, also it
    together with those it is about. A place asked about now takes the place of one asked about before: with both,
    passages about both would win."""
    said = [_composed(message) for message in earlier if not is_smalltalk(message)]
    if not said or not _leans(_composed(question), _SHORT):
        return [question]
    first = len(said) - 1
    while first > 0 and len(said) - first < _CHAIN and _leans(said[first], _BARE):
        first -= 1
    about = [message[:_EARLIER_CHARS] for message in said[first:]]
    if _PLACE.search(_composed(question)):
        about = [_PLACE.sub("", message) for message in about]
    return [question, "\n".join([*about, question])]


def merge(results: Sequence[Sequence[Found]], k: int) -> list[Found]:
    """The `k` best of what one or both `queries` found, best first. The better of a passage's two scores counts most:
    a question that stands alone is not dragged to what came before. What both queries find wins over what one does:
    "那退款呢" alone says which policy, and with the question before it, what about it."""
    if len(results) == 1:
        return list(results[0][:k])
    scores: dict[str, list[float]] = {}
    passages = {}
    for hit in (hit for found in results for hit in found):
        scores.setdefault(hit.passage.id, []).append(hit.score)
        passages[hit.passage.id] = hit.passage
    merged = [Found(passages[id], _together(both)) for id, both in scores.items()]
    return sorted(merged, key=lambda hit: (-hit.score, hit.passage.id))[:k]


def _together(scores: Sequence[float]) -> float:
    other = min(scores) if len(scores) > 1 else 0.0
    return (1 - _OTHER) * max(scores) + _OTHER * other


def is_short(message: str, letters: int = _SHORT) -> bool:
    """Whether a message is so short that it leans on what was said before, whatever it is."""
    return sum(map(_weight, _composed(message))) <= letters


def names_place(message: str) -> bool:
    """Whether a message names a country or one of the larger cities."""
    return bool(_PLACE.search(_composed(message)))


def opens(message: str) -> bool:
    """Whether a message begins like one that goes on from what was said: "and …", "那…", "แล้ว…"."""
    return bool(_OPENING.match(_composed(message)))


def is_elliptic(message: str) -> bool:
    """Whether a message only names what the question before is now to be about ("那退款呢", "แล้วคืนเงินล่ะ"), or
    supposes a case, and is about nothing of the shopper's own."""
    text = _composed(message).strip()
    if _OWN.search(text):
        return False
    if _SUPPOSED.match(text):
        return True
    asks = _AND_THAT.search(text) or (opens(text) and text.endswith(("?", "？")))
    return bool(asks) and sum(map(_weight, text)) <= _ELLIPTIC


def _leans(message: str, short: int) -> bool:
    return bool(_OPENING.match(message)) or sum(map(_weight, message)) <= short


def _weight(character: str) -> float:
    """How much a character says, in letters of English."""
    if not character.isalpha():
        return 0.0
    if "\u3400" <= character <= "\u9fff":
        return _HAN_WEIGHT
    return _THAI_WEIGHT if "\u0e00" <= character <= "\u0e7f" else 1.0


def _composed(text: str) -> str:
    """One character for a letter with its marks, as the words above are written."""
    return unicodedata.normalize("NFC", text)


def _any(words: Mapping[str, Iterable[str]]) -> str:
    """A pattern for any of the words, longest first; Chinese and Thai ones stand anywhere, for want of spaces."""
    every = sorted({word for language in words.values() for word in language}, key=lambda word: (-len(word), word))
    return "|".join(rf"\b{re.escape(word)}\b" if word[0] < "\u0e00" else re.escape(word) for word in every)


_OPENING = re.compile(rf"\W*(?:(?:{_any(_FILLERS)})\W*)*(?:{_any(_OPENINGS)})", re.IGNORECASE)
_SUPPOSED = re.compile(
    rf"\W*(?:(?:{_any(_FILLERS)}|那|แล้ว|and|but|thế|vậy|còn)\W*)*(?:{_any(_SUPPOSITIONS)})", re.IGNORECASE
)
_AND_THAT = re.compile(r"(?:呢|ล่ะ(?:ค่ะ|คะ|ครับ)?|\bthì sao|\bthi sao)\W*$", re.IGNORECASE)
_OWN = re.compile(r"我|ผม|ฉัน|หนู|ของเรา|\b(?:my|mine|i|mình|minh|tôi|toi|em)\b", re.IGNORECASE)
# Short names that are also other words ("sinh nhật"), after what only stands before a place
_SHORT_PLACES = r"\b(?:qua|sang|đi|ở|tới|đến|về|bên) (?:nhật|hàn|mỹ|úc|pháp|anh|đức|đài|sing|trung|lào|cam|nga|ý)\b"
_PLACE = re.compile(f"{_any(_PLACES)}|{_SHORT_PLACES}", re.IGNORECASE)
