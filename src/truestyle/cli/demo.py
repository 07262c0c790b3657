"""`demo`: a shopping day over HTTP, each step printed as it happened."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from truestyle.cli.common import CommandFailedError, console
from truestyle.infra.local.home import Home
from truestyle.seed.seed import DEMO_ADMIN

PREFIX = "/api/v1"
ADDRESS = {
    "full_name": "Ira Menon",
    "phone": "+919812345678",
    "line1": "7 Marine Lines",
    "city": "Mumbai",
    "state": "Maharashtra",
    "pincode": "400020",
}
PATIENCE = 60  # seconds for a store of our own to open


class Day:
    """A shopper and the staff, one request after the other."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.step = 0

    def say(self, what: str, told: str) -> None:
        """Print a step."""
        self.step += 1
        console.print(f"[bold cyan]{self.step:>2}[/] {what:<38} {told}", highlight=False, soft_wrap=True)

    def call(self, method: str, path: str, expected: int = 200, **request: Any) -> Any:
        """Send a request; its JSON. Raises CommandFailedError for any other status than expected."""
        answer = self.client.request(method, PREFIX + path, **request)
        if answer.status_code != expected:
            msg = f"{method} {path}: {answer.status_code} instead of {expected}: {answer.text[:300]}"
            raise CommandFailedError(msg)
        return answer.json() if answer.content else None


def demo(data: Path, url: str | None) -> None:
    """Run the day on `url`, on the store running on `data`, or on one opened for it."""
    home = Home(data)
    running = url or home.running().get("url")
    if running is not None:
        _run(running, _admin(home))
        return
    with tempfile.TemporaryDirectory(prefix="truestyle-demo-") as folder, _own_store(Path(folder)) as own:
        _run(own, _admin(Home(Path(folder))))


def _admin(home: Home) -> tuple[str, str]:
    email = os.environ.get("SEED_ADMIN_EMAIL", DEMO_ADMIN)
    password = os.environ.get("SEED_ADMIN_PASSWORD") or home.secrets().get(f"demo_password:{email}")
    if password is None:
        msg = "The admin's password is not known here. Set SEED_ADMIN_EMAIL and SEED_ADMIN_PASSWORD."
        raise CommandFailedError(msg)
    return email, password


