"""Amounts of money, dates and times as each language writes them, times by the shopper's clock. Knows no order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from kefu.money import with_unit
from shop.money import Money, decimals

# Hours ahead of UTC, all year: a slim system has no zoneinfo
_CLOCKS = {code: timezone(timedelta(hours=hours)) for code, hours in {"CN": 8, "VN": 7, "TH": 7}.items()}
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_THAI_MONTHS = "ม.ค. ก.พ. มี.ค. เม.ย. พ.ค. มิ.ย. ก.ค. ส.ค. ก.ย. ต.ค. พ.ย. ธ.ค.".split()
_VIETNAMESE_MARKS = str.maketrans(",.", ".,")


def money_text(money: Money, language: str) -> str:
    """ "35,000 VND", "35.000 ₫", "35,000越南盾", "35,000 ดอง"; decimals only where there are any: "12.50 CNY"."""
    whole = money.major == money.major.to_integral_value()
    number = f"{money.major:,.{0 if whole else decimals(money.currency)}f}"
    return with_unit(language, number.translate(_VIETNAMESE_MARKS) if language == "vi" else number, money.currency)


def date_text(at: datetime, language: str, country: str) -> str:
    """The day by the clocks of a country (ISO 3166): "12 Nov 2026", "12/11/2026", "2026年11月12日", "12 พ.ย. 2026"."""
    day = _local(at, country)
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    if language == "vi":
        return f"{day:%d/%m/%Y}"
    months = _THAI_MONTHS if language == "th" else _MONTHS
    return f"{day.day} {months[day.month - 1]} {day.year}"


def time_text(at: datetime, language: str, country: str) -> str:
    """The time by the clocks of a country: "14:32", "14:32 น."; "07:32 UTC" for a country with several clocks."""
    text = f"{_local(at, country):%H:%M}{' น.' if language == 'th' else ''}"
    return text if country in _CLOCKS else f"{text} UTC"


def moment_text(at: datetime, language: str, country: str) -> str:
    """Day and time: "12 Nov 2026, 14:32"."""
    between = ", " if language not in ("zh", "vi", "th") else " "
    return f"{date_text(at, language, country)}{between}{time_text(at, language, country)}"


def _local(at: datetime, country: str) -> datetime:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(_CLOCKS.get(country, UTC))
