"""/admin/integrity: an audit that somebody asks for, its progress, and who hears of what it found."""

from typing import Any

import httpx
import pytest

from tests import make
from truestyle.audit import job as integrity
from truestyle.jobs.models import JobStatus
from truestyle.shop import Shop


async def test_asked_for_it_runs_and_is_kept(client: httpx.AsyncClient, shop: Shop, admin: make.Person) -> None:
    empty = (await client.get("/admin/integrity", headers=admin.headers)).json()
    assert (empty["clean"], empty["job"]) == (None, None)
    asked = await client.post("/admin/integrity", headers=admin.headers)
    assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
    again = await client.post("/admin/integrity", headers=admin.headers)
    assert again.json()["id"] == asked.json()["id"]
    await shop.worker.drain()
    found = (await client.get("/admin/integrity", headers=admin.headers)).json()
    assert (found["clean"], found["breach_count"], found["job"]["status"]) == (True, 0, "done")
    done = found["job"]["progress"]
    assert done["done"] == done["total"] == sum(found["checked"].values()) > 0
    job = await client.get(asked.headers["location"].removeprefix("/api/v1"), headers=admin.headers)
    assert job.json()["status"] == "done"


async def test_a_breach_is_told_and_mailed_where_somebody_hears_it(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.product(shop, stock=5, variants=[{"sku": "A"}])
    await shop.store.stock.collection.update_one({"_id": "A"}, {"$set": {"on_hand": 4, "available": 4}})
    mail = shop.settings.mail.model_copy(update={"alert_email": "keeper@example.com"})
    monkeypatch.setattr(shop.settings, "mail", mail)
    result = await integrity.check(shop)
    assert (result["clean"], result["breach_count"]) == (False, 1)
    found = (await client.get("/admin/integrity", headers=admin.headers)).json()
    assert found["breaches"][0]["message"] == "stock is not the sum of its movements"
    letters = await shop.store.outbox.collection.find({"topic": "mail.integrity_breached"}).to_list()
    assert [one["payload"]["to"] for one in letters] == ["keeper@example.com"]
    assert letters[0]["payload"]["shown"] == ["I1: stock is not the sum of its movements"]
    await shop.worker.drain()


async def test_nobody_is_mailed_of_a_clean_store_or_without_an_address(
    shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admin
    mail = shop.settings.mail.model_copy(update={"alert_email": "keeper@example.com"})
    with monkeypatch.context() as context:
        context.setattr(shop.settings, "mail", mail)
        assert (await integrity.check(shop))["clean"] is True
    await make.product(shop, stock=5, variants=[{"sku": "A"}])
    await shop.store.stock.collection.update_one({"_id": "A"}, {"$set": {"available": 4}})
    assert (await integrity.check(shop))["clean"] is False
    assert await shop.store.outbox.count({"topic": "mail.integrity_breached"}) == 0


async def test_what_takes_too_long_ends_as_a_failure(
    shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admin
    monkeypatch.setattr(integrity, "LONGEST", -1.0)
    result: dict[str, Any] = await integrity.check(shop)
    assert "too much to check" in result["message"]
    job = await shop.store.jobs.last(integrity.KIND)
    assert job is not None
    assert job.status is JobStatus.FAILED