@contextmanager
def _own_store(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    console.print("[dim]No store is running here: opening one for the demo …[/]")
    command = [sys.executable, "-m", "truestyle.cli.app", "dev", "--port", str(port), "--data", str(folder)]
    with (folder / "store.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ourselves
    try:
        ends = time.monotonic() + PATIENCE
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > ends:
                raise CommandFailedError((folder / "store.log").read_text()[-2000:])
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _run(url: str, admin: tuple[str, str]) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        day = Day(client)
        shopper = _sign_up(day)
        guest = _browse(day)
        _buy(day, shopper, guest, admin)
    console.print("[green]The day went well.[/]")


def _sign_up(day: Day) -> dict[str, str]:
    email, password = f"ira.{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
    body = {"email": email, "password": password, "full_name": "Ira Menon"}
    day.call("POST", "/auth/register", 201, json=body)
    day.say("Ira opens an account", email)
    return {"email": email, "password": password}


def _browse(day: Day) -> dict[str, str]:
    first = day.call("GET", "/products", params={"page_size": 5})
    day.say("She browses", f"{first['total']} products")
    found = day.call("GET", "/products", params={"q": "kurta", "in_stock": "true", "price_max": "2000", "page_size": 3})
    names = ", ".join(f"{one['name']} ₹{one['price']}" for one in found["items"])
    day.say("She looks for kurtas under ₹2,000", names)
    product = day.call("GET", f"/products/{found['items'][0]['id']}")
    variant = next(one for one in product["variants"] if one["available"] >= 3)  # noqa: PLR2004
    told = f"{variant['sku']}: {variant['available']} there, ₹{variant['price']} (MRP {variant['mrp']})"
    day.say(f"She opens {product['name']}", told)
    body = {"product_id": product["id"], "sku": variant["sku"], "quantity": 2}
    cart = day.call("POST", "/cart/add", json=body)
    day.say("As a guest she puts two in the cart", f"₹{cart['total']}, of which GST ₹{cart['tax']}")
    day.client.cookies.clear()
    return {"token": cart["token"], "product": product["id"], "sku": variant["sku"]}


def _buy(day: Day, shopper: dict[str, str], guest: dict[str, str], admin: tuple[str, str]) -> None:
    signed_in = day.call("POST", "/auth/login", json=shopper, headers={"X-Cart-Token": guest["token"]})
    ira = {"Authorization": f"Bearer {signed_in['access_token']}"}
    cart = day.call("GET", "/cart", headers=ira)
    day.say("She signs in, and her cart comes along", f"{cart['item_count']} pieces")
    quote = day.call(
        "POST", "/checkout/quote", json={"pincode": ADDRESS["pincode"], "payment_type": "cod"}, headers=ira
    )
    taxes = f"IGST ₹{quote['tax']['igst']}" if quote["tax"]["igst"] != "0.00" else f"CGST+SGST ₹{quote['tax']['total']}"
    day.say("What would it cost, sent to Mumbai?", f"₹{quote['total']}, {taxes}, by {quote['estimated_delivery'][:10]}")
    before = _available(day, guest)
    body = {"address": ADDRESS, "payment": {"type": "cod"}, "expected_total": quote["total"]}
    once = {**ira, "Idempotency-Key": secrets.token_hex(8)}
    order = day.call("POST", "/checkout", 201, json=body, headers=once)["order"]
    day.say("She orders, to pay on delivery", f"{order['number']}: {order['status']}, ₹{order['total']}")
    again = day.call("POST", "/checkout", 201, json=body, headers=once)["order"]
    same = "the same order" if again["id"] == order["id"] else "ANOTHER ORDER"
    day.say("Her phone sends it twice", f"{same}; stock {before} → {_available(day, guest)}")
    staff_in = day.call("POST", "/auth/login", json={"email": admin[0], "password": admin[1]})
    staff = {"Authorization": f"Bearer {staff_in['access_token']}"}
    for status in ("packed", "shipped", "out_for_delivery", "delivered"):
        body = {"status": status}
        if status == "shipped":
            body["tracking"] = {"carrier": "India Post", "number": "EM123456789IN"}
        order = day.call("PUT", f"/orders/{order['id']}/status", json=body, headers=staff)
        day.say("The store", f"{order['status']}; paid ₹{order['amount_paid']}")
    _review(day, ira, staff, guest)
    _change_of_mind(day, ira, guest)
    seen = day.call("GET", "/dashboard/overview", headers=staff)
    told = f"{seen['orders']} sales, ₹{seen['revenue']}, ₹{seen['aov']} each; {seen['orders_by_status']}"
    day.say("The owner looks at the dashboard", told)


def _review(day: Day, ira: dict[str, str], staff: dict[str, str], guest: dict[str, str]) -> None:
    words = {"title": "Soft and well cut", "body": "Washed twice, and it did not shrink.", "rating": 5}
    review = day.call("POST", "/user-reviews", 201, json={"product_id": guest["product"], **words}, headers=ira)
    day.say("She reviews it", f"{review['rating']} stars, verified: {review['verified']}, {review['status']}")
    day.call("PUT", f"/user-reviews/{review['id']}/status", json={"status": "approved"}, headers=staff)
    shown = day.call("GET", f"/products/{guest['product']}/reviews")
    day.say("The store approves it", f"{shown['total']} to read")


def _change_of_mind(day: Day, ira: dict[str, str], guest: dict[str, str]) -> None:
    body = {"product_id": guest["product"], "sku": guest["sku"], "quantity": 1}
    day.call("POST", "/cart/add", json=body, headers=ira)
    placed = day.call("POST", "/orders/", 201, json={"address": ADDRESS, "payment": {"type": "cod"}}, headers=ira)
    held = _available(day, guest)
    reason = {"reason": "Changed my mind"}
    order = day.call("POST", f"/orders/{placed['order_id']}/cancel", json=reason, headers=ira)
    told = f"{order['number']}: {order['status']}; stock {held} → {_available(day, guest)}"
    day.say("She orders one more, and cancels", told)
    refused = day.call("POST", f"/orders/{placed['order_id']}/cancel", 409, json=reason, headers=ira)
    day.say("Cancelling twice", f"{refused['code']}, nothing moves")
    history = day.call("GET", "/orders/history", headers=ira)
    day.say("Her orders", ", ".join(f"{one['number']} {one['status']}" for one in history["items"]))


def _available(day: Day, guest: dict[str, str]) -> int:
    product = day.call("GET", f"/products/{guest['product']}")
    return next(int(one["available"]) for one in product["variants"] if one["sku"] == guest["sku"])
