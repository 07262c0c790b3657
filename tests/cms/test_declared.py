"""The order of every declared table, over HTTP; the life of a row is in tests/contract/test_lives.py."""

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
