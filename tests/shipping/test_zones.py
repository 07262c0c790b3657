"""Where parcels go, for how much and how fast: zones that staff keep, and one answer for all of it."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, refused, settle
from tests.shipping.charging import FAR, HOME, METRO, NOWHERE, REST, Zoning
from truestyle.seed.zones import seed_zones, zones
from truestyle.shipping.carriers import Destination, tracking_url
from truestyle.shipping.table import SUBJECT, Sheet
from truestyle.shop import Shop

TERMS = ("zone", "deliverable", "shipping_fee", "free_shipping_from", "cod", "cod_fee", "cod_ceiling", "estimated_days")
AT_FIRST = (None, True, "0.00", None, True, "0.00", "50000.00", 5)


def terms(said: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(said[name] for name in TERMS)


async def test_without_zones_the_settings_hold_everywhere(zoning: Zoning) -> None:
    for pin in (HOME, METRO, REST, FAR):
        assert terms(await zoning.asked(pin)) == AT_FIRST
    nowhere = await zoning.asked(NOWHERE)
    assert (nowhere["deliverable"], nowhere["cod"], nowhere["state"]) == (False, False, None)
    assert (nowhere["estimated_days"], nowhere["estimated_delivery"]) == (None, None)


async def test_the_zones_a_store_opens_with_change_nothing_until_they_are_given_rates(
    zoning: Zoning, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.store.zones.write(zones())
    settle(monkeypatch, shop, shipping_fee=4900, free_shipping_from=99900, delivery_days=4)
    named = ("Home state", "Metro cities", "Rest of India", "North-east, Jammu and Kashmir, Ladakh, islands")
    for pin, name in zip((HOME, METRO, REST, FAR), named, strict=True):
        assert terms(await zoning.asked(pin)) == (name, True, "49.00", "999.00", True, "0.00", "50000.00", 4)


async def test_they_are_seeded_once(shop: Shop) -> None:
    before = await shop.store.versions.of(SUBJECT)
    try:
        await shop.store.versions.collection.delete_one({"_id": SUBJECT})
        await seed_zones(shop.store)
        assert await shop.store.zones.count({}) == 4
        await shop.store.zones.collection.delete_many({})
        await seed_zones(shop.store)
        assert await shop.store.zones.count({}) == 0
    finally:
        await shop.store.versions.collection.update_one({"_id": SUBJECT}, {"$set": {"n": before + 1}}, upsert=True)
        shop.push.saw(SUBJECT, before + 1)


async def test_the_first_zone_that_has_a_destination_counts(zoning: Zoning) -> None:
    await zoning.add("Rest", fee="99.00", sort_order=40)
    await zoning.add("Far", states=["assam", "Jammu & Kashmir", "Arunachal Pradesh"], fee="199", days=9, sort_order=30)
    await zoning.add("Home", home_state=True, fee="49.00", days=2, sort_order=20)
    await zoning.add("City", pincodes=["5600"], fee="29", free_from="499", days=1, cod_fee="9", sort_order=10)
    assert terms(await zoning.asked(HOME)) == ("City", True, "29.00", "499.00", True, "9.00", "50000.00", 1)
    assert terms(await zoning.asked("570001"))[:3] == ("Home", True, "49.00")  # Mysuru
    assert terms(await zoning.asked(FAR)) == ("Far", True, "199.00", None, True, "0.00", "50000.00", 9)
    assert terms(await zoning.asked(REST))[:3] == ("Rest", True, "99.00")


async def test_a_pin_can_be_closed_to_everything_or_to_cash(zoning: Zoning) -> None:
    await zoning.add("Flooded", pincodes=["790"], deliverable=False)
    await zoning.add("No cash", pincodes=[REST], cod=False, sort_order=1)
    await zoning.add("Little cash", pincodes=["400"], cod_ceiling="999.00", sort_order=1)
    closed = await zoning.asked(FAR)
    assert (closed["deliverable"], closed["cod"], closed["estimated_delivery"]) == (False, False, None)
    assert (await zoning.asked(REST))["cod"] is False
    assert (await zoning.asked(METRO))["cod_ceiling"] == "999.00"


async def test_two_lakh_rupees_are_never_taken_in_cash(zoning: Zoning) -> None:
    """Income-tax Act, s. 269ST; whatever staff think."""
    await zoning.add("Trusted", pincodes=["400"], cod_ceiling="900000.00", sort_order=1)
    assert (await zoning.asked(METRO))["cod_ceiling"] == "199999.99"


async def test_a_change_holds_for_the_next_question(zoning: Zoning, client: AsyncClient) -> None:
    zone = await zoning.add("All", fee="99.00")
    assert (await zoning.asked(REST))["shipping_fee"] == "99.00"
    path, headers = f"/shipping-zones/{zone['id']}", zoning.staff.headers
    changed = await client.patch(path, json={"fee": "79.00"}, headers=headers)
    assert (changed.json()["fee"], changed.json()["version"]) == ("79.00", 2)
    assert (await zoning.asked(REST))["shipping_fee"] == "79.00"
    stale = await client.put(path, json={"fee": "1.00"}, headers={**headers, "if-match": '"1"'})
    refused(stale, 412, "version_conflict")
    await client.patch(path, json={"fee": None}, headers=headers)
    assert (await zoning.asked(REST))["shipping_fee"] == "0.00"
    await client.patch(path, json={"fee": "5.00", "is_active": False}, headers=headers)
    assert (await zoning.asked(REST))["shipping_fee"] == "0.00"
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.get(path, headers=headers)).status_code == 404


async def test_what_is_kept_is_asked_for_once_and_not_when_in_doubt(
    zoning: Zoning, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await zoning.add("All", fee="99.00")
    read: list[int] = []
    repository, active = type(shop.store.zones), type(shop.store.zones).active

    async def counted(self: Any) -> Any:
        read.append(1)
        return await active(self)

    monkeypatch.setattr(repository, "active", counted)
    for _ in range(5):
        await zoning.asked(REST)
    assert len(read) <= 1
    monkeypatch.setattr(type(shop.push), "sure", property(lambda _: False))
    for _ in range(2):
        await zoning.asked(REST)
    assert len(read) >= 2


@pytest.mark.parametrize(
    "body",
    [
        {"name": " "},
        {"name": "A", "pincodes": ["0123"]},
        {"name": "A", "pincodes": ["5600011"]},
        {"name": "A", "states": ["Atlantis"]},
        {"name": "A", "fee": "-1"},
        {"name": "A", "fee": "1.001"},
        {"name": "A", "days": 0},
        {"name": "A", "sort_order": -1},
        {"name": "A", "cod": "yes"},
        {"name": "A", "price": "1.00"},
        {},
    ],
)
async def test_nonsense_is_refused(zoning: Zoning, client: AsyncClient, shop: Shop, body: dict[str, Any]) -> None:
    answer = await client.post("/shipping-zones", json=body, headers=zoning.staff.headers)
    refused(answer, 422, "validation_error")
    assert await shop.store.zones.count({}) == 0


async def test_the_list_is_in_the_order_in_which_zones_are_asked(zoning: Zoning, client: AsyncClient) -> None:
    for name, place in (("B", 2), ("A", 1), ("C", 3)):
        await zoning.add(name, sort_order=place)
    page = (await client.get("/shipping-zones?page_size=2", headers=zoning.staff.headers)).json()
    assert ([one["name"] for one in page["items"]], page["total"]) == (["A", "B"], 3)
    rest = await client.get(f"/shipping-zones?cursor={page['next_cursor']}&page_size=2", headers=zoning.staff.headers)
    assert [one["name"] for one in rest.json()["items"]] == ["C"]


async def test_the_order_of_the_list_has_an_index(shop: Shop) -> None:
    found = shop.store.zones.collection.find({"is_active": True}, sort=[("sort_order", 1), ("_id", 1)])
    assert "'SORT'" not in str((await found.explain())["queryPlanner"]["winningPlan"])


async def test_an_order_is_charged_and_promised_by_its_zone(zoning: Zoning, buyer: Buyer, shop: Shop) -> None:
    await make.product(shop, price="999", variants=[{"sku": "A"}])
    await zoning.add("Home", home_state=True, fee="49.00", days=1, cod_fee="19.00")
    order = await buyer.order(A=1)
    assert (order["shipping"], order["total"]) == ("68.00", "1067.00")
    assert order["estimated_delivery"] == (await zoning.asked(HOME))["estimated_delivery"]


async def test_where_nothing_is_sent_nothing_is_ordered(zoning: Zoning, buyer: Buyer, shop: Shop) -> None:
    await make.product(shop, price="999", variants=[{"sku": "A"}])
    zone = await zoning.add("Shut", pincodes=["5600"], deliverable=False)
    await buyer.fill(A=1)
    refused(await buyer.check_out(), 409, "not_deliverable")
    path = f"/shipping-zones/{zone['id']}"
    for closed in ({"cod": False}, {"cod": True, "cod_ceiling": "998.99"}):
        await zoning.client.patch(path, json={"deliverable": True, **closed}, headers=zoning.staff.headers)
        refused(await buyer.check_out(), 409, "cod_unavailable")
    assert await shop.store.orders.count({}) == 0
    assert await shop.store.stock.available(["A"]) == {"A": 10}


async def test_the_cart_shows_what_the_quote_and_the_order_charge(zoning: Zoning, buyer: Buyer, shop: Shop) -> None:
    await make.product(shop, price="999", variants=[{"sku": "A"}])
    await zoning.add("Home", home_state=True, fee="49.00")
    await zoning.add("Rest", fee="99.00", sort_order=9)
    await buyer.fill(A=1)

    async def cart() -> str:
        body: str = (await buyer.client.get("/cart", headers=buyer.headers)).json()["total"]
        return body

    assert await cart() == "1098.00"  # nobody knows yet where it goes
    made = await buyer.client.post("/user-address", json=make.ADDRESS, headers=buyer.headers)
    assert await cart() == "1048.00"
    asked = {"address_id": made.json()["id"]}
    quoted = await buyer.client.post("/checkout/quote", json=asked, headers=buyer.headers)
    assert quoted.json()["total"] == "1048.00"
    body = {"address_id": made.json()["id"], "payment": {"type": "cod"}, "expected_total": "1048.00"}
    placed = await buyer.client.post("/checkout", json=body, headers=buyer.headers)
    assert placed.json()["order"]["total"] == "1048.00"


async def test_a_placement_asks_no_zone_inside_its_transaction(
    zoning: Zoning, buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.product(shop, price="999", variants=[{"sku": "A"}])
    await zoning.add("Rest", fee="99.00")
    asked: list[object] = []
    repository, active = type(shop.store.zones), type(shop.store.zones).active

    async def watched(self: Any) -> Any:
        asked.append(self.session)
        return await active(self)

    monkeypatch.setattr(repository, "active", watched)
    monkeypatch.setattr(type(shop.push), "sure", property(lambda _: False))
    await buyer.order(A=1)
    assert asked
    assert set(asked) == {None}


async def test_another_process_hears_of_a_change(zoning: Zoning, app: FastAPI, shop: Shop) -> None:
    """The other one is told by the version alone: here by what the stream would have brought."""
    await zoning.add("All", fee="99.00")
    assert (await zoning.asked(REST))["shipping_fee"] == "99.00"
    await shop.store.zones.collection.update_one({}, {"$set": {"fee": 1100}})  # somebody else's doing
    assert (await zoning.asked(REST))["shipping_fee"] == "99.00"
    shop.push.saw(SUBJECT, await shop.store.versions.bump(SUBJECT))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as other:
        answer = await other.get(f"/shipping/serviceability/{REST}")
    assert answer.json()["shipping_fee"] == "11.00"


def test_the_longest_list_is_asked_with_a_few_looks() -> None:
    sheet = Sheet(zones())
    assert sheet.offer(Destination("560001", "KARNATAKA"), "KARNATAKA").zone == "Home state"
    assert sheet.offer(Destination("560001", "KARNATAKA"), "DELHI").zone == "Metro cities"
    assert sheet.offer(Destination("781001", "ASSAM"), "DELHI").zone == "North-east, Jammu and Kashmir, Ladakh, islands"
    assert sheet.offer(None, "DELHI").zone == "Rest of India"
    assert Sheet([]).offer(None, "DELHI").zone is None


@pytest.mark.parametrize(
    ("carrier", "number", "url"),
    [
        ("Delhivery", "12 3/4", "https://www.delhivery.com/track-v2/package/12%203%2F4"),
        ("BLUE DART", "77", "https://www.bluedart.com/trackdartresultthirdparty?trackFor=0&trackNo=77"),
        ("Acme", "9", "https://acme.example/9"),
        ("Somebody's uncle", "1", None),
    ],
)
def test_the_page_of_a_parcel(carrier: str, number: str, url: str | None) -> None:
    assert tracking_url(carrier, number, ["ACME=https://acme.example/{number}"]) == url
