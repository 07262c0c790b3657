"""Runs small or large: the rule, and what the product page tells after what came back."""

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests.orders.buying import Buyer
from tests.returns.returning import Desk, asking, delivered, made
from truestyle.audit.service import audit, repair
from truestyle.catalog.products.fitting import FitCounts, runs
from truestyle.infra.outbox import EventStatus
from truestyle.returns import fit
from truestyle.shop import Shop


@pytest.mark.parametrize(
    ("small", "large", "kept", "said"),
    [
        (0, 0, 0, None),
        (4, 0, 4, None),  # too few to say
        (5, 0, 5, "small"),
        (0, 5, 5, "large"),
        (5, 0, 45, "small"),  # one in ten
        (5, 0, 46, "true"),
        (6, 3, 20, "small"),  # twice as many
        (5, 3, 20, "true"),  # some find it small, some large
        (3, 6, 20, "large"),
        (0, 0, 19, None),
        (0, 0, 20, "true"),
        (0, 0, -3, None),
    ],
)
def test_the_rule(small: int, large: int, kept: int, said: str | None) -> None:
    assert runs(FitCounts(too_small=small, too_large=large), kept) == said


async def told(client: AsyncClient, shop: Shop, product: str) -> dict[str, object]:
    await shop.worker.drain()
    found: dict[str, object] = (await client.get(f"/products/{product}")).json()["fit"]
    return found


@pytest.mark.usefixtures("books")
async def test_what_is_sent_back_for_its_size_tells_others(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk, kurta: str
) -> None:
    order = await delivered(buyer, desk, K_M=8)
    assert await told(client, shop, kurta) == {"too_small": 0, "too_large": 0, "runs": None}
    paths = [await made(buyer, asking(order, count)) for count in (2, 2)]
    paths.append(await made(buyer, asking(order, 1, new="K-L")))
    other = await made(buyer, asking(order, 1, reason="changed_mind"))
    large = await made(buyer, asking(order, 1, reason="too_large"))
    assert await told(client, shop, kurta) == {"too_small": 0, "too_large": 0, "runs": None}  # only asked for
    for path in (*paths, other, large):
        await desk.move(path, "approved")
    assert await told(client, shop, kurta) == {"too_small": 5, "too_large": 1, "runs": "small"}
    await desk.move(paths[0], "cancelled")
    assert await told(client, shop, kurta) == {"too_small": 3, "too_large": 1, "runs": None}


async def test_a_count_that_is_off_is_found_and_mended(
    shop: Shop, buyer: Buyer, desk: Desk, kurta: str, admin: object
) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1)))
    await desk.move(path, "approved")
    assert (await audit(shop)).breaches == []  # its event waits
    await shop.worker.drain()
    assert (await audit(shop)).breaches == []
    key = ObjectId(kurta)
    await shop.store.products.set_fit({key: {"too_small": 7, "too_large": 0}})
    report = await audit(shop)
    assert [(one.invariant, one.documents) for one in report.breaches] == [("I10", {"fit_of": key})]
    assert await repair(shop, report) == 1
    assert (await audit(shop)).breaches == []
    assert (await shop.store.products.get(key)).fit == FitCounts(too_small=1)


async def test_an_event_that_comes_twice_counts_once(shop: Shop, buyer: Buyer, desk: Desk, kurta: str) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=2)))
    await desk.move(path, "approved")
    await shop.worker.drain()
    event = await shop.store.outbox.first({"topic": fit.CHANGED})
    assert event is not None
    assert event.status is EventStatus.DELIVERED
    await fit.count_in(shop.store, event)
    assert (await shop.store.products.get(ObjectId(kurta))).fit == FitCounts(too_small=2)
