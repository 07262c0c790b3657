"""Where MFA is required of administrators, and what of it is kept: pepper rotation, trail, logs, outbox."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog
from bson import ObjectId
from fastapi import FastAPI

from tests import make
from tests.auth.mfa.phone import PASSWORD, Phone, refused, somebody
from tests.conftest import SECRET, make_settings
from tests.post import Post
from truestyle.audit.service import audit
from truestyle.auth.mfa.service import Relocker
from truestyle.main import create_app
from truestyle.migrations.metadata import METADATA
from truestyle.shop import Shop

PEPPER, OLD = "replaces-the-other-9876543210-zyxw-p", SECRET + "c"


async def opened(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            yield client


@pytest.fixture
async def strict(mongo_uri: str, tmp_path: Path, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The same store, opened with the setting on."""
    del shop
    async for client in opened(
        create_app(make_settings(mongo_uri, tmp_path, mfa_required_for_admins=True), work=False)
    ):
        yield client


async def test_by_default_it_is_required_of_nobody(client: httpx.AsyncClient, admin: make.Person) -> None:
    assert (await client.get("/users", headers=admin.headers)).status_code == 200


async def test_required_an_administrator_can_only_switch_it_on_and_sign_out(
    strict: httpx.AsyncClient, shop: Shop
) -> None:
    admin = await somebody(strict, shop, "admin")
    answer = await admin.login()
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    for method, path in (
        ("GET", "/users"),
        ("GET", "/auth/me"),
        ("GET", "/orders"),
        ("GET", "/dashboard/overview"),
        ("POST", "/brands"),
        ("PUT", f"/users/{admin.person.user.id}/role"),
        ("POST", "/auth/change-password"),
        ("GET", "/users/me/export"),
    ):
        refused(await strict.request(method, path, headers=headers), 403, "mfa_setup_required")
    assert (await strict.get("/auth/mfa", headers=headers)).json()["required"] is True
    admin.headers = headers
    await admin.set_up()
    await admin.enable()
    assert (await strict.get("/users", headers=headers)).status_code == 200
    assert (await admin.step_up()).status_code == 200
    assert (await strict.post("/auth/logout", headers=headers)).status_code == 200


async def test_required_of_administrators_it_is_not_of_others(strict: httpx.AsyncClient, shop: Shop) -> None:
    for role in ("customer", "vendor", "staff"):
        person = await make.person(shop, role)
        assert (await strict.get("/auth/me", headers=person.headers)).status_code == 200


async def test_required_an_administrator_without_it_sees_no_more_than_a_guest(
    strict: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    """Public reads show more to those who may write: that is a permission too, though no guard asks for it."""
    hidden = await make.product(shop, status="draft")
    for headers in (admin.headers, {}):
        assert (await strict.get(f"/products/{hidden.id}", headers=headers)).status_code == 404
    staff = await make.person(shop, "staff")
    assert (await strict.get(f"/products/{hidden.id}", headers=staff.headers)).status_code == 200


async def test_required_somebody_made_an_administrator_is_asked_at_once(strict: httpx.AsyncClient, shop: Shop) -> None:
    phone = await somebody(strict, shop, "staff")
    assert (await strict.get("/orders", headers=phone.headers)).status_code == 200
    boss = await somebody(strict, shop, "admin")
    await boss.set_up()
    await boss.enable()
    await boss.step_up()
    path = f"/users/{phone.person.user.id}/role"
    assert (await strict.put(path, json={"role": "admin"}, headers=boss.headers)).status_code == 200
    refused(await strict.get("/orders", headers=phone.headers), 403, "mfa_setup_required")


async def test_required_it_can_be_switched_off_but_then_it_is_asked_for_again(
    strict: httpx.AsyncClient, shop: Shop
) -> None:
    admin = await somebody(strict, shop, "admin")
    await admin.set_up()
    await admin.enable()
    body = {"password": PASSWORD, "code": await admin.fresh()}
    assert (await admin.post("/auth/mfa/disable", body)).status_code == 200
    refused(await strict.get("/users", headers=admin.headers), 403, "mfa_setup_required")


async def test_after_the_pepper_was_replaced_secrets_and_recovery_codes_still_work(
    asha: Phone, mongo_uri: str, tmp_path: Path
) -> None:
    both = create_app(make_settings(mongo_uri, tmp_path, token_hash_pepper=f"{PEPPER},{OLD}"), work=False)
    async for client in opened(both):
        rotated = Phone(client, asha.shop, asha.person, asha.secret, asha.recovery)
        await rotated.sign_in()
        assert (await rotated.verify(await rotated.token(), asha.recovery[0])).status_code == 200
        assert await Relocker(both.state.shop.store, both.state.shop.box).relock() == 1
        assert await Relocker(both.state.shop.store, both.state.shop.box).relock() == 0
    async for client in opened(create_app(make_settings(mongo_uri, tmp_path, token_hash_pepper=PEPPER), work=False)):
        replaced = Phone(client, asha.shop, asha.person, asha.secret, asha.recovery)
        await replaced.sign_in()
        assert (await replaced.verify(await replaced.token(), asha.recovery[1])).status_code == 200
        refused(await replaced.verify(await replaced.token(), asha.recovery[0]), 401, "mfa_invalid")


async def test_a_secret_under_a_pepper_that_is_gone_lets_nobody_in(asha: Phone, mongo_uri: str, tmp_path: Path) -> None:
    async for client in opened(create_app(make_settings(mongo_uri, tmp_path, token_hash_pepper=PEPPER), work=False)):
        lost = Phone(client, asha.shop, asha.person, asha.secret, asha.recovery)
        refused(await lost.verify(await lost.token(), await lost.fresh()), 401, "mfa_invalid")
        refused(await lost.verify(await lost.token(), lost.recovery[0]), 401, "mfa_invalid")


async def test_secrets_that_cannot_be_opened_do_not_hold_the_others_up(
    asha: Phone, mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truestyle.auth.mfa.service.RELOCK_BATCH", 2)
    rows, mine = asha.shop.store.second_factors.unwatched, {"user_id": asha.person.user.id}
    row = await rows.find_one(mine)
    assert row is not None
    lost = [{**row, "_id": ObjectId(), "user_id": ObjectId(), "locked_by": " lost"} for _ in range(4)]
    await rows.insert_many(lost)  # bound to another account: nothing opens them
    other = Shop(make_settings(mongo_uri, tmp_path, token_hash_pepper=f"{PEPPER},{OLD}"))
    try:
        relocker = Relocker(other.store, other.box)
        assert [await relocker.relock() for _ in range(4)] == [0, 0, 1, 0]
        assert (await rows.find_one(mine) or {})["locked_by"] == other.box.newest
    finally:
        await other.close()


async def test_the_look_for_old_locks_uses_an_index(shop: Shop) -> None:
    order = [("locked_by", 1), ("_id", 1)]
    rows = shop.store.second_factors.unwatched
    plan = await rows.find({"locked_by": {"$ne": shop.box.newest}}, sort=order, skip=2, limit=100).explain()
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
    assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])


