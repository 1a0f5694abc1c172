"""Plans for what belongs to the customer and to no order: their default address, and what is remembered of them."""

from __future__ import annotations

from shop.changes import Change, ChangeDefaultAddress, ForgetMe, Line
from shop.errors import Refused
from shop.planning_basis import Known, Plan
from shop.views import Address


def change_default_address(wish: ChangeDefaultAddress, known: Known) -> Plan:
    """Where future orders go; orders that were placed keep their address."""
    customer = known.customer
    old = next((saved.address for saved in customer.addresses if saved.is_default), None)
    new = complete(wish.address, name=old.name if old else customer.name, phone=old.phone if old else customer.phone)
    if new == old:
        raise Refused("same_address")
    line = Line(what="address", old=old, new=new)
    return Plan(Change(kind=wish.kind, order=None, lines=(line,), money=None, method=None), default_address=new)


def forget_me(wish: ForgetMe, known: Known) -> Plan:
    if not known.memory:
        raise Refused("nothing_to_forget")
    lines = tuple(Line(what="memory", old=f"{key}: {value}") for key, value in sorted(known.memory.items()))
    return Plan(Change(kind=wish.kind, order=None, lines=lines, money=None, method=None), forget=True)


def complete(address: Address, *, name: str, phone: str) -> Address:
    """The address without stray blanks, its country in upper case, with a name and a phone where it has none.
    Refused when a part is missing that no parcel arrives without."""
    parts = {key: " ".join(value.split()) for key, value in address.model_dump().items()}
    for field in ("line1", "city", "country"):
        if not parts[field]:
            raise Refused("address_incomplete", field=field)
    parts |= {
        "country": parts["country"].upper(),
        "name": parts["name"] or name,
        "phone": parts["phone"] or phone,
    }
    return Address(**parts)
