import pytest
from httpx import AsyncClient

from truestyle.setting_groups import ShopSettings
from truestyle.users import addresses


@pytest.mark.parametrize(
    ("pincode", "state", "code"),
    [
        ("560001", "Karnataka", "29"),
        ("110001", "Delhi", "07"),
        ("400001", "Maharashtra", "27"),
        ("600001", "Tamil Nadu", "33"),
        ("160017", "Chandigarh", "04"),
        ("682555", "Lakshadweep", "31"),
        ("194101", "Ladakh", "38"),
    ],
)
async def test_a_pin_code_tells_its_state_and_offices(client: AsyncClient, pincode: str, state: str, code: str) -> None:
    answer = await client.get(f"/address/{pincode}")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["pincode"], body["state"], body["state_code"]) == (pincode, state, code)
    assert body["district"]
    assert body["city"]
    assert body["post_offices"]


@pytest.mark.parametrize("pincode", ["999999", "000000", "012345", "12345", "abcdef", "5600011"])
async def test_an_unknown_or_malformed_pin_is_not_found(client: AsyncClient, pincode: str) -> None:
    answer = await client.get(f"/address/{pincode}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_pin_with_its_inner_space_is_understood(client: AsyncClient) -> None:
    assert (await client.get("/address/560 001")).json()["pincode"] == "560001"


def test_every_state_of_the_directory_has_a_gst_code() -> None:
    states = {addresses.state_of(f"{first}{rest:05d}") for first in range(1, 9) for rest in range(1, 100_000, 7)}
    named = {state for state in states if state}
    assert len(named) > 30
    assert named <= set(addresses.STATE_CODES)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("karnataka", "KARNATAKA"),
        (" Jammu & Kashmir ", "JAMMU AND KASHMIR"),
        ("Orissa", "ODISHA"),
        ("Pondicherry", "PUDUCHERRY"),
        ("Andaman & Nicobar Islands", "ANDAMAN AND NICOBAR ISLANDS"),
        ("NCT of Delhi", "DELHI"),
    ],
)
def test_older_and_looser_names_mean_the_same_state(written: str, key: str) -> None:
    assert addresses.state_key(written) == key


def test_the_store_itself_lies_in_a_known_state() -> None:
    assert addresses.state_key(ShopSettings().store_state) in addresses.STATE_CODES
