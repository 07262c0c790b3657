"""From the account to the parcel at the door."""

import re
import secrets
from itertools import pairwise
from typing import Any

from truestyle.cli.common import CommandFailedError
from truestyle.cli.demo.day import Day, Headers

ADDRESS = {
    "full_name": "Ira Menon",
    "phone": "+919812345678",
    "line1": "7 Marine Lines",
    "city": "Mumbai",
    "state": "Maharashtra",
    "pincode": "400020",
}
PIECES = 3  # she keeps one, sends one back, and exchanges one
Goods = dict[str, Any]
Person = dict[str, str]
Variant = dict[str, Any]


def open_account(day: Day) -> Person:
    """A new shopper, with a confirmed address where the store shows what it mails."""
    day.act("Ira opens an account")
    email, password = f"ira.{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
    day.call("POST", "/auth/register", 201, json={"email": email, "password": password, "full_name": "Ira Menon"})
    day.say("She registers", email)
    if day.mails(email) is None:
        day.say("Her mail", "cannot be read here, so her address stays unconfirmed")
    else:
        link = day.wait("The mail with her code", lambda: [one[1] for one in day.mails(email) or []])[0]
        code = re.search(r"^\s*([0-9]{6})\s*$", day.send("GET", f"{link}.txt").text, re.MULTILINE)
        if code is None:
            raise CommandFailedError("The first mail to a new account holds no code.")
        day.call("POST", "/auth/verify-email", json={"email": email, "code": code[1]})
        day.say("She confirms her address", f"with the code {code[1]} from her mail")
    return {"email": email, "password": password}


def look_around(day: Day) -> Goods:
    """Browse, filter and search, down to a product with two sizes that there is enough of."""
    day.act("She looks around")
    first = day.call("GET", "/products", params={"page_size": 5})
    tree = day.call("GET", "/categories")
    day.say("She browses", f"{first['total']} products in {len(tree.get('items', tree))} categories")
    asked = {"q": "kurta", "in_stock": "true", "price_max": "2000", "sort": "price", "page_size": 3}
    found = day.call("GET", "/products", params=asked)
    names = ", ".join(f"{one['name']} ₹{one['price']}" for one in found["items"])
    day.say("Kurtas in stock under ₹2,000", f"{found['total']}: {names}, …")
    asked = {"q": "kurtaa", "facets": "true", "page_size": 24, "in_stock": "true"}
    found = day.call("GET", "/products/search", params=asked)
    sizes = ", ".join(f"{one['label']} {one['count']}" for one in found["facets"]["size"][:5])
    day.say("She types “kurtaa”", f"{found['total']} found all the same; sizes {sizes}")
    for card in found["items"]:
        product = day.call("GET", f"/products/{card['id']}")
        pair = _two_sizes(product["variants"])
        if product["returnable"] and pair is not None:
            break
    else:
        raise CommandFailedError("No kurta is left in two sizes: the demo has nothing to buy.")
    one, other = pair
    told = f"{one['sku']}: {one['available']} there, ₹{one['price']} (MRP ₹{one['mrp']})"
    day.say(f"She opens {product['name']}", told)
    goods = {"product": product["id"], "name": product["name"], "sku": one["sku"], "other": other["sku"]}
    return {**goods, "size": one["size"], "larger": other["size"]}


def _two_sizes(variants: list[Variant]) -> tuple[Variant, Variant] | None:
    """What she buys, and the same a size larger at the same price; sizes are listed from small to large."""
    for one, other in pairwise(variants):
        alike = (one["color"], one["price"]) == (other["color"], other["price"])
        if alike and one["available"] > PIECES and other["available"] > 0 and one["size"] != other["size"]:
            return one, other
    return None


