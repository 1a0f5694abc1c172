"""Finds a new address in a message by the rules of its country's way of writing, with who receives the parcel.

What the rules are not sure of they leave out: `kefu.wants.addresses` may then ask a model. Knows no customer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kefu.wants.address_asian import chinese, thai
from kefu.wants.address_fields import AddressFields, country_names, places
from kefu.wants.address_latin import latin, vietnamese
from kefu.wants.spoken import LATIN, cased

_PHONE = re.compile(
    r"(?<![\dA-Za-z/元室座栋幢楼层])(?:\+?\d{1,3}[ \-.]?)?(?:\(?0?\d{1,4}\)?[ \-.]?)"
    r"(?:\d{3,4}[ \-.]?){2}\d{0,4}(?![\d/])"
)
_CLEAR_PHONE = re.compile(
    r"\+\d|0[\d \-.()]{8,}|1[3-9]\d[ \-]?\d{4}[ \-]?\d{4}|(?:84|66|86)\d{8,}|\(?\d{3}\)?[ .]?-?\d{3}-\d{4}"
)
_PHONE_CUE = re.compile(
    r"(?:phone(?: number)?|tel|mobile|call|số điện thoại|điện thoại|sđt|sdt|đt|so dien thoai|电话|手机号?码?|联系方式"
    r"|เบอร์(?:โทร(?:ศัพท์)?|มือถือ)?|โทร\.?)(?:\s+(?:người nhận|nhận hàng|mới|của (?:tôi|mình|em)))?\s*(?:is"
    r"|là|la|thành|mới|是|改成|为|เป็น)?\s*[:：.]?\s*$",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:người nhận|tên người nhận|nguoi nhan|recipient|name(?: is)?|attn|c/o|收件人|收货人|联系人|姓名|ชื่อผู้รับ|ผู้รับ|ชื่อ)"
    r"\s*(?:là|la|thành|mới|是|改成|คือ)?\s*[:：]?\s*(?P<name>[^\d,，;；\n:：。]{2,40}?)\s*(?=[,，;；\n。\d]|$|电话|手机|sđt"
    r"|โทร|เบอร์|phone|tel\b)",
    re.IGNORECASE,
)
_FOR = re.compile(r"(?<=[\s,，;；])(?P<name>[\u3400-\u9fff]{2,4})(?:签?收)(?![\u3400-\u9fff])")  # "…，王芳收"
# What leads to an address; the last one before its house or town counts
_LEAD = re.compile(
    r"改成|改为|换成|换到|改到|改去|改寄|寄到|送到|发到|寄往|寄去|送去|寄给|应该是|地址是?|เป็น|ไปที่|มาที่|ส่งที่|ที่อยู่(?:ใหม่)?|คือ|[:：]"
    rf"|(?<![{LATIN}])(?:sang|thành(?!\s+phố)|thanh(?!\s+pho)|đến|den|tới|toi|về|ve|qua|là|la|to|is|at"
    rf"|use)(?![{LATIN}])"
    rf"(?:\s+(?:địa chỉ|dia chi|mới|này|moi|nay|this|new|address)(?![{LATIN}]))*",
    re.IGNORECASE,
)
_START = re.compile(
    rf"(?<![{LATIN}\d])(?:\d|flat|unit|apt|apartment|room|suite|p\.?o\.? box|floor|số|so\s\d|tầng|phòng|căn hộ"
    rf"|chung cư|chung cu|toà|tòa|thôn|thon|xóm|ấp|k\d|lô)"
    rf"|(?:{'|'.join(n for kind in ('zh_provinces', 'zh_municipalities', 'zh_cities') for n in places(kind))})"
    rf"|[\u3400-\u9fff]{{2}}[市区]"
    r"|บ้านเลขที่|เลขที่|ห้อง|คอนโด|อาคาร|หมู่บ้าน",
    re.IGNORECASE,
)
_TAIL = re.compile(
    rf"[\s,，.。!！?？~]*(?:(?<![{LATIN}])(?:please|pls|thanks?|thank you|instead|giúp (?:mình|em|tôi|mk)"
    rf"|giup (?:minh|em|toi)|nhé|nhe|nha|ạ|với"
    rf"|được không|duoc khong|cảm ơn(?: shop)?|cam on|shop|ok)(?![{LATIN}])"
    rf"|谢谢[^\d]{{0,9}}|谢了|麻烦(?:了|你了|您了|你"
    rf"|您)?|可以吗|吧|哦|呢|好吗|了"
    r"|นะ(?:คะ|ครับ|จ๊ะ)?|ครับ|ค่ะ|คะ|ได้ไหม|ด้วย|แทน|ขอบคุณ[^\d]{0,9})[\s.。!！?？]*$",
    re.IGNORECASE | re.DOTALL,
)
# An order's number, without the blank that shop.numbers allows: "CA 94043" is none
_ORDER = re.compile(r"(?<![A-Za-z0-9])(?:#\s?[A-Za-z]{0,3}-?\d{5,12}|[A-Za-z]{1,3}-?\d{5,12})(?!\d)")
_UNITS = (
    "(?:days?|weeks?|months?|hours?|hrs|minutes?|years?|times|items?|orders?|pieces?"
    "|ngày|ngay|tuần|tuan|tháng|cái|chiếc|đơn)"
)
_ADDRESS = re.compile(
    r"\d+\s*(?:号|弄|栋|幢|室|楼|号院)|[路街道巷弄村苑]\s*\d|大厦|小区|(?:ถนน|ซอย|ตำบล|แขวง|เขต|อำเภอ|หมู่|บ้านเลขที่|\d+/\d+)"
    rf"|(?<![{LATIN}])(?:street|st\.|road|rd\.?|avenue|ave\.?|lane|drive|boulevard|blvd|way|apt|apartment|flat"
    rf"|unit|suite|soi|đường|duong|phố|pho|ngõ|ngo|ngách"
    rf"|hẻm|hem|kiệt|phường|phuong|quận|quan|xã|thôn|thon|huyện|huyen|xóm|chung cư|chung cu|toà|tòa|căn hộ"
    rf"|khu)(?![{LATIN}])|(?<![\w.,])\d{{1,5}}[a-z]?(?:/\d+)*,?\s+(?!{_UNITS})[{LATIN}]{{2,}}",
    re.IGNORECASE,
)


def phone_in(text: str) -> tuple[str, str]:
    """A phone number and the text without it; "" for none. Without a word for phones before it, it must look like one:
    "1501 610041" is a flat and a postcode."""
    shown = cased(text)
    for match in _PHONE.finditer(shown):
        digits = re.sub(r"\D", "", match[0])
        cue = _PHONE_CUE.search(shown[: match.start()])
        if 8 <= len(digits) <= 15 and (cue or _CLEAR_PHONE.match(match[0])):
            before = shown[: cue.start()] if cue else shown[: match.start()]
            return match[0].strip(" -."), f"{before.rstrip(' ,，(')}, {shown[match.end() :].lstrip(' ,，)')}"
    return "", shown


def contact_in(text: str) -> tuple[AddressFields, str]:
    """Name and phone of who gets the parcel, where the text tells them, and the text without them."""
    phone, rest = phone_in(_ORDER.sub(" ", cased(text)))
    name = _NAME.search(rest) or _FOR.search(rest)
    if name:
        rest = f"{rest[: name.start()]}, {rest[name.end() :]}"
    return AddressFields(name=name["name"].strip() if name else "", phone=phone), rest


def names_an_address(text: str) -> bool:
    """Whether a text has what an address has: a house and a street, a district, a town that is known."""
    known = (name for kind in _CITIES for name in places(kind))
    shown = cased(text).casefold()
    return bool(_ADDRESS.search(shown)) or any(_stands_alone(name.casefold(), shown) for name in known)


_CITIES = ("zh_municipalities", "zh_cities", "th_provinces", "vi_cities", "en_cities")


def _stands_alone(name: str, text: str) -> bool:
    if re.match(f"[{LATIN}]", name):
        return len(name) > 3 and bool(re.search(rf"(?<![{LATIN}]){re.escape(name)}(?![{LATIN}])", text))
    return name in text


def address_in(text: str, language: str, country: str) -> AddressFields:
    """The parts of the address that the rules find. `country`: ISO code of where the parcel goes so far."""
    contact, rest = contact_in(text)
    body = _body(rest)
    parts = _format(body, language, country)(body)
    named = _country(body)
    return parts.model_copy(update={"name": contact.name, "phone": contact.phone, "country": named})


def _format(body: str, language: str, country: str) -> Callable[[str], AddressFields]:
    if re.search("[\u3400-\u9fff]{2}", body):
        return chinese
    if re.search("[\u0e00-\u0e7f]{3}", body):
        return thai
    vietnamese_words = re.search("[ăâđêôơưĂÂĐÊÔƠƯ\u1ea0-\u1ef9]", body) or language == "vi"
    return vietnamese if vietnamese_words or (country == "VN" and language != "en") else latin


def _body(text: str) -> str:
    """The text without what leads to the address ("please change it to") and what follows it ("thanks")."""
    lines = [line for line in re.split(r"[\n]+", text) if line.strip(" ,，")]
    body = ", ".join(_trimmed(line) for line in lines)
    return re.sub(r"(?:\s*[,，]\s*){2,}", ", ", body).strip(" ,，.。;；")


def _trimmed(line: str) -> str:
    shortened = line
    while (cut := _TAIL.sub("", shortened)) != shortened:
        shortened = cut
    start = _START.search(shortened)
    begins = start.start() if start else shortened.find(",")
    leads = [lead.end() for lead in _LEAD.finditer(shortened) if lead.end() <= begins]
    if leads:
        return shortened[leads[-1] :].strip(" ,，:：")
    # A sentence before the address: "I moved. 12 High Street, Leeds"
    sentences = re.split(r"(?<=[.!?。！？;；])\s+", shortened)
    first = next((i for i, sentence in enumerate(sentences) if names_an_address(sentence)), 0)
    return " ".join(sentences[first:]).strip(" ,，")


def _country(body: str) -> str:
    """A country that ends the address, or begins a Chinese one; as it is written."""
    for name in sorted(country_names(), key=len, reverse=True):
        end = re.search(rf"(?:^|[\s,，\d]){re.escape(name)}[\s.。]*$", body.casefold()) if name else None
        if end and (len(name) > 2 or body.rstrip(" .").endswith(name.upper())):
            return body[end.start() :].strip(" ,，.。0123456789")
        if re.match("[\u3400-\u9fff]", name) and body.startswith(name):
            return name
    return ""
