"""Where Kefu's rules differ from tau2's retail tools on purpose: how, and why."""

from __future__ import annotations

DEPARTURES = {
    "own variant": "tau2 gives every item of one modification the price and the options of the last variant; here each "
    "item gets those of its own.",
    "restocked": "tau2 keeps no stock; here a unit that is cancelled or swapped goes back on the shelf, so a variant "
    "that was sold out can be had again.",
    "no empty refund": "tau2 books a refund of 0 where a modification costs nothing; here nothing is booked.",
    "paid back once": "tau2 refunds every line of a cancelled order's payments, earlier refunds too; here what is "
    "still paid comes back.",
    "same variant": "tau2 exchanges an item for what it is already; here, as in tau2's own policy, that is refused.",
    "same address": "tau2 writes the address an order or customer has already; here that is refused as no change.",
}
