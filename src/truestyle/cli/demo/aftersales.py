"""What comes after delivery: a review, a return, an exchange, a refund; and an order that is called off."""

from typing import Any

from truestyle.cli.demo.day import Day, Headers
from truestyle.cli.demo.shopping import ADDRESS, Goods, Person, available, headers

Order = dict[str, Any]


def review(day: Day, person: Person, staff: Headers, order: Order) -> None:
    """She writes a review, and staff approve it."""
    day.act("She tells what she thinks")
    product = order["items"][0]["product_id"]
    words = {"title": "Soft and well cut", "body": "Washed twice, and it did not shrink.", "rating": 5}
    written = day.call("POST", "/user-reviews", 201, json={"product_id": product, **words}, headers=headers(person))
    day.say("She reviews it", f"{written['rating']} stars, verified: {written['verified']}, {written['status']}")
    day.call("PUT", f"/user-reviews/{written['id']}/status", json={"status": "approved"}, headers=staff)
    shown = day.call("GET", f"/products/{product}/reviews")
    day.say("The store approves it", f"{shown['total']} to read on the product's page")


def send_back(day: Day, person: Person, staff: Headers, order: Order) -> None:
    """One piece comes back for store credit, with a credit note."""
    day.act("She sends one back")
    ira, line = headers(person), order["items"][0]["id"]
    body = {
        "order_id": order["id"],
        "items": [{"order_item_id": line, "quantity": 1}],
        "reason": "too_small",
        "comment": "Tight at the shoulders.",
        "refund_to": "store_credit",
    }
    asked = day.call("POST", "/returns", 201, json=body, headers=ira)
    day.say("She asks for a return", f"{asked['reason']}, ₹{asked['amount']}: {asked['status']}")
    done = _moved(day, staff, "/returns", asked["id"], "approved", "picked_up", "received", "completed")
    day.say("The store takes it back", " → ".join(one["status"] for one in done["status_history"]))
    balance = day.call("GET", "/store-credit", headers=ira)["balance"]
    day.require(balance == done["refund_amount"], f"₹{done['refund_amount']} went back, and ₹{balance} is her credit.")
    day.say("Her money is store credit", f"₹{balance}")
    _note(day, ira, order)


def exchange(day: Day, person: Person, staff: Headers, order: Order, goods: Goods) -> None:
    """Another piece is exchanged for the next size; the replacement is an order of its own."""
    day.act("She exchanges one for a larger size")
    ira, line = headers(person), order["items"][0]["id"]
    wanted = {"order_item_id": line, "quantity": 1, "new_sku": goods["other"]}
    body = {"order_id": order["id"], "items": [wanted], "reason": "too_small"}
    asked = day.call("POST", "/exchanges", 201, json=body, headers=ira)
    told = f"{goods['sku']} → {goods['other']}, difference ₹{asked['price_difference']}: {asked['status']}"
    day.say(f"She wants {goods['larger']} for {goods['size']}", told)
    _moved(day, staff, "/exchanges", asked["id"], "approved", "picked_up", "received")
    body = {"status": "replacement_shipped", "tracking": {"carrier": "Delhivery", "number": "1490812345670"}}
    sent = day.call("PUT", f"/exchanges/{asked['id']}/status", json=body, headers=staff)
    day.say("The replacement is on its way", f"as {sent['replacement_number']}, an order of its own")
    place = f"/orders/{sent['replacement_order_id']}"
    for status in ("out_for_delivery", "delivered"):
        new = day.call("PUT", f"{place}/status", json={"status": status}, headers=staff)
    done = _moved(day, staff, "/exchanges", asked["id"], "completed")
    told = f"{new['number']} {new['status']}, {new['payment']['type']} ₹{new['amount_paid']}; exchange {done['status']}"
    day.say("It arrives", told)
    invoice, paper = day.paper(f"{place}/invoice", ira)
    day.say("With an invoice of its own", f"{invoice['number']}: ₹{invoice['totals']['total']}; {paper}")
    _note(day, ira, order)


def give_back(day: Day, person: Person, staff: Headers, order: Order) -> None:
    """Staff give an amount back; more than is left is refused."""
    day.act("A button was missing")
    place = f"/orders/{order['id']}"
    body = {"amount": "50.00", "reason": "A button was missing"}
    after = day.call("POST", f"{place}/refund", json=body, headers=staff)
    told = f"₹50.00; of ₹{after['amount_paid']} paid, ₹{after['amount_refunded']} are given back"
    day.say("The store gives some back", told)
    refunds = day.call("GET", f"{place}/refunds", headers=staff)["items"]
    waiting = next(one for one in refunds if one["state"] == "pending")
    reference = {"reference": f"R{waiting['id'][-11:].upper()}"}
    paid = day.call(
        "POST", f"/payments/{waiting['payment_id']}/refunds/{waiting['id']}/confirm", json=reference, headers=staff
    )
    day.say("It pays that out by UPI", f"₹{paid['amount']} as {paid['reference']}: {paid['state']}")
    _note(day, headers(person), order)
    body = {"amount": order["total"], "reason": "By mistake"}
    refused = day.call("POST", f"{place}/refund", 409, json=body, headers=staff)
    day.say("The whole order's money once more?", f"{refused['code']}, nothing moves")


def think_again(day: Day, person: Person, goods: Goods) -> None:
    """An order to be paid on delivery, and called off."""
    day.act("She changes her mind")
    ira = headers(person)
    body = {"product_id": goods["product"], "sku": goods["sku"], "quantity": 1}
    day.call("POST", "/cart/add", json=body, headers=ira)
    before = available(day, goods)
    placed = day.call("POST", "/orders/", 201, json={"address": ADDRESS, "payment": {"type": "cod"}}, headers=ira)
    held = available(day, goods)
    day.say("She orders one more, to pay on delivery", f"{placed['order']['number']}: {before} → {held} for sale")
    place, reason = f"/orders/{placed['order_id']}/cancel", {"reason": "Changed my mind"}
    order = day.call("POST", place, json=reason, headers=ira)
    free = available(day, goods)
    day.require(free == before, f"The order was called off, and {free} pieces are for sale instead of {before}.")
    day.say("She calls it off", f"{order['status']}: {held} → {free} for sale")
    refused = day.call("POST", place, 409, json=reason, headers=ira)
    day.say("Twice", f"{refused['code']}, nothing moves")


def _moved(day: Day, staff: Headers, place: str, which: str, *statuses: str) -> dict[str, Any]:
    for status in statuses:
        moved = day.call("PUT", f"{place}/{which}/status", json={"status": status}, headers=staff)
    return dict(moved)


def _note(day: Day, ira: Headers, order: Order) -> None:
    newest = day.call("GET", f"/orders/{order['id']}/credit-notes", headers=ira)["items"][-1]
    note, paper = day.paper(f"/orders/{order['id']}/credit-notes/{newest['id']}", ira)
    told = f"{note['number']} ({note['cause']}) of {note['invoice_number']}: ₹{note['totals']['total']}; {paper}"
    day.say("The credit note", told)
