"""The tools there are. Add one here: a function in reads.py or writes.py, and its name in one of the two lists."""

from __future__ import annotations

from kefu.tools import products, reads, writes
from kefu.tools.tool import Function, Toolbox, tool

_OF_A_CUSTOMER: tuple[Function, ...] = (
    reads.list_orders,
    reads.get_order,
    reads.track_shipment,
    reads.get_return_status,
    reads.get_profile,
    reads.show_memory,
    writes.cancel_pending_order,
    writes.change_pending_order_address,
    writes.modify_pending_order_items,
    writes.change_pending_order_payment,
    writes.return_delivered_order_items,
    writes.exchange_delivered_order_items,
    writes.change_default_address,
    writes.forget_me,
)
_OPEN_TO_ALL: tuple[Function, ...] = (
    products.search_products,
    products.recommend,
    products.compare_products,
    products.get_product,
    reads.get_variant,
    reads.list_products,
    reads.transfer_to_human,
)

TOOLS = Toolbox(
    [tool(function) for function in _OF_A_CUSTOMER] + [tool(function, open_to_guests=True) for function in _OPEN_TO_ALL]
)
