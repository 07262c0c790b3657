import asyncio
from typing import Any

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from truestyle.catalog.lookups import Category
from truestyle.shop import Shop


class Tree:
    """The categories, as staff handle them."""

    def __init__(self, client: AsyncClient, staff: make.Person) -> None:
        self.client, self.headers = client, staff.headers

    async def add(self, name: str, parent: str | None = None, **more: Any) -> str:
        body = {"name": name, "parent_id": parent, **more}
        answer = await self.client.post("/categories", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def change(self, key: str, **body: Any) -> httpx.Response:
        return await self.client.put(f"/categories/{key}", json=body, headers=self.headers)

    async def chain(self, length: int) -> list[str]:
        keys: list[str] = []
        for at in range(length):
            keys.append(await self.add(f"Level {at}", keys[-1] if keys else None, slug=f"level-{at}", code=f"l{at}"))
        return keys


@pytest.fixture
def tree(client: AsyncClient, staff: make.Person) -> Tree:
    return Tree(client, staff)


async def circles(shop: Shop) -> int:
    """How many categories are below themselves."""
    above = {row.id: row.parent_id for row in await shop.store.of(Category).all()}
    found = 0
    for key, parent in above.items():
        at, steps = parent, 0
        while at is not None and at != key and steps < len(above):
            at, steps = above[at], steps + 1
        found += at is not None
    return found


async def test_a_category_below_another_has_its_parent_in_code_and_slug(client: AsyncClient, tree: Tree) -> None:
    women = await tree.add("Women")
    kurtas = (await client.get(f"/categories/{await tree.add('Kurtas', women)}")).json()
    assert (kurtas["parent_id"], kurtas["slug"], kurtas["code"]) == (women, "women-kurtas", "women-kurtas")


async def test_a_name_is_unique_below_its_parent_only(client: AsyncClient, tree: Tree, staff: make.Person) -> None:
    women, men = await tree.add("Women"), await tree.add("Men")
    await tree.add("Kurtas", women)
    await tree.add("Kurtas", men)
    body = {"name": "KURTAS", "parent_id": men, "code": "x", "slug": "x"}
    answer = await client.post("/categories", json=body, headers=staff.headers)
    assert (answer.status_code, answer.json()["field"]) == (409, "name")
    root = await client.post("/categories", json={"name": "women", "code": "y", "slug": "y"}, headers=staff.headers)
    assert root.status_code == 409


async def test_long_names_far_down_still_have_a_code_and_a_slug(client: AsyncClient, tree: Tree) -> None:
    parent = await tree.add("p" * 200)
    row = (await client.get(f"/categories/{await tree.add('c' * 200, parent)}")).json()
    assert len(row["code"]) <= 60
    assert len(row["slug"]) <= 120


@pytest.mark.parametrize("parent", ["65af0b12c4a1d2e3f4a5b6c7", "nonsense", 5])
async def test_a_parent_must_exist(client: AsyncClient, staff: make.Person, shop: Shop, parent: object) -> None:
    body = {"name": "Lost", "parent_id": parent}
    answer = await client.post("/categories", json=body, headers=staff.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert await shop.store.db["categories"].count_documents({}) == 0


async def test_a_circle_is_refused_however_long(tree: Tree, shop: Shop) -> None:
    top, middle, bottom = await tree.chain(3)
    for key, parent in ((top, top), (top, middle), (top, bottom), (middle, bottom)):
        answer = await tree.change(key, parent_id=parent)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
        assert answer.json()["errors"][0]["loc"] == ["body", "parent_id"]
    assert await circles(shop) == 0
    assert (await tree.change(bottom, parent_id=top)).status_code == 200
    assert (await tree.change(bottom, parent_id=None)).json()["parent_id"] is None


async def test_two_moves_at_once_never_close_a_circle(tree: Tree, shop: Shop) -> None:
    for at in range(8):
        one, two = await tree.add(f"One {at}"), await tree.add(f"Two {at}")
        answers = await asyncio.gather(tree.change(one, parent_id=two), tree.change(two, parent_id=one))
        assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert await circles(shop) == 0


async def test_three_moves_of_whole_branches_at_once_never_close_a_circle(tree: Tree, shop: Shop) -> None:
    for at in range(4):
        tops = [await tree.add(f"Top {name} {at}") for name in "ABC"]
        ends = [await tree.add(f"End {name} {at}", top) for name, top in zip("ABC", tops, strict=True)]
        moves = zip(tops, [*ends[1:], ends[0]], strict=True)
        answers = await asyncio.gather(*(tree.change(top, parent_id=end) for top, end in moves))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 422]
    assert await circles(shop) == 0


async def test_the_tree_has_a_greatest_depth(client: AsyncClient, tree: Tree, staff: make.Person) -> None:
    deepest = (await tree.chain(8))[-1]
    answer = await client.post("/categories", json={"name": "More", "parent_id": deepest}, headers=staff.headers)
    assert answer.status_code == 422


async def test_a_parent_stays_while_it_has_children(client: AsyncClient, tree: Tree, staff: make.Person) -> None:
    women = await tree.add("Women")
    kurtas = await tree.add("Kurtas", women)
    refused = await client.delete(f"/categories/{women}", headers=staff.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    for key in (kurtas, women):
        assert (await client.delete(f"/categories/{key}", headers=staff.headers)).status_code == 204


async def test_a_child_made_while_its_parent_goes_is_never_left_hanging(
    client: AsyncClient, tree: Tree, staff: make.Person, shop: Shop
) -> None:
    for at in range(8):
        parent = await tree.add(f"Parent {at}")
        body = {"name": f"Child {at}", "parent_id": parent}
        create = client.post("/categories", json=body, headers=staff.headers)
        remove = client.delete(f"/categories/{parent}", headers=staff.headers)
        made, gone = await asyncio.gather(create, remove)
        assert (made.status_code, gone.status_code) in {(201, 409), (422, 204)}
    rows = await shop.store.of(Category).all()
    ids = {row.id for row in rows}
    assert all(row.parent_id is None or row.parent_id in ids for row in rows)


async def test_a_stale_version_is_refused(client: AsyncClient, tree: Tree, staff: make.Person) -> None:
    key = await tree.add("Women")
    headers = staff.headers | {"if-match": '"1"'}
    assert (await client.put(f"/categories/{key}", json={"name": "Ladies"}, headers=headers)).status_code == 200
    stale = await client.put(f"/categories/{key}", json={"parent_id": None, "name": "X"}, headers=headers)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
