"""How addresses are written in Latin letters, in Vietnam and elsewhere: a text that is an address, in parts. What does
not fit the form is left out."""

from __future__ import annotations

import re

from kefu.wants.address_fields import AddressFields, country_code, places
from kefu.wants.spoken import LATIN
from rag.tokens import strip_marks

_VI_CITY = re.compile(
    rf"(?<![{LATIN}])(?:(?:thành phố|tp\.?|tỉnh|thị xã|tx\.?|thanh pho"
    rf"|tinh)\s*)?(?:{'|'.join(strip_marks(re.escape(n)) for n in places('vi_cities'))})(?![{LATIN}])"
)
_VI_WARD = re.compile(
    rf"(?:phường|phuong|p\.?(?=\s?\d|\s?[A-ZĐ])|quận|quan|q\.?(?=\s?\d|\s?[A-ZĐ])|xã|huyện|huyen|h\.|thị trấn"
    rf"|thị xã|tx\.?|tt\.?)(?![{LATIN}])",
    re.IGNORECASE,
)
_VI_TOWN = re.compile(
    r"(?:tp\.?|thành phố|thị xã|tx\.?|huyện|h\.|thị trấn|thanh pho|thi xa|huyen|thi tran)\s", re.IGNORECASE
)
_VI_STREET = re.compile(
    rf"(?:ngõ|ngách|hẻm|kiệt|đường|phố|toà|tòa|chung cư|khu|tầng|phòng|thôn|thon|xóm|xom|ấp|tổ|lô|căn|block|nhà"
    rf"|số|ngo|hem|duong|pho|chung cu|toa|tang|so|kdt|kđt)(?![{LATIN}])|.*\d",
    re.IGNORECASE,
)
_VI_HOUSE = re.compile(
    r"(?:apartment|flat|room|floor|số|so|thôn|thon|tầng|tang|phòng|căn|chung cư|toà|tòa|xóm|xom|ấp|k\d|lô|\d)",
    re.IGNORECASE,
)


def vietnamese(text: str) -> AddressFields:
    """House and street, ward and district, city, most often with commas between."""
    bare = strip_marks(text)
    cities = list(_VI_CITY.finditer(bare)) if len(bare) == len(text) else []
    city = cities[-1] if cities else None
    postcode = re.search(r"(?<!\d)\d{5,6}(?!\d)", text[city.end() :] if city else "")
    head = text[: city.start()] if city else text
    parts = [part.strip(" .") for part in re.split(r"\s*[,;]\s*", head) if part.strip(" .-")]
    while parts and not _VI_HOUSE.match(parts[0]):  # "I moved house, 12 Láng Hạ"
        if any(_VI_HOUSE.match(part) for part in parts[1:]):
            parts = parts[1:]
        else:
            house = re.search(r"(?<!\w)(?:số\s+)?\d+\w*(?:/\d+)*\s+\w{2,}", parts[0])
            parts[0] = parts[0][house.start() :] if house else parts[0]
            break
    line1: list[str] = []
    line2: list[str] = []
    in_street = True
    for i, part in enumerate(parts):
        in_street = in_street and (i == 0 or (bool(_VI_STREET.match(part)) and not _VI_WARD.match(part)))
        (line1 if in_street else line2).append(part)
    street, ward = _split_ward(", ".join(line1))
    region = ""
    name = text[city.start() : city.end()] if city else ""
    if not city and line2 and _VI_TOWN.match(line2[-1]):
        name = line2.pop()
    elif not city and (apart := re.search(r"\s(?:ở|tại)\s+(?=\w)", street)):  # "8 Phương Mai ở Làng Vũ Đại"
        street, name = street[: apart.start()], street[apart.end() :]
    if city and line2 and _VI_TOWN.match(line2[-1]):
        region, name = name, line2.pop()
    elif city and line2 and _VI_CITY.fullmatch(strip_marks(line2[-1])):  # "Nha Trang, Khánh Hòa"
        region, name = name, line2.pop()
    known_house = bool(re.search(r"\d", street)) or bool(_VI_STREET.match(street))
    return AddressFields(
        line1=street if known_house else "",
        line2=", ".join(filter(None, [ward, *line2])),
        city=name,
        region=region,
        postcode=postcode[0] if postcode else "",
    )


