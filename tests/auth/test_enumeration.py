"""Whether there is an account cannot be told: the answer is the same, and so is the work done for it.

Work is counted, not timed: passwords hashed and operations of MongoDB, which is what an answer's time is made of.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response

from tests import make
from tests.post import Post
from truestyle.auth.models import Purpose
from truestyle.auth.passwords import Passwords
from truestyle.auth.tries.repository import MAX_GUESSES, MAX_TRIES
from truestyle.kit import clock
from truestyle.shop import Shop
from truestyle.users.models import UserStatus

PASSWORD, NOBODY = "a long and unlikely phrase", "nobody@example.com"
Work = Counter[tuple[str, str]]
Worked = Callable[[str, dict[str, Any]], Awaitable[tuple[Response, Work]]]


@pytest.fixture
async def worked(client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Worked:
    """An answer, and what it took."""
    hashed, run = [], Passwords._run  # noqa: SLF001 - every hash goes through it

    async def counted(self: Passwords, work: Callable[[], Any]) -> Any:
        hashed.append(work)
        return await run(self, work)

    monkeypatch.setattr(Passwords, "_run", counted)
    await shop.keys.passwords.verify("x", None)  # what it compares strangers with is made once

    async def look(path: str, body: dict[str, Any]) -> tuple[Response, Work]:
        db = shop.store.db
        await shop.store.failures.collection.delete_many({})  # the first failure of an address is more work
        hashed.clear()
        await db.command("profile", 2)
        try:
            answer = await client.post(path, json=body, headers={"x-request-id": "same"})
        finally:
            await db.command("profile", 0)
        rows = await db["system.profile"].find({"op": {"$ne": "getmore"}}).to_list()
        await db.drop_collection("system.profile")
        places = [(one["op"], one["ns"].split(".", 1)[1]) for one in rows if "$changeStream" not in str(one)]
        hashes = [("hash", "passwords")] * len(hashed)
        return answer, Counter([*(one for one in places if "profile" not in one[1]), *hashes])

    return look


@pytest.fixture
async def accounts(shop: Shop) -> dict[str, str]:
    """Addresses of every kind of account, and of none."""
    hashed = await shop.keys.passwords.hash(PASSWORD)
    people = {
        "confirmed": await make.person(shop, password_hash=hashed, email_verified=True),
        "not confirmed": await make.person(shop, password_hash=hashed),
        "an administrator's": await make.person(shop, "admin", password_hash=hashed),
        "suspended": await make.person(shop, password_hash=hashed, status=UserStatus.ACTIVE),
        "without a password": await make.person(shop),
    }
    await shop.store.users.change(people["suspended"].user.id, {"$set": {"status": UserStatus.SUSPENDED}})
    return {kind: one.user.email for kind, one in people.items()}


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a wrong password": ("/auth/login", {"password": "not this one, surely"}),
    "asking for a new password": ("/auth/forgot-password/request", {}),
    "asking for the code again": ("/auth/verify-email/resend", {}),
    "a wrong code for a new password": ("/auth/forgot-password/verify", {"otp": "000000", "new_password": PASSWORD}),
    "a wrong code to confirm": ("/auth/verify-email", {"code": "000000"}),
}


@pytest.mark.parametrize("words", REQUESTS)
async def test_the_same_answer_for_the_same_work_whether_or_not_there_is_an_account(
    worked: Worked, accounts: dict[str, str], shop: Shop, words: str
) -> None:
    path, body = REQUESTS[words]
    for purpose in (Purpose.RESET, Purpose.VERIFY):  # somebody is waiting for a code
        user = await shop.store.users.by_email(accounts["confirmed"])
        assert user is not None
        await shop.keys.codes.issue(shop.store, user.id, purpose, user.email)
    unknown, work = await worked(path, {**body, "email": NOBODY})
    assert unknown.status_code in {202, 400, 401}
    assert sum(work.values()) > 0
    assert (words == "a wrong password") == (work["hash", "passwords"] == 1)
    for kind, email in accounts.items():
        answer, same = await worked(path, {**body, "email": email})
        assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content), kind
        assert same == work, kind
        assert set(answer.headers) == set(unknown.headers), kind


async def test_registering_a_taken_address_says_so_and_hashes_nothing(worked: Worked, accounts: dict[str, str]) -> None:
    """The one documented exception; it cannot be told apart by time what is told in words."""
    body = {"email": accounts["confirmed"], "password": PASSWORD, "full_name": "X"}
    answer, work = await worked("/auth/register", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate")
    assert work["hash", "passwords"] == 0


async def test_asking_again_and_again_gives_no_more_than_a_days_measure_of_tries(
    client: AsyncClient, shop: Shop, post: Post, shopper: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code has five tries and there are five codes an hour: without a measure over all, a year would find one."""
    email, now = shopper.user.email, clock.now
    path, hour = "/auth/forgot-password", timedelta(hours=1, seconds=1)
    moments = [0, 0, 0, 0, 0, 1, 1, 2, 3, 22]  # hours in which a new code is asked for, and tried as often as it goes

    def travelled(hours: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: now() + hours * hour)

    async def asked(hours: int) -> str:
        travelled(hours)
        await client.post(f"{path}/request", json={"email": email})
        return await post.code(email)

    async def tries_of(code: str) -> int:
        """How many wrong tries the code allowed."""
        body = {"email": email, "otp": f"{(int(code) + 1) % 1_000_000:06d}", "new_password": PASSWORD}
        answers = [await client.post(f"{path}/verify", json=body) for _ in range(MAX_TRIES + 1)]
        assert {one.json()["code"] for one in answers} == {"otp_invalid"}
        row = await shop.store.codes.first({"user_id": shopper.user.id})
        assert row is not None
        return row.tries

    outcomes = [await tries_of(await asked(hours)) for hours in moments]
    assert outcomes == [5, 5, 5, 5, 0, 0, 0, 0, 0, 0]
    assert sum(outcomes) == MAX_GUESSES
    right = {"email": email, "otp": await asked(23), "new_password": PASSWORD}
    assert (await client.post(f"{path}/verify", json=right)).json()["code"] == "otp_invalid", "even the right one"
    by_link = {"token": await post.token(email), "new_password": PASSWORD}
    assert (await client.post(f"{path}/verify", json=by_link)).status_code == 200, "but the owner gets in by the link"
    assert await tries_of(await asked(25)) == MAX_TRIES, "another day"
