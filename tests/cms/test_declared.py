"""The life of a row of every declared table, over HTTP: lookups and content alike."""

from typing import Any

import httpx
import pytest

from tests import make
from truestyle.catalog.lookups import RESOURCES
from truestyle.cms.content import CONTENT
from truestyle.kit.resource import Resource

EVERY = [pytest.param(one, id=one.name) for one in (*RESOURCES, *CONTENT)]
NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"


def first_field(resource: Resource[Any]) -> str:
    return next(name for name, value in resource.example.items() if isinstance(value, str))


@pytest.mark.parametrize("resource", EVERY)
async def test_the_life_of_a_row(resource: Resource[Any], client: httpx.AsyncClient, staff: make.Person) -> None:
    path, name = resource.path, first_field(resource)
    example = dict(resource.example)

    made = await client.post(path, json=example, headers=staff.headers)
    assert made.status_code == 201, made.text
    row = made.json()
    assert made.headers["location"] == f"/api/v1{path}/{row['id']}"
    assert {key: row[key] for key, value in example.items() if isinstance(value, str)} == {
        key: value for key, value in example.items() if isinstance(value, str)
    }
    assert (await client.get(f"{path}/{row['id']}")).json() == row
    assert row in (await client.get(path, params={"page_size": 100})).json()["items"]

    same = await client.put(f"{path}/{row['id']}", json={}, headers=staff.headers)
    assert same.json() == row
    changed = await client.patch(
        f"{path}/{row['id']}", json={name: "Something else"}, headers={**staff.headers, "if-match": '"1"'}
    )
    assert (changed.status_code, changed.json()[name], changed.json()["version"]) == (200, "Something else", 2)
    stale = await client.put(f"{path}/{row['id']}", json={name: "Later"}, headers={**staff.headers, "if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    for wrong in (
        {"id": NOWHERE},
        {"version": 9},
        {"created_at": "2026-01-01T00:00:00Z"},
        {"nonsense": 1},
        {name: None},
    ):
        refused = await client.put(f"{path}/{row['id']}", json=wrong, headers=staff.headers)
        assert refused.status_code == 422, (wrong, refused.text)
    assert (await client.get(f"{path}/{row['id']}")).json() == changed.json()

    assert (await client.delete(f"{path}/{row['id']}", headers=staff.headers)).status_code == 204
    for gone in (
        await client.get(f"{path}/{row['id']}"),
        await client.put(f"{path}/{row['id']}", json={}, headers=staff.headers),
        await client.delete(f"{path}/{row['id']}", headers=staff.headers),
        await client.get(f"{path}/not-an-id"),
    ):
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("resource", [one for one in EVERY if "name" in one.values[0].document.model_fields])  # type: ignore[union-attr]
async def test_reorder_puts_a_whole_list_into_an_order(
    resource: Resource[Any], client: httpx.AsyncClient, staff: make.Person
) -> None:
    rows = []
    for number in range(4):
        body = {**resource.example, first_field(resource): f"Row {number}"}
        rows.append((await client.post(resource.path, json=body, headers=staff.headers)).json()["id"])
    wanted = [rows[2], rows[0], rows[3]]

    ordered = await client.put(f"{resource.path}/reorder", json={"ids": wanted}, headers=staff.headers)

    assert ordered.status_code == 200, ordered.text
    ids = [one["id"] for one in ordered.json()["items"]]
    assert ids[:3] == wanted
    assert set(rows) <= set(ids)
    listed = (await client.get(resource.path, params={"page_size": 100})).json()["items"]
    assert [one["id"] for one in listed] == ids
    for wrong in ([*wanted, wanted[0]], [NOWHERE], [], ["x"]):
        refused = await client.put(f"{resource.path}/reorder", json={"ids": wrong}, headers=staff.headers)
        assert refused.status_code == 422, wrong
    assert [one["id"] for one in (await client.get(resource.path, params={"page_size": 100})).json()["items"]] == ids