def _split_ward(street: str) -> tuple[str, str]:
    """ "12 Láng Hạ P. Thành Công" without a comma."""
    found = re.search(
        r"\s(?=(?:phường|phuong|quận|quan|p\.|q\.|xã|huyện)\s?[\dA-ZĐÂĂÔƠƯ]|[pq]\s?\.?\d)", street, re.IGNORECASE
    )
    return (street[: found.start()], street[found.end() :]) if found else (street, "")


_ZIP = re.compile(r"(?<![\w])(?:[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d|\d{5}-\d{4}|\d{4,6})(?!\w)")
_UNIT = re.compile(
    r"(?:apt|apartment|unit|flat|suite|ste|room|rm|floor|fl|#|\d+(?:st|nd|rd|th) floor|level|building|tower)(?![a-z])",
    re.IGNORECASE,
)
_HOUSE_NAME = re.compile(r"(?:[A-Z][\w'’-]*\s?){1,4}")  # "Rose Cottage"
_STREET = re.compile(r"\d|p\.?o\.? box|[A-Z].*(?:street|road|lane|avenue|house|soi)", re.IGNORECASE)


def latin(text: str) -> AddressFields:
    """House and street, unit or district, city, region and postcode, country, with commas between."""
    parts = [part.strip(" .") for part in re.split(r"\s*[,;]\s*", text) if part.strip(" .")]
    if parts and country_code(parts[-1]):
        parts = parts[:-1]
    while len(parts) > 1 and not _STREET.search(parts[0]) and any(_STREET.search(part) for part in parts[1:]):
        parts = [f"{parts[0]}, {parts[1]}", *parts[2:]] if _HOUSE_NAME.fullmatch(parts[0]) else parts[1:]
    start = re.search(
        r"(?<![\w.])(?:\d+[\w/\-]*\s|flat|unit|apt|apartment|room|suite|p\.?o\.? box|floor)",
        parts[0] if parts else "",
        re.IGNORECASE,
    )
    if not parts or not (start or _STREET.search(parts[0])):
        return AddressFields(city=_known_city(text))
    line1, rest = parts[0][start.start() :] if start else parts[0], parts[1:]
    if not rest and (apart := re.search(r"\sin\s(?=[A-Z])", line1)):  # "4 Hill View in Ambridge"
        line1, rest = line1[: apart.start()], [line1[apart.end() :]]
    # "Flat 3, 12 High Street", "23, Jalan Bukit Kenanga 5"
    if rest and (line1.isdigit() or (_UNIT.match(line1) and re.match(r"\d", rest[0]))):
        line1, rest = f"{line1}, {rest[0]}", rest[1:]
    line1, rest = _without_commas(line1) if not rest else (line1, rest)
    postcode, region, names = _tail(rest)
    known = next((name for name in reversed(names) if _known_city(name)), "")
    city = known or (names[-1] if names else "")
    others = names[: names.index(city)] if city else names
    return AddressFields(line1=line1, line2=", ".join(others), city=city, region=region, postcode=postcode)


def _tail(parts: list[str]) -> tuple[str, str, list[str]]:
    """Postcode and region from the end ("CA 94043", "London NW1 6XE"), and the names before them."""
    names, postcode, region = list(parts), "", ""
    for i in range(len(names) - 1, -1, -1):
        if (zip_code := _ZIP.search(names[i])) and not _UNIT.match(names[i]):
            postcode, names[i] = zip_code[0], names[i].replace(zip_code[0], "").strip(" .")
            break
    names = [name for name in names if name]
    if len(names) > 1 and re.fullmatch(r"[A-Z]{2,3}", names[-1]):
        region = names.pop()
    elif names and (state := re.search(r"\s([A-Z]{2,3})$", names[-1])):
        region, names[-1] = state[1], names[-1][: state.start()]
    elif len(names) > 1 and postcode and not _known_city(names[-1]) and _known_city(names[-2]):
        region = names.pop()
    return postcode, region, names


def _without_commas(street: str) -> tuple[str, list[str]]:
    """ "12 High Street Leeds LS1 4AP": the known town and what follows it come off."""
    city = _known_city(street)
    at = street.casefold().rfind(city.casefold()) if city else -1
    return (street[:at].strip(), [street[at:]]) if at > 0 else (street, [])


def _known_city(text: str) -> str:
    """A town of the list that ends the text, but for a postcode, or is it."""
    for name in places("en_cities"):
        found = re.search(rf"(?<!\w){re.escape(name)}(?= City$|\s+\d+$|\s+[A-Z]+\d|$)", text, re.IGNORECASE)
        if found:
            return found[0]
    return ""
