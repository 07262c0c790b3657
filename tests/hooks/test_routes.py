"""The routes of endpoints and deliveries."""

from typing import Any

import httpx
import pytest

from tests import make
from tests.hooks.conftest import Hooks
from tests.hooks.receiver import Receiver, answer
from truestyle.shop import Shop


class TestRoutes:
    async def test_the_life_of_an_endpoint(self, hooks: Hooks, receiver: Receiver, client: httpx.AsyncClient) -> None:
        body = {"url": receiver.url(), "events": ["order.placed"], "description": "The ERP"}
        made = await hooks.post("", body)
        assert made.headers["location"] == f"/api/v1/webhook-endpoints/{made.json()['id']}"
        row = await hooks.get(f"/{made.json()['id']}")
        assert row == {name: value for name, value in made.json().items() if name != "secret"}
        assert (row["active"], row["failures"], row["version"]) == (True, 0, 1)
        changed = (await hooks.put(f"/{row['id']}", {"events": ["stock.low"]})).json()
        assert (changed["events"], changed["url"], changed["version"]) == (["stock.low"], row["url"], 2)
        stale = await client.put(
            f"/webhook-endpoints/{row['id']}",
            json={"active": False},
            headers={**hooks.admin.headers, "if-match": '"1"'},
        )
        assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
        assert [one["id"] for one in (await hooks.get(active="true"))["items"]] == [row["id"]]
        assert (await hooks.get(active="false"))["items"] == []
        gone = await client.delete(f"/webhook-endpoints/{row['id']}", headers=hooks.admin.headers)
        assert gone.status_code == 204
        for path in ("", "/deliveries"):
            found = await client.get(f"/webhook-endpoints/{row['id']}{path}", headers=hooks.admin.headers)
            assert found.status_code == 404

    @pytest.mark.parametrize(
        "wrong",
        [
            {"url": "ftp://example.com/x"},
            {"url": "https://user:pw@example.com/x"},
            {"url": "https://example.com/#x"},
            {"url": "https://10.0.0.7/x"},
            {"url": "http://169.254.169.254/latest"},
            {"url": "https://[fd00:ec2::254]/x"},
            {"url": "https://[::ffff:10.0.0.1]/x"},
            {"url": "https://0xa9fea9fe/x"},
            {"url": "https://exa mple.com/x"},
            {"events": []},
            {"events": ["order.placed", "order.placed"]},
            {"events": ["order.*"]},
            {"secret": "whsec_mine"},
            {"active": "yes"},
        ],
        ids=lambda one: str(next(iter(one.values()))) or "none",
    )
    async def test_what_is_refused(self, wrong: dict[str, Any], hooks: Hooks, shop: Shop) -> None:
        refused = await hooks.post("", {"url": "https://erp.example.com/x", "events": ["order.placed"], **wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_error"), refused.text
        assert await shop.store.hooks.count({}) == 0

    async def test_there_may_be_fifty(self, hooks: Hooks, shop: Shop) -> None:
        for number in range(50):
            await hooks.add(f"https://erp.example.com/{number}", ["order.placed"])
        more = await hooks.post("", {"url": "https://erp.example.com/x", "events": ["order.placed"]})
        assert (more.status_code, more.json()["code"]) == (409, "too_many_endpoints")
        assert await shop.store.hooks.count({}) == 50

    async def test_deliveries_are_paged_by_key_and_narrowed(self, hooks: Hooks, receiver: Receiver, shop: Shop) -> None:
        made = await hooks.add(receiver.url(), ["product.created"])
        for _ in range(5):
            await make.product(shop)
        receiver.answers = [answer(500)]
        await hooks.work()
        path, seen, cursor = f"/{made['id']}/deliveries", [], None
        while True:
            page = await hooks.get(path, page_size=2, **({"cursor": cursor} if cursor else {}))
            seen += [one["id"] for one in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(set(seen)) == len(seen) == 5
        assert seen == sorted(seen, reverse=True)
        assert len(await hooks.deliveries(made, status="delivered")) == 4
        assert len(await hooks.deliveries(made, status="waiting", event="product.created")) == 1
        assert await hooks.deliveries(made, event="stock.low") == []

    async def test_each_list_has_its_index(self, shop: Shop) -> None:
        key = (await shop.store.hooks.count({})) or 1
        for where in ({}, {"status": "failed"}, {"event": "stock.low"}):
            found = await shop.store.hook_deliveries.collection.find(
                {"endpoint_id": key, **where}, sort=[("_id", -1)], limit=21
            ).explain()
            plan = str(found["queryPlanner"]["winningPlan"])
            assert "IXSCAN" in plan
            assert "'SORT'" not in plan
