"""How addresses are written in China, Thailand, Vietnam and in Latin letters elsewhere: a text that is an address, in
parts. What does not fit the form is left out."""

from __future__ import annotations

import re

from kefu.wants.address_fields import AddressFields, country_code, places
from kefu.wants.spoken import LATIN
from rag.tokens import strip_marks


def _one_of(kind: str) -> str:
    return "|".join(map(re.escape, places(kind)))


def _pick(text: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """What the pattern finds last, and the text without it."""
    found = list(pattern.finditer(text))
    if not found:
        return "", text
    return found[-1][0].strip(" ,"), f"{text[: found[-1].start()]}, {text[found[-1].end() :]}".strip(" ,，")


_ZH_POSTCODE = re.compile(r"(?:邮编|邮政编码)?\s*[:：]?\s*(?<!\d)\d{6}(?!\d)")
_ZH = re.compile(
    rf"(?:中国)?\s*(?P<region>(?:{_one_of('zh_provinces')})省?)?\s*"
    rf"(?P<city>(?:{_one_of('zh_municipalities')})市?|(?:{_one_of('zh_cities')})市?|[\u3400-\u9fff]{{2,6}}?(?:市|自治州|地区|盟))\s*[市]?\s*"
    r"(?P<line2>[\u3400-\u9fff]{1,6}?(?:新区|区|县|市|旗)(?!域))?[\s,，]*"
)
_ZH_STREET = re.compile(r"[\u3400-\u9fffA-Za-z0-9\-#（）()·—~/]+")
_ZH_HOUSE = re.compile(r"\d|[路街巷弄道村苑园厦城里]")
_ZH_DETAIL = re.compile(r"[\dA-Za-z\-]+(?:[号栋幢座楼层室单元院房弄]|$)|.*[栋幢座楼层室单元院厦心场园店部馆号]$")


def chinese(text: str) -> AddressFields:
    """省 市 区 street and house, in this order; the postcode anywhere."""
    postcode, text = _pick(text, _ZH_POSTCODE)
    place = next((match for match in _ZH.finditer(text)), None)
    after = text[place.end() :] if place else text
    tokens = _ZH_STREET.findall(after)
    before = _ZH_STREET.findall(text[: place.start()]) if place else []
    line1 = tokens[0] if tokens and _ZH_HOUSE.search(tokens[0]) else ""
    for token in tokens[1:] if line1 else []:
        if not _ZH_DETAIL.match(token):
            break
        line1 += token
    if not line1 and before and re.search(r"\d+(?:号|弄|室|栋)", before[-1]):  # told apart: "漕溪北路88号", "上海"
        line1 = before[-1]
    district = re.match(r"([\u3400-\u9fff]{1,5}?(?:新区|区|县))(?=.*[路街巷弄道村苑\d])", line1) if not place else None
    line2 = (place["line2"] or "") if place else district[1] if district else ""
    line1 = line1[len(line2) :] if district else line1
    region, city = (place["region"] or "", place["city"]) if place else ("", "")
    municipality = city.removesuffix("市") in places("zh_municipalities")
    digits = re.sub(r"\D", "", postcode)
    return AddressFields(
        line1=line1, line2=line2, city=city, region=city if municipality else region, postcode=digits
    )  # fmt: skip


_TH_POSTCODE = re.compile(r"(?:รหัสไปรษณีย์)?\s*(?<!\d)\d{5}(?!\d)")
_TH_END = rf"(?=[\s,]|แขวง|ตำบล|ต\.|เขต|อำเภอ|อ\.|จังหวัด|จ\.|{_one_of('th_provinces')}|\d|$)"
_TH_PROVINCE = re.compile(
    rf"(?:จังหวัด|จ\.)\s*(?P<marked>[\u0e00-\u0e7f]+?){_TH_END}|(?P<known>{_one_of('th_provinces')})(?![\u0e30-\u0e3a\u0e47-\u0e4e])"
)
_TH_TAMBON = re.compile(rf"(?:แขวง|ตำบล|ต\.)\s*[\u0e00-\u0e7f]+?{_TH_END}")
_TH_CENTRE = (
    rf"เมือง(?:{_one_of('th_provinces')})(?=.*(?:จังหวัด|จ\.|{_one_of('th_provinces')}))"  # and the province again
)
_TH_AMPHOE = re.compile(rf"(?:เขต|อำเภอ|อ\.)\s*(?:{_TH_CENTRE}|[\u0e00-\u0e7f]+?{_TH_END})")
_TH_HOUSE = re.compile(r"(?:บ้านเลขที่|เลขที่|ห้อง|คอนโด|อาคาร|ตึก|หมู่บ้าน|ชั้น|\d)")


def thai(text: str) -> AddressFields:
    """House, soi and road; แขวง or ตำบล; เขต or อำเภอ; province; postcode. In Bangkok the city is Bangkok."""
    text = re.sub("ํา", "ำ", text)  # as it is typed; NFKC takes it apart
    postcode, text = _pick(text, _TH_POSTCODE)
    amphoe, rest = _pick(text, _TH_AMPHOE)
    tambon, rest = _pick(rest, _TH_TAMBON)
    provinces = list(_TH_PROVINCE.finditer(rest))
    province = (provinces[-1]["marked"] or provinces[-1]["known"]) if provinces else ""
    house = _TH_HOUSE.search(rest)
    ends = [at for word in (tambon, amphoe) if word and (at := text.find(word)) >= 0]
    ends += [provinces[-1].start()] if provinces else []
    line1 = rest[house.start() : min([e for e in ends if e > house.start()], default=len(rest))] if house else ""
    bangkok = province.startswith("กรุงเทพ") or province.startswith("กทม")
    if province and not bangkok and not amphoe and not tambon:
        line1, amphoe = _town_at_end(line1)
    line2 = " ".join(filter(None, (tambon, amphoe))) if bangkok or not province else tambon
    city = province if bangkok else amphoe or province
    return AddressFields(
        line1=re.sub(r"\s+", " ", line1).strip(" ,"),
        line2=line2,
        city=city,
        region=province,
        postcode=re.sub(r"\D", "", postcode),
    )


def _town_at_end(line1: str) -> tuple[str, str]:
    """ "… ถนนติวานนท์ ปากเกร็ด": a last word without a number that names no road is the town."""
    street, _, town = line1.strip(" ,").rpartition(" ")
    return (street, town) if street and not _TH_ROAD.match(town) else (line1, "")


_TH_ROAD = re.compile(r"ถนน|ถ\.|ซอย|ซ\.|หมู่|ม\.|อาคาร|คอนโด|ตึก|ชั้น|.*\d")
_VI_CITY = re.compile(
    rf"(?<![{LATIN}])(?:(?:thành phố|tp\.?|tỉnh|thị xã|tx\.?|thanh pho|tinh)\s*)?(?:{'|'.join(strip_marks(re.escape(n)) for n in places('vi_cities'))})(?![{LATIN}])"
)
_VI_WARD = re.compile(
    rf"(?:phường|phuong|p\.?(?=\s?\d|\s?[A-ZĐ])|quận|quan|q\.?(?=\s?\d|\s?[A-ZĐ])|xã|huyện|huyen|h\.|thị trấn|thị xã|tx\.?|tt\.?)(?![{LATIN}])",
    re.IGNORECASE,
)
_VI_STREET = re.compile(
    rf"(?:ngõ|ngách|hẻm|kiệt|đường|phố|toà|tòa|chung cư|khu|tầng|phòng|thôn|xóm|ấp|tổ|lô|căn|block|nhà|số|ngo|hem|duong|pho|chung cu|toa|tang|so|kdt|kđt)(?![{LATIN}])|.*\d",
    re.IGNORECASE,
)
_VI_HOUSE = re.compile(r"(?:số|so|thôn|tầng|phòng|căn|chung cư|toà|tòa|xóm|ấp|k\d|lô|\d)", re.IGNORECASE)


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
    line1, line2, in_street = [], [], True
    for i, part in enumerate(parts):
        in_street = in_street and (i == 0 or (bool(_VI_STREET.match(part)) and not _VI_WARD.match(part)))
        (line1 if in_street else line2).append(part)
    street, ward = _split_ward(", ".join(line1))
    region = ""
    name = text[city.start() : city.end()] if city else ""
    if city and line2 and re.match(r"(?:tp\.?|thành phố|thị xã|tx\.?|huyện|h\.)\s", line2[-1], re.IGNORECASE):
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
_STREET = re.compile(r"\d|p\.?o\.? box|[A-Z].*(?:street|road|lane|avenue|house|soi)", re.IGNORECASE)


def latin(text: str) -> AddressFields:
    """House and street, unit or district, city, region and postcode, country, with commas between."""
    parts = [part.strip(" .") for part in re.split(r"\s*[,;]\s*", text) if part.strip(" .")]
    if parts and country_code(parts[-1]):
        parts = parts[:-1]
    while len(parts) > 1 and not _STREET.search(parts[0]) and any(_STREET.search(part) for part in parts[1:]):
        parts = parts[1:]
    start = re.search(
        r"(?<![\w.])(?:\d+[\w/\-]*\s|flat|unit|apt|apartment|room|suite|p\.?o\.? box|floor)",
        parts[0] if parts else "",
        re.IGNORECASE,
    )
    if not parts or not (start or _STREET.search(parts[0])):
        return AddressFields(city=_known_city(text))
    line1, rest = parts[0][start.start() :] if start else parts[0], parts[1:]
    if rest and _UNIT.match(line1) and re.match(r"\d", rest[0]):  # "Flat 3, 12 High Street"
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
