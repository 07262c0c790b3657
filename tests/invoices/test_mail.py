"""The mail that says the parcel is on its way brings the invoice."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.orders.buying import Buyer, Staff
from tests.post import Post
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def test_the_invoice_comes_with_the_parcel(
    client: AsyncClient, shop: Shop, buyer: Buyer, packer: Staff, order: dict[str, Any], post: Post
) -> None:
    await packer.bring_to(order["id"], "out_for_delivery")
    await shop.worker.drain()
    paper = await client.get(f"/orders/{order['id']}/invoice", headers=buyer.headers)
    brought = {
        str(mail["subject"]).partition(order["number"])[2]: [
            (one.get_filename(), one.get_content_type(), one.get_content()) for one in mail.iter_attachments()
        ]
        for mail in post.sent.mails
    }
    number = (await shop.store.invoices.first({})).number.replace("/", "-")  # type: ignore[union-attr]
    assert brought.pop(" is on its way") == [(f"invoice-{number}.pdf", "application/pdf", paper.content)]
    assert len(brought) >= 3
    assert not any(brought.values())
