import pytest
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop


async def update(client: AsyncClient, person: make.Person, **fields: str) -> tuple[int, dict[str, object]]:
    parts = {name: (None, value) for name, value in fields.items()}
    answer = await client.put("/users/profile-update", files=parts, headers=person.headers)
    body: dict[str, object] = answer.json()
    return answer.status_code, body


async def test_fields_are_set_and_what_is_left_out_stays(client: AsyncClient, shopper: make.Person) -> None:
    status, first = await update(
        client, shopper, phone="098765 43210", gender="female", date_of_birth="1990-02-28", full_name=" Asha  "
    )
    assert status == 200
    assert (first["phone"], first["gender"], first["date_of_birth"]) == ("+919876543210", "female", "1990-02-28")
    assert first["full_name"] == "Asha"
    status, second = await update(client, shopper, full_name="Asha Rao")
    assert second == {
        **first,
        "full_name": "Asha Rao",
        "version": 3,
        "updated_at": second["updated_at"],
    }
    assert (await client.get("/auth/me", headers=shopper.headers)).json() == second


async def test_an_empty_value_clears_but_a_name_cannot_be_cleared(client: AsyncClient, shopper: make.Person) -> None:
    await update(client, shopper, phone="+919876543210", gender="other", date_of_birth="1990-02-28")
    status, cleared = await update(client, shopper, phone="", gender="", date_of_birth="")
    assert status == 200
    assert [cleared[name] for name in ("phone", "gender", "date_of_birth")] == [None, None, None]
    status, refused = await update(client, shopper, full_name="  ")
    assert (status, refused["code"]) == (422, "validation_error")


async def test_nothing_sent_changes_nothing(client: AsyncClient, shopper: make.Person) -> None:
    answer = await client.put("/users/profile-update", headers=shopper.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == 1


async def test_a_url_encoded_form_does_too(client: AsyncClient, shopper: make.Person) -> None:
    answer = await client.put("/users/profile-update", data={"full_name": "Asha"}, headers=shopper.headers)
    assert answer.json()["full_name"] == "Asha"


@pytest.mark.parametrize(
    "field",
    [
        {"phone": "12"},
        {"gender": "quux"},
        {"date_of_birth": "28-02-1990"},
        {"date_of_birth": "1990-02-30"},
        {"date_of_birth": "631152000"},
        {"date_of_birth": "1899-12-31"},
        {"full_name": "a\u0000b"},
        {"full_name": "x" * 201},
        {"role": "admin"},
        {"email": "x@example.com"},
        {"status": "active"},
        {"email_verified": "true"},
    ],
)
async def test_a_malformed_or_greedy_form_changes_nothing(
    client: AsyncClient, shopper: make.Person, shop: Shop, field: dict[str, str]
) -> None:
    status, body = await update(client, shopper, **field)
    assert (status, body["code"]) == (422, "validation_error"), body
    assert next(iter(field.values())) not in str(body["errors"])
    assert (await shop.store.users.get(shopper.user.id)).model_dump() == shopper.user.model_dump()


async def test_a_stale_version_is_refused(client: AsyncClient, shopper: make.Person) -> None:
    await update(client, shopper, full_name="Asha")
    headers = shopper.headers | {"if-match": '"1"'}
    answer = await client.put("/users/profile-update", data={"full_name": "Late"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
    assert (await client.get("/auth/me", headers=shopper.headers)).json()["full_name"] == "Asha"
