"""UPI links and their QR codes."""

import io
import re
from collections.abc import Callable

import pytest
from httpx import AsyncClient
from PIL import Image

from tests.orders.buying import refused
from tests.payments.paying import Till
from truestyle.payments.providers import upi

pytestmark = pytest.mark.usefixtures("books")
EXAMPLE = (
    "upi://pay?pa=truestyle@upi&pn=True%20Style&tr=TS2526000001&tn=Order%20TS2526000001&am=1999.00&cu=INR"  # india.md
)


def test_the_link_is_the_published_example() -> None:
    made = upi.link("truestyle@upi", "True Style", "TS2526000001", "Order TS2526000001", 199900, "INR")
    assert made == EXAMPLE


def test_what_is_not_plain_is_encoded_and_notes_are_cut() -> None:
    made = upi.link("a@upi", "Tea & Co+", "T1", "n" * 60, 5, "INR")
    assert "pn=Tea%20%26%20Co%2B&" in made
    assert "tn=" + "n" * 50 + "&am=0.05&" in made


def test_references_are_letters_and_digits() -> None:
    assert upi.plain("TS-26/000 123") == "TS26000123"
    assert len(upi.plain("x" * 99)) == 35


async def test_an_order_by_upi_tells_what_to_open_and_where_its_pictures_are(till: Till, client: AsyncClient) -> None:
    order = await till.order("upi", vpa="asha@okbank")
    action = order["payment"]["action"]
    assert (order["status"], order["payment"]["status"], action["kind"]) == ("placed", "pending", "upi")
    found = re.fullmatch(
        r"upi://pay\?pa=truestyle@upi&pn=True%20Style&tr=(\w+)&tn=(.+)&am=2998.00&cu=INR", action["link"]
    )
    assert found
    assert re.fullmatch(r"[A-Za-z0-9]{1,35}", found[1])
    assert found[1].startswith(order["number"].replace("-", ""))
    payment = await till.payment(order)
    assert (payment.provider_reference, payment.vpa, payment.action) == (found[1], "asha@okbank", action)
    kinds: list[tuple[str, str, Callable[[bytes], bool]]] = [
        ("qr_svg", "image/svg+xml", lambda content: b"<svg" in content),
        ("qr_png", "image/png", lambda content: Image.open(io.BytesIO(content)).size[0] > 100),
    ]
    for name, kind, looks in kinds:
        path = action[name].removeprefix("http://test/api/v1")
        answer = await client.get(path)  # nobody is signed in
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert looks(answer.content)
        refused(await client.get(path[:-1] + ("0" if path[-1] != "0" else "1")), 404, "not_found")


async def test_a_paid_order_has_no_picture_any_more(till: Till, client: AsyncClient) -> None:
    order = await till.order("upi")
    path = order["payment"]["action"]["qr_png"].removeprefix("http://test/api/v1")
    assert (await till.confirm(order)).status_code == 200
    refused(await client.get(path), 404, "not_found")
