"""Kept cards and UPI addresses, over HTTP."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from cryptography.fernet import Fernet
from httpx import AsyncClient
from structlog.testing import capture_logs

from tests import make
from truestyle.audit.service import audit
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop
from truestyle.wallet import cards
from truestyle.wallet.repository import Cards, Upis
from truestyle.wallet.vault import Vault

NUMBER = "4111111111111111"
CARD = {"number": "4111 1111 1111 1111", "holder_name": "Asha Rao", "expiry_month": 12, "expiry_year": 2099}
OLD, NEW = (base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture(autouse=True)
async def books(shop: Shop, admin: make.Person) -> AsyncIterator[None]:
    yield
    assert (await audit(shop)).breaches == []


@pytest.fixture
def locked(shop: Shop) -> Iterator[None]:
    """CARD_ENC_KEY is set."""
    before, shop.vault = shop.vault, Vault([OLD])
    yield
    shop.vault = before


async def kept(client: AsyncClient, who: make.Person, **body: Any) -> dict[str, Any]:
    answer = await client.post("/card-details", json={**CARD, **body}, headers=who.headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_without_a_key_only_brand_and_last_four_are_kept(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    card = await kept(client, shopper)
    shown = {name: card[name] for name in ("brand", "last4", "holder_name", "expiry_month", "expiry_year")}
    assert shown == {
        "brand": "visa",
        "last4": "1111",
        "holder_name": "Asha Rao",
        "expiry_month": 12,
        "expiry_year": 2099,
    }
    assert set(card) == {*shown, "id", "created_at", "updated_at", "version"}
    (row,) = await shop.store.cards.unwatched.find({}).to_list()
    assert (row["number"], row["token"]) == (None, None)
    assert NUMBER not in str(row)


async def test_with_a_key_the_number_is_locked_and_shown_nowhere(
    client: AsyncClient, shop: Shop, shopper: make.Person, admin: make.Person, locked: None
) -> None:
    with capture_logs() as logs:
        card = await kept(client, shopper)
        path = f"/card-details/{card['id']}"
        changed = await client.put(path, json={"holder_name": "A. Rao"}, headers=shopper.headers)
        listed = await client.get("/card-details", headers=shopper.headers)
        mine = await client.get("/users/me/export", headers=shopper.headers)
        trail = await client.get("/audit", headers=admin.headers)
    (row,) = await shop.store.cards.unwatched.find({}).to_list()
    assert Fernet(OLD).decrypt(row["number"]).decode() == NUMBER
    for said in (str(card), changed.text, listed.text, mine.text, trail.text, str(logs), str(row)):
        assert NUMBER not in said
        assert NUMBER[:12] not in said
    assert changed.json()["holder_name"] == "A. Rao"
    assert [one["last4"] for one in mine.json()["cards"]] == ["1111"]
    assert row["number"].decode() not in trail.text


async def test_keys_rotate_newest_first(client: AsyncClient, shop: Shop, shopper: make.Person, locked: None) -> None:
    card = await kept(client, shopper)
    shop.vault = Vault([NEW, OLD])
    await client.patch(f"/card-details/{card['id']}", json={"holder_name": "B"}, headers=shopper.headers)
    (row,) = await shop.store.cards.unwatched.find({}).to_list()
    assert Fernet(NEW).decrypt(row["number"]).decode() == NUMBER
    shop.vault = Vault([OLD])
    await client.patch(f"/card-details/{card['id']}", json={"holder_name": "C"}, headers=shopper.headers)
    (row,) = await shop.store.cards.unwatched.find({}).to_list()
    assert row["number"] is None, "no listed key opens it"


@pytest.mark.parametrize("value", ["YOUR_FERNET_KEY_BASE64", f"{OLD},short", "x" * 44])
def test_what_is_no_fernet_key_is_refused_by_name(value: str) -> None:
    with pytest.raises(SettingsRefusedError, match="CARD_ENC_KEY") as refused:
        Settings.load(environ={}, card_enc_key=value)
    assert value not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        {"number": "4111 1111 1111 1112"},
        {"number": "0000 0000 0000 0000"},
        {"number": "4111"},
        {"number": 4111111111111111},
        {"cvv": "123"},
        {"cvc": "123"},
        {"number": None},
        {"token": "tok_12345678"},
        {"number": None, "token": "short"},
        {"expiry_month": 13},
        {"expiry_year": 2020},
        {"brand": "visa"},
    ],
)
async def test_what_is_no_card_is_refused_without_saying_it_again(
    client: AsyncClient, shop: Shop, shopper: make.Person, body: dict[str, Any]
) -> None:
    answer = await client.post("/card-details", json={**CARD, **body}, headers=shopper.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert "4111" not in answer.text
    assert "tok_" not in answer.text
    assert await shop.store.cards.count({}) == 0


async def test_a_card_is_good_through_its_last_month(client: AsyncClient, shopper: make.Person) -> None:
    now = datetime.now(UTC)
    before = now.replace(day=1) - timedelta(days=1)
    for month, status in ((now, 201), (before, 422)):
        body = {**CARD, "expiry_month": month.month, "expiry_year": month.year}
        assert (await client.post("/card-details", json=body, headers=shopper.headers)).status_code == status


async def test_a_gateways_token_is_kept_in_place_of_a_number(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    card = await kept(client, shopper, number=None, token="tok_1N3T00LkdIwHu7ix")
    assert (card["brand"], card["last4"]) == ("other", None)
    assert "tok_" not in str(card)
    (row,) = await shop.store.cards.unwatched.find({}).to_list()
    assert row["token"] == "tok_1N3T00LkdIwHu7ix"


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4012888888881881", "visa"),
        ("5555555555554444", "mastercard"),
        ("2223003122003222", "mastercard"),
        ("378282246310005", "amex"),
        ("6521111111111110", "rupay"),
        ("30569309025904", "diners"),
        ("3530111333300000", "jcb"),
        ("6011111111111117", "discover"),
    ],
)
def test_brands_are_told_by_the_beginning(number: str, brand: str) -> None:
    assert cards.plain(number) == number
    assert cards.brand_of(number) == brand


async def test_another_persons_card_looks_like_one_that_never_was(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    stranger = await make.person(shop)
    for path, body, change in (
        ("/card-details", CARD, {"holder_name": "X"}),
        ("/upi-details", {"vpa": "asha@okbank"}, {"is_default": True}),
    ):
        key = (await client.post(path, json=body, headers=shopper.headers)).json()["id"]
        for method, sent in (("GET", None), ("PUT", change), ("PATCH", change), ("DELETE", None)):
            theirs = await client.request(method, f"{path}/{key}", json=sent, headers=stranger.headers)
            none = await client.request(method, f"{path}/{ObjectId('0' * 24)}", json=sent, headers=stranger.headers)
            assert theirs.status_code == none.status_code == 404
            assert theirs.json()["detail"] == none.json()["detail"]
        assert (await client.get(path, headers=stranger.headers)).json()["items"] == []
        assert (await client.get(f"{path}/{key}", headers=shopper.headers)).status_code == 200


async def defaults(client: AsyncClient, who: make.Person) -> list[str]:
    items = (await client.get("/upi-details", headers=who.headers)).json()["items"]
    return [one["vpa"] for one in items if one["is_default"]]


async def test_exactly_one_upi_address_is_the_default_also_at_once(client: AsyncClient, shopper: make.Person) -> None:
    async def add(number: int) -> dict[str, Any]:
        body = {"vpa": f"asha.{number}@okbank", "is_default": number % 2 == 0}
        answer = await client.post("/upi-details", json=body, headers=shopper.headers)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    made = await asyncio.gather(*(add(number) for number in range(8)))  # all of them find an empty book
    assert len(await defaults(client, shopper)) == 1
    await asyncio.gather(
        *(client.put(f"/upi-details/{one['id']}", json={"is_default": True}, headers=shopper.headers) for one in made)
    )
    (default,) = await defaults(client, shopper)
    held = next(one for one in made if one["vpa"] == default)
    refused = await client.put(f"/upi-details/{held['id']}", json={"is_default": False}, headers=shopper.headers)
    assert refused.status_code == 422
    assert (await client.delete(f"/upi-details/{held['id']}", headers=shopper.headers)).status_code == 204
    assert len(await defaults(client, shopper)) == 1


async def test_a_book_never_loses_its_default_when_it_goes_while_another_comes(
    client: AsyncClient, shopper: make.Person
) -> None:
    for number in range(15):
        body = {"vpa": f"asha.{number}@okbank"}
        held = (await client.get("/upi-details", headers=shopper.headers)).json()["items"]
        goes = [client.delete(f"/upi-details/{one['id']}", headers=shopper.headers) for one in held]
        answers = await asyncio.gather(client.post("/upi-details", json=body, headers=shopper.headers), *goes)
        assert [one.status_code for one in answers] == [201, *([204] * len(held))]
        assert await defaults(client, shopper) == [body["vpa"]], number


async def test_an_address_is_kept_once_however_it_is_written(client: AsyncClient, shopper: make.Person) -> None:
    answers = await asyncio.gather(
        *(
            client.post("/upi-details", json={"vpa": vpa}, headers=shopper.headers)
            for vpa in ("asha@okbank", "ASHA@OKBANK", "Asha@OkBank")
        )
    )
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 2}
    for wrong in ("asha", "asha@", "@okbank", "asha@ok bank", "asha@ok@bank", " asha@okbank"):
        answer = await client.post("/upi-details", json={"vpa": wrong}, headers=shopper.headers)
        assert answer.status_code == 422, wrong


async def test_who_leaves_takes_the_wallet_along(client: AsyncClient, shop: Shop, admin: make.Person) -> None:
    leaver = await make.person(shop)
    await kept(client, leaver)
    await client.post("/upi-details", json={"vpa": "asha@okbank"}, headers=leaver.headers)
    assert (await client.delete(f"/users/{leaver.user.id}", headers=admin.headers)).status_code == 204
    assert (await shop.store.cards.count({}), await shop.store.upis.count({})) == (0, 0)


@pytest.mark.parametrize("repository", [Cards, Upis])
async def test_no_list_scans_the_collection(shop: Shop, repository: type[Cards | Upis]) -> None:
    found = repository(shop.store.db).unwatched.find({"user_id": ObjectId("0" * 24)}).sort("_id", -1)
    plan = str((await found.explain())["queryPlanner"]["winningPlan"])
    assert "COLLSCAN" not in plan
    assert "'SORT'" not in plan
