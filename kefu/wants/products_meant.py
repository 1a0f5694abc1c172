"""Which products a message means: by name, by their place in the row that was shown, or the one just spoken of.

Knows no search: what stood in the conversation is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kefu.card_shapes import ProductTile
from kefu.wants.counting import LAST, places
from kefu.wants.spoken import Said, folded
from rag.lexical import lexical_terms

_SHARE = 0.6  # of a name's terms that have to be said, where it is not said whole
_ENGLISH = {
    word: at
    for at, words in enumerate(("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th"), 1)
    for word in words.split()
}
_ORDINAL = re.compile(rf"\b({'|'.join(_ENGLISH)})\b")
_THIS = re.compile(r"这[个款件条双]|這|它|\b(?:this|it|that one|its)\b|này|nó\b|ตัวนี้|อันนี้|นี้|รุ่นนี้")
_ALONE = re.compile(r"\W*([1-9])\W*")
_BOTH = re.compile(
    r"这两|两款|两个|那两|\bboth\b|these two|the two|hai (?:cái|mẫu|chiếc|sản phẩm|em|loại) (?:này|đó|kia)|2 cái này"
    r"|ทั้งสอง|สองตัวนี้|สองอันนี้|สองรุ่น"
)
_NUMBERS = {
    word: n
    for n, words in enumerate(("two 两 二 hai สอง", "three 三 ba สาม", "four 四 bốn สี่"), 2)
    for word in words.split()
}
_MANY = "|".join(_NUMBERS) + "|[2-4]"
_RUN = re.compile(  # "the first two"
    rf"\b(?P<end>first|top|last)\s(?P<n>{_MANY})\b"
    rf"|(?P<end_zh>前|后|後|最后)(?P<n_zh>{_MANY})[个個款件条双]?"
    rf"|\b(?P<n_vi>{_MANY})\s(?:(?:cái|mẫu|chiếc|sản phẩm|em|loại|đôi)\s)?(?P<end_vi>đầu|cuối)\b"
    rf"|(?P<n_th>{_MANY})\s?(?:ตัว|อัน|ชิ้น|รุ่น|คู่|แบบ)?(?P<end_th>แรก|สุดท้าย|หลัง)"
)
_FROM_THE_END = {"last", "后", "後", "最后", "cuối", "สุดท้าย", "หลัง"}


def products_meant(text: str, language: str, row: Sequence[ProductTile], spoken_of: Sequence[ProductTile]) -> list[str]:
    """The ids of the products that are meant, in the order of the message. `row`: those shown last, side by side;
    `spoken_of`: all of the conversation, the latest last."""
    said = folded(text)
    named = _named(said, spoken_of)
    if named:
        return named
    counted = _counted(text, language, row)
    if counted:
        return counted
    if _BOTH.search(said) and len(row) >= 2:
        return [tile.id for tile in row[:2]]
    return _mostly_named(said, spoken_of)


def says_this(text: str) -> bool:
    """Whether a message points at the product that is spoken of."""
    return bool(_THIS.search(folded(text)))


def told_apart(text: str, row: Sequence[ProductTile]) -> list[str]:
    """Those of a row of which words are said that no other's name has: "the garden one"."""
    said = set(lexical_terms(folded(text)))
    terms = {tile.id: set(lexical_terms(tile.name)) for tile in row}
    own = {id: its.difference(*(other for o, other in terms.items() if o != id)) for id, its in terms.items()}
    return [id for id, words in own.items() if words & said] if len(row) > 1 else []


def _named(said: str, tiles: Sequence[ProductTile]) -> list[str]:
    """Those whose whole name stands in the message; none within a longer one."""
    found = {tile.id: said.find(folded(tile.name)) for tile in tiles if folded(tile.name) in said}
    names = {tile.id: folded(tile.name) for tile in tiles}
    whole = [id for id in found if not any(names[id] != names[o] and names[id] in names[o] for o in found)]
    return sorted(whole, key=lambda id: found[id])


def _counted(text: str, language: str, row: Sequence[ProductTile]) -> list[str]:
    """ "The second one", "第一款和第三款", "2"."""
    if run := _RUN.search(folded(text)):
        end, n = (next(v for k, v in run.groupdict().items() if v and k.startswith(what)) for what in ("end", "n"))
        many = _NUMBERS.get(n) or int(n)
        return [tile.id for tile in (row[-many:] if end in _FROM_THE_END else row[:many])]
    alone = _ALONE.fullmatch(text)
    at = [int(alone[1])] if alone else [place.at for place in places(Said.of(text, language)) if place.of != "order"]
    at = at or [_ENGLISH[word] for word in _ORDINAL.findall(folded(text))]
    at = [len(row) if one == LAST else one for one in at]
    return [row[one - 1].id for one in dict.fromkeys(at) if 1 <= one <= len(row)]


def _mostly_named(said: str, tiles: Sequence[ProductTile]) -> list[str]:
    """The one that most of the name is said of: "the silk scarf"."""
    terms = set(lexical_terms(said))
    shares: dict[str, float] = {}
    for tile in tiles:
        its = set(lexical_terms(tile.name))
        if its and len(its & terms) / len(its) >= _SHARE:
            shares[tile.id] = len(its & terms) / len(its)
    best = max(shares.values(), default=0.0)
    return [id for id, share in shares.items() if share == best][:1]