def buy(day: Day, person: Person, staff: Headers, goods: Goods) -> dict[str, Any]:
    """Cart, coupon, quote, checkout and UPI; the confirmed order. Her headers are put into `person`."""
    day.act("She buys, and pays by UPI")
    body = {"product_id": goods["product"], "sku": goods["sku"], "quantity": PIECES}
    cart = day.call("POST", "/cart/add", json=body)
    day.client.cookies.clear()
    day.say(f"As a guest she puts {PIECES} into the cart", f"₹{cart['total']}, of which GST ₹{cart['tax']}")
    person.update(day.signed_in(person["email"], person["password"], {"X-Cart-Token": cart["token"]}))
    ira = headers(person)
    cart = day.call("GET", "/cart", headers=ira)
    day.say("She signs in, and her cart comes along", f"{cart['item_count']} pieces")
    coupon = _coupon(day, staff, goods)
    cart = day.call("POST", "/cart/coupon", json={"code": coupon["code"].lower()}, headers=ira)
    day.say(f"She has a coupon, {coupon['code']}", f"₹{cart['discount']} off: ₹{cart['total']}")
    asked = {"pincode": ADDRESS["pincode"], "payment_type": "upi"}
    quote = day.call("POST", "/checkout/quote", json=asked, headers=ira)
    taxes = f"IGST ₹{quote['tax']['igst']}" if quote["tax"]["igst"] != "0.00" else f"CGST+SGST ₹{quote['tax']['total']}"
    told = f"₹{quote['total']} with shipping ₹{quote['shipping']}, {taxes}, by {quote['estimated_delivery'][:10]}"
    day.say("What would it cost, sent to Mumbai?", told)

    before = available(day, goods)
    body = {"address": ADDRESS, "payment": {"type": "upi"}, "expected_total": quote["total"]}
    once = {**ira, "Idempotency-Key": secrets.token_hex(8)}
    order = day.call("POST", "/checkout", 201, json=body, headers=once)["order"]
    day.say("She orders", f"{order['number']}: {order['status']}, ₹{order['total']}")
    again = day.call("POST", "/checkout", 201, json=body, headers=once)["order"]
    day.require(again["id"] == order["id"], "The same checkout sent twice made two orders.")
    left = available(day, goods)
    day.require(left == before - PIECES, f"{PIECES} pieces were ordered, and the stock went from {before} to {left}.")
    day.say("Her phone sends it twice", f"the same order; {before} → {left} for sale")
    day.say("She sees a QR code, or opens", order["payment"]["action"]["link"])
    reference = {"reference": f"4{secrets.randbelow(10**11):011}"}
    paid = day.call("POST", f"/payments/{order['payment']['id']}/confirm", json=reference, headers=staff)
    order = day.call("GET", f"/orders/{order['id']}", headers=ira)
    told = f"as {paid['reference']}: {order['status']}, paid ₹{order['amount_paid']}"
    day.say("The store finds it in the bank", told)
    body = {"status": "inactive"}
    day.call("PUT", f"/coupons/{coupon['id']}", json=body, headers=staff)
    return dict(order)


def deliver(day: Day, person: Person, staff: Headers, order: dict[str, Any]) -> dict[str, Any]:
    """Pack, invoice, ship with tracking, deliver."""
    day.act("The store delivers")
    ira, place = headers(person), f"/orders/{order['id']}"
    refused = day.call("GET", f"{place}/invoice", 409, headers=ira)
    day.say("Her invoice, before packing", refused["code"])
    day.call("PUT", f"{place}/status", json={"status": "packed"}, headers=staff)
    invoice, told = day.paper(f"{place}/invoice", ira)
    total = invoice["totals"]
    day.require(total["total"] == order["total"], f"The invoice says ₹{total['total']}, the order ₹{order['total']}.")
    day.say(
        "It packs, and the invoice is issued", f"{invoice['number']}: ₹{total['total']}, tax ₹{total['tax']}; {told}"
    )
    body = {"status": "shipped", "tracking": {"carrier": "India Post", "number": "EM123456789IN"}}
    sent = day.call("PUT", f"{place}/status", json=body, headers=staff)
    parcel = sent["tracking"]
    day.say("It ships", f"{parcel['carrier']} {parcel['number']}: {parcel['url']}")
    return _at_the_door(day, staff, order["id"])


def _at_the_door(day: Day, staff: Headers, order_id: str) -> dict[str, Any]:
    for status in ("out_for_delivery", "delivered"):
        order = day.call("PUT", f"/orders/{order_id}/status", json={"status": status}, headers=staff)
    day.say(
        "The parcel is at her door",
        f"{order['number']}: " + " → ".join(one["status"] for one in order["status_history"]),
    )
    return dict(order)


def _coupon(day: Day, staff: Headers, goods: Goods) -> dict[str, Any]:
    body = {
        "code": f"DEMO{secrets.token_hex(3).upper()}",
        "description": "10 % off, once, for the demo",
        "type": "percent",
        "value": "10",
        "usage_limit": 1,
        "product_ids": [goods["product"]],
    }
    return dict(day.call("POST", "/coupons", 201, json=body, headers=staff))


def headers(person: Person) -> Headers:
    """Her headers, once she has signed in."""
    return {"Authorization": person["Authorization"]}


def available(day: Day, goods: Goods) -> int:
    """Pieces of what she buys that are for sale."""
    product = day.call("GET", f"/products/{goods['product']}")
    return next(int(one["available"]) for one in product["variants"] if one["sku"] == goods["sku"])
