"""Which address a message means: a saved one, or a new one in the text. Rules read it first; a model is asked only for
what they cannot read, and nothing of its answer counts that does not stand in the shopper's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from kefu.events import ModelError
from kefu.llm import LLM
from kefu.wants.address_fields import AddressFields, country_code, without_control
from kefu.wants.address_rules import address_in, contact_in, names_an_address
from kefu.wants.ask_model import fill
from kefu.wants.spoken import Said, Word, folded, widest, word_list
from shop.views import Address, Customer, SavedAddress

Missing = Literal["address", "line1", "city"]

_PROMPT = Path(__file__).parents[1] / "prompts" / "address.md"
_JOINING = re.compile("[a-z]{0,4}")  # what may stand between the parts: "in", "ở"
_LONGEST = 1000  # characters of the messages that are looked at
_WHOSE = ("home", "office", "parents", "school", "friend")
_EXAMPLES = (
    (
        "Đổi địa chỉ đơn JL10231 sang số 8 ngách 4/15 Phương Mai, phường Kim Liên, Đống Đa, Hà Nội giúp mình nhé",
        AddressFields(line1="số 8 ngách 4/15 Phương Mai", line2="phường Kim Liên, Đống Đa", city="Hà Nội"),
    ),
    (
        "ช่วยเปลี่ยนที่อยู่เป็น 88/3 หมู่ 2 ตำบลแม่เหียะ อำเภอเมือง จังหวัดเชียงใหม่ 50100 ค่ะ",
        AddressFields(line1="88/3 หมู่ 2", line2="ตำบลแม่เหียะ", city="อำเภอเมือง", region="เชียงใหม่", postcode="50100"),
    ),
    (
        "麻烦改成 江苏省苏州市姑苏区十全街120号3楼，王芳收，13900001111",
        AddressFields(
            name="王芳", phone="13900001111", line1="十全街120号3楼", line2="姑苏区", city="苏州市", region="江苏省"
        ),
    ),
    (
        "Can it go to my sister, Anna Cole, Unit 4, 31 Mill Road, Cambridge CB1 2AD instead?",
        AddressFields(name="Anna Cole", line1="31 Mill Road", line2="Unit 4", city="Cambridge", postcode="CB1 2AD"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class AddressMeant:
    """The address, whole, with the id of the saved one that it is; or what is missing: "address" where none is named,
    and saved ones that may be meant."""

    address: Address | None
    saved: str | None = None
    missing: tuple[Missing, ...] = ()
    candidates: tuple[str, ...] = ()


async def address_meant(
    llm: LLM | None, said: Sequence[str], language: str, customer: Customer, current: Address | None
) -> AddressMeant:
    """`said`: the shopper's messages that this is about, oldest first. `current`: where the parcel goes so far; its
    country, name and phone are taken where none is given. Without a model (None, or one that fails) the rules alone."""
    text = "\n".join(map(without_control, said))[:_LONGEST]
    if names_an_address(text):
        fields = await _read(llm, text, language, current)
        if fields.complete or (fields.line1 and not _saved(text, language, customer, current)):
            return _new(fields, customer, current)
    if saved := _saved(text, language, customer, current):
        if len(saved) == 1:
            return AddressMeant(saved[0].address, saved[0].id)
        return AddressMeant(None, missing=("address",), candidates=tuple(one.id for one in saved))
    contact, _ = contact_in(text)
    if current and (contact.phone or contact.name) and not names_an_address(text):
        given = {part: value for part, value in (("phone", contact.phone), ("name", contact.name)) if value}
        return AddressMeant(current.model_copy(update=given))
    if names_an_address(text):
        return _new(fields, customer, current)
    others = tuple(one.id for one in customer.addresses if one.address != current)
    return AddressMeant(None, missing=("address",), candidates=others)


async def _read(llm: LLM | None, text: str, language: str, current: Address | None) -> AddressFields:
    """The new address in the text, by the rules where they read it whole, else with a model's help. A model often
    leaves out a ward or a floor: an answer with a gap is not taken."""
    by_rule = address_in(text, language, current.country if current else "").standing_in([text])
    if by_rule.complete or llm is None:
        return by_rule
    try:
        asked = await fill(llm, AddressFields, _instructions(), _EXAMPLES, text)
    except ModelError:
        return by_rule
    by_model = asked.standing_in([text]) if asked else AddressFields()
    if not by_model.complete or not _JOINING.fullmatch(by_model.leaves_out(text)):
        return by_rule
    sure = {part: getattr(by_rule, part) for part in ("name", "phone", "postcode") if getattr(by_rule, part)}
    return by_model.model_copy(update=sure)


def _new(fields: AddressFields, customer: Customer, current: Address | None) -> AddressMeant:
    missing: list[Missing] = []
    if not fields.line1:
        missing.append("line1")
    if not fields.city:
        missing.append("city")
    if missing:
        return AddressMeant(None, missing=tuple(missing))
    known = current or Address(
        name=customer.name, phone=customer.phone, line1="", city="", country=customer.country
    )  # fmt: skip
    return AddressMeant(
        Address(
            name=fields.name or known.name,
            phone=fields.phone or known.phone,
            line1=fields.line1,
            line2=fields.line2,
            city=fields.city,
            region=fields.region,
            country=country_code(fields.country) or known.country,
            postcode=fields.postcode,
        )
    )


def _saved(text: str, language: str, customer: Customer, current: Address | None) -> list[SavedAddress]:
    """The saved addresses that the words mean: by the customer's own label, else "my office", "the old one"."""
    said, words = Said.of(text, language).without_numbers(), word_list("addresses")
    if words.says(said, "default"):
        return [one for one in customer.addresses if one.is_default]
    others = [one for one in customer.addresses if one.address != current]
    if words.says(said, "other"):
        return others
    if labelled := _by_label(said, customer.addresses):
        return labelled
    heard = words.heard(said, _WHOSE)
    return [one for one in customer.addresses if set(_of_label(one.label)) & set(heard)]


def _by_label(said: Said, saved: Sequence[SavedAddress]) -> list[SavedAddress]:
    """The longest label that is named. A label of one Han character is in too many words."""
    spans = [
        (one, match.span())
        for one in saved
        if len(folded(one.label).strip()) > 1
        for match in Word(folded(one.label), _reading(one.label)).places(said)
    ]
    longest = max((end - start for _, (start, end) in spans), default=0)
    return [one for one in saved if any(o is one and end - start == longest for o, (start, end) in spans)]


def _reading(label: str) -> str:
    """The language by whose rules a label is looked for: as Vietnamese, a Latin one is found without its marks too."""
    return "" if re.search("[\u0e00-\u9fff]", label) else "vi"


def _of_label(label: str) -> list[str]:
    """What a label says of the place: "公司" is an office."""
    said = Said(folded(label), folded(label), "")
    alone = ["home"] if folded(label) == "家" else []
    return alone + [span.key for span in widest(word_list("addresses").spans(said, _WHOSE))]


@cache
def _instructions() -> str:
    return _PROMPT.read_text(encoding="utf-8").strip()