async def test_no_secret_or_code_is_anywhere_but_in_its_locked_box(asha: Phone, shop: Shop, post: Post) -> None:
    """Through a whole life of it, everything that was kept, sent, logged or answered is searched."""
    codes, answers = [], []
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            codes.append(await asha.fresh())
            answers.append(await asha.verify(await asha.token(), codes[-1]))
        codes.append(await asha.fresh())
        answers.append(await asha.post("/auth/step-up", {"code": codes[-1]}))
        answers.append(await asha.verify(await asha.token(), asha.recovery[0]))
        answers.append(await asha.verify(await asha.token(), asha.recovery[0]))
        answers.append(await asha.client.get("/users/me/export", headers=asha.headers))
        answers += [await asha.verify(await asha.token(), "zzzzz-zzzzz") for _ in range(5)]
        mails = [str(one) for one in await post.of(asha.email)]
    row = await shop.store.second_factors.of(asha.person.user.id)
    assert row is not None
    key = shop.box.open(row.locked, f"mfa:{asha.person.user.id}")["recovery"]
    kept = [
        str(one) for name in await shop.store.db.list_collection_names() async for one in shop.store.db[name].find({})
    ]
    async with shop.sql.connect() as connection:
        kept += [str(one) for table in METADATA.sorted_tables for one in await connection.execute(table.select())]
    everywhere = "\n".join([*kept, *mails, *map(str, logs), *(one.text for one in answers)])
    for searched in (asha.person.user.email, "mfa_guessed", "wrong code", "Somebody tried codes"):
        assert searched in everywhere, "something was searched"
    for secret in (asha.secret, key, *asha.recovery, *(one.replace("-", "") for one in asha.recovery)):
        assert secret not in everywhere
    for code in {one for one in codes if not one.endswith("000")}:  # that may be the fraction of a second
        assert re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", everywhere) is None
    await shop.keys.lockout.forgive_codes(asha.person.user.id)
    body = {"password": PASSWORD, "code": await asha.fresh()}
    assert (await asha.post("/auth/mfa/disable", body)).status_code == 200
    trail = [str(one) async for one in shop.store.db["audit"].find({})]
    assert len(trail) > 3
    assert asha.secret not in "".join(trail)


async def test_switching_it_and_using_a_recovery_code_are_in_the_audit_trail_and_every_code_is_not(
    asha: Phone, shop: Shop
) -> None:
    await asha.sign_in()
    await asha.verify(await asha.token(), asha.recovery[0])
    body = {"password": PASSWORD, "code": await asha.fresh()}
    await asha.post("/auth/mfa/disable", body)
    rows = shop.store.db["audit"].find({"resource": "second_factors"}).sort("_id", 1)
    entries = [(one["action"], one["actor"]["kind"], one["actor"]["id"]) async for one in rows]
    who = ("user", asha.person.user.id)
    assert entries == [("create", *who), ("update", *who), ("update", *who), ("delete", *who)]
    marks = shop.store.db["audit"].find({"resource": "users", "details": {"$regex": "mfa_enabled"}, "action": "update"})
    assert len(await marks.to_list()) == 2


async def test_the_audit_finds_codes_that_are_asked_for_without_a_factor_and_the_other_way_round(
    asha: Phone, shop: Shop, admin: make.Person
) -> None:
    users, factors = shop.store.users.unwatched, shop.store.second_factors.unwatched

    async def breaches() -> list[str]:
        return [one.message for one in (await audit(shop)).breaches if one.invariant == "I7"]

    assert await breaches() == []
    await users.update_many({}, {"$set": {"mfa_enabled": False}})
    assert await breaches() == ["a second factor that is switched on and not asked for"]
    await users.update_one({"_id": asha.person.user.id}, {"$set": {"mfa_enabled": True}})
    await users.update_one({"_id": admin.user.id}, {"$set": {"mfa_enabled": True}})
    await factors.insert_one({"user_id": admin.user.id, "enabled_at": None})  # only being set up
    assert await breaches() == ["codes are asked for, and there is no second factor"]
