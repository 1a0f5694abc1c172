"""How addresses are written in China and in Thailand: a text that is an address, in parts.

What does not fit the form is left out."""

from __future__ import annotations

import re

from kefu.wants.address_fields import AddressFields, places


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
    rf"(?P<city>(?:{_one_of('zh_municipalities')})市?|(?:{_one_of('zh_cities')})市?|[\u3400-\u9fff]{{2,6}}?(?:市"
    rf"|自治州|地区|盟))\s*[市]?\s*"
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
    if not city and (town := re.match(r"[\u3400-\u9fff]{2,5}?[县镇旗](?=.*\d)", f"{line2}{line1}")):
        city, line1, line2 = town[0], f"{line2}{line1}"[town.end() :], ""
    municipality = city.removesuffix("市") in places("zh_municipalities")
    digits = re.sub(r"\D", "", postcode)
    return AddressFields(
        line1=line1, line2=line2, city=city, region=city if municipality else region, postcode=digits
    )  # fmt: skip


_TH_POSTCODE = re.compile(r"(?:รหัสไปรษณีย์)?\s*(?<!\d)\d{5}(?!\d)")
_TH_END = rf"(?=[\s,]|แขวง|ตำบล|ต\.|เขต|อำเภอ|อ\.|จังหวัด|จ\.|{_one_of('th_provinces')}|\d|$)"
_TH_PROVINCE = re.compile(
    rf"(?:จังหวัด|จ\.)\s*(?P<marked>[\u0e00-\u0e7f]+?){_TH_END}"
    rf"|(?P<known>{_one_of('th_provinces')})(?![\u0e30-\u0e3a\u0e47-\u0e4e])"
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
