"""Two shops in the shape of tau2's db.json, compared in every field that both keep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from bench.tau2_load import Tau2, full_name


def comparable(db: Tau2) -> Tau2:
    """A shop as it is compared: amounts in whole cents, a name in one piece, and without a card's brand, which is the
    one thing that Kefu's tables have no column for."""
    users = {}
    for id, user in db["users"].items():
        methods = {
            key: {part: value for part, value in method.items() if part != "brand"}
            for key, method in user["payment_methods"].items()
        }
        users[id] = {**user, "name": full_name(user), "payment_methods": methods}
    shop: Tau2 = _rounded({"products": db["products"], "users": users, "orders": db["orders"]})
    return shop


def digest(shop: Tau2) -> str:
    """SHA-256 of the canonical JSON of a comparable shop: users, orders and products with their availability."""
    return hashlib.sha256(json.dumps(shop, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """What is not the same, field by field."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if key not in ours or key not in theirs:
                yield f"{path}/{key}: only {'in the reference' if key in theirs else 'here'}"
            else:
                yield from differences(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for position, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(mine, other, f"{path}/{position}")
    elif ours != theirs:
        yield f"{path}: {json.dumps(ours)}, in the reference {json.dumps(theirs)}"


def _rounded(value: Any) -> Any:
    """Amounts to the cent; tau2 adds them up as floating-point numbers."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(float(value), 2) + 0.0 if isinstance(value, int | float) and not isinstance(value, bool) else value
