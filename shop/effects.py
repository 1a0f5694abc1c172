"""Does what a plan says, on rows that were locked for it. Knows no rule and ends no transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from shop.loading import Rows
from shop.models import AddressRow, CustomerRow, OrderRow, PaymentMethodRow, PaymentRow, ReturnRow
from shop.planning_basis import Plan, Request, Transfer
from shop.views import Address, Variant


async def carry_out(session: AsyncSession, plan: Plan, rows: Rows, now: datetime) -> None:
    """Every part of the plan. A variant that the catalogue does not have any more has no stock to move."""
    if rows.order:
        for column, value in plan.columns.items():
            setattr(rows.order, column, value)
        _modify(rows.order, plan.items)
        for transfer in plan.transfers:
            _transfer(rows.order, rows.customer.payment_methods, transfer, now)
        if plan.request:
            _request(rows.order, plan.request, now)
    variants = rows.variants
    for id, units in plan.stock.items():
        if variant := variants.get(id):
            variant.stock += units
    if plan.default_address:
        _make_default(rows.customer, plan.default_address)
    if plan.forget:
        for remembered in rows.remembered:
            await session.delete(remembered)


def _modify(order: OrderRow, items: Mapping[str, Variant]) -> None:
    for item in order.items:
        if variant := items.get(item.id):
            item.variant, item.options, item.price = variant.id, variant.options, variant.price.amount


def _transfer(order: OrderRow, on_file: list[PaymentMethodRow], transfer: Transfer, now: datetime) -> None:
    order.payments.append(
        PaymentRow(
            kind=transfer.kind,
            amount=transfer.amount.amount,
            method=transfer.method.id,
            method_kind=transfer.method.kind,
            at=now,
        )
    )
    for method in on_file:
        if method.id == transfer.method.id and method.balance is not None:
            method.balance += transfer.amount.amount if transfer.kind == "refund" else -transfer.amount.amount


def _request(order: OrderRow, request: Request, now: datetime) -> None:
    order.returns.append(
        ReturnRow(
            id=str(uuid.uuid4()),
            kind=request.kind,
            status="requested",
            items=list(request.items),
            new_variants=list(request.new_variants),
            money=request.money.amount if request.money else None,
            method=request.method,
            reason=request.reason,
            requested_at=now,
            events=[[now.isoformat(), "requested"]],
        )
    )


def _make_default(customer: CustomerRow, address: Address) -> None:
    """One saved address is the default: an equal one that is saved already, or a new one."""
    chosen = next((saved for saved in customer.addresses if saved.address == address), None)
    if chosen is None:
        chosen = AddressRow(id=str(uuid.uuid4()), label="", address=address, is_default=True)
        customer.addresses.append(chosen)
    for saved in customer.addresses:
        saved.is_default = saved is chosen
