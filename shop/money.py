"""Amounts of money, in whole minor units of their currency. Knows no rate and no language."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from pydantic import BaseModel, ConfigDict

_DECIMALS = {"VND": 0, "JPY": 0, "KRW": 0}  # ISO 4217; every other currency that is sold in here has two


def decimals(currency: str) -> int:
    """Digits after the point that a currency is written with."""
    return _DECIMALS.get(currency, 2)


class Money(BaseModel):
    """`amount` counts minor units: 12.50 CNY is 1250, 35,000 VND is 35000. May be negative."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # errors are logged

    amount: int
    currency: str  # ISO 4217

    @classmethod
    def of(cls, value: str | int | float | Decimal, currency: str) -> Money:
        """From a number in major units: Money.of("12.50", "CNY"). A fraction of a minor unit is rounded half up."""
        minor = Decimal(str(value)).scaleb(decimals(currency))
        return cls(amount=int(minor.quantize(Decimal(1), ROUND_HALF_UP)), currency=currency)

    @property
    def major(self) -> Decimal:
        """In major units, exactly."""
        return Decimal(self.amount).scaleb(-decimals(self.currency))

    def __add__(self, other: Money) -> Money:
        return Money(amount=self.amount + self._same(other), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=self.amount - self._same(other), currency=self.currency)

    def __neg__(self) -> Money:
        return Money(amount=-self.amount, currency=self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other.amount
