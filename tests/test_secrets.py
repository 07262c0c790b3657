"""A store is walked through with planted secrets; afterwards they are in no log, answer, export, row or file."""

import asyncio
import base64
import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import bson
import httpx
import pytest
from pymongo import AsyncMongoClient

from tests.mail.server import PASSWORD as MAIL_PASSWORD
from tests.mail.server import Behaviour, smtp_server
from tests.planted import Planted, dumped, files_of
from tests.running import Process, free_port
from tests.secret_walk import (
    ASHA,
    SECRETS,
    Walk,
    breaks_down,
    buys,
    changes_password_and_address,
    forgets_the_password,
    joins,
    reads_everything,
    sends_what_is_refused,
    told,
)
from truestyle.settings import Settings
from truestyle.shop import Shop


@pytest.fixture
async def walk(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Walk]:
    planted, mail, port = Planted(), Behaviour(), free_port()
    plant = planted.plant
    env = {
        "MONGO_URI": mongo_uri,
        "MONGO_DB": "secrets",
        "TRUESTYLE_DATA": str(tmp_path / "data"),
        "ENVIRONMENT": "production",
        "BACKEND_BASE_URL": "https://store.example",
        "REFRESH_COOKIE_SECURE": "true",
        "RATE_LIMIT_ENABLED": "false",
        "JWT_ACCESS_TOKEN_SECRET": plant("JWT_ACCESS_TOKEN_SECRET", "q8Vn3Xc6Lz1Rb5Tk9Wm2Jf7Hd4Gs0Py-1"),
        "JWT_REFRESH_TOKEN_SECRET": plant("JWT_REFRESH_TOKEN_SECRET", "q8Vn3Xc6Lz1Rb5Tk9Wm2Jf7Hd4Gs0Py-2"),
        "TOKEN_HASH_PEPPER": ",".join(
            plant("TOKEN_HASH_PEPPER", f"q8Vn3Xc6Lz1Rb5Tk9Wm2Jf7Hd4Gs0Py-{number}") for number in (3, 4)
        ),
        "SEED_ADMIN_EMAIL": "owner@example.com",
        "SEED_ADMIN_PASSWORD": plant("SEED_ADMIN_PASSWORD", "planted for the owner/ 7+1"),
        "MAIL_BACKEND": "smtp",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(port),
        "MAIL_USERNAME": "store",
        "MAIL_PASSWORD": plant("MAIL_PASSWORD", MAIL_PASSWORD.decode()),
        "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
        "AWS_SECRET_ACCESS_KEY": plant("AWS_SECRET_ACCESS_KEY", "planted/S3+secret/0123456789/abcd"),
        "STRIPE_PUBLISHABLE_KEY": "pk_live_planted",
        "STRIPE_SECRET_KEY": plant("STRIPE_SECRET_KEY", "sk_live_Pl4ntedPl4ntedPl4nted01"),
        "STRIPE_WEBHOOK_SECRET": plant("STRIPE_WEBHOOK_SECRET", "whsec_Pl4ntedPl4ntedPl4nted02"),
        "RAZORPAY_KEY_ID": "rzp_live_planted",
        "RAZORPAY_KEY_SECRET": plant("RAZORPAY_KEY_SECRET", "Pl4nted-razorpay-key-secret-03"),
        "RAZORPAY_WEBHOOK_SECRET": plant("RAZORPAY_WEBHOOK_SECRET", "Pl4nted-razorpay-webhook-04"),
        # Nothing listens there: connecting fails all the time, and is told of in the log.
        "STRIPE_API_BASE": f"https://127.0.0.1:{free_port()}",
        "RAZORPAY_API_BASE": f"https://127.0.0.1:{free_port()}",
        "REDIS_HOST": f"redis://:{plant('the password of Redis', 'planted-in-redis-77')}@127.0.0.1:{free_port()}/0",
    }
    (tmp_path / "data").mkdir()
    shop = Shop(Settings.load(environ=env))
    await shop.open(work=False)
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "300"}
    try:
        async with smtp_server(mail, port, auth=True):
            process = await asyncio.to_thread(Process, ["serve"], surroundings | env, tmp_path, free_port())
            try:
                await asyncio.to_thread(process.wait_ready)
                hooks: dict[str, Any] = {"response": [planted.saw]}
                async with httpx.AsyncClient(timeout=30, event_hooks=hooks) as client:
                    yield Walk(shop, process, client, planted, mail, tmp_path, surroundings | env)
            finally:
                await asyncio.to_thread(process.stop)
    finally:
        await shop.client.drop_database("secrets")
        await shop.close()


async def test_planted_secrets_are_in_no_log_answer_export_row_or_file(walk: Walk) -> None:
    owner, _ = await walk.signed_in("owner@example.com", walk.env["SEED_ADMIN_PASSWORD"])
    password = await joins(walk)
    password = await forgets_the_password(walk, password)
    asha, password = await changes_password_and_address(walk, password)
    await sends_what_is_refused(walk, asha)
    order = await buys(walk, owner, asha)
    await breaks_down(walk, password, asha)
    assert await walk.search() == []

    exports = await reads_everything(walk, owner, asha)
    await asyncio.sleep(1.5)  # requests reach SQL once a second
    left = await walk.ask("DELETE", "/api/v1/users/me", 200, json={"password": password}, headers=asha)
    assert left.json()
    commands = {name: told(walk, *arguments) for name, arguments in COMMANDS.items()}

    assert await walk.search() == []
    assert walk.planted.in_texts({**exports, **commands}) == []
    # The search looked where something is: the order, and every kind of secret.
    places = {"the log": walk.log, **await dumped(walk.shop.store.db), **files_of(walk.folder / "data")}
    assert order["number"] in places["collection orders"]
    assert "/api/v1/auth/login" in places["truestyle.sqlite3"] + places.get("truestyle.sqlite3-wal", "")
    assert {"request", "request_failed", "refresh_reused"} <= set(re.findall(r'"event": "(\w+)"', places["the log"]))
    assert "Traceback" in places["the log"]
    assert "outbox_handler" in places["the log"], "a mail was refused at first"
    kinds = {one.name for one in walk.planted.secrets}
    assert kinds >= {"code", "token of a link", "access token", "refresh token", "cart token", "password"}
    assert len(walk.planted.secrets) > 40


COMMANDS = {"truestyle audit": ("audit",), "truestyle export": ("export", "catalogue.csv")}


async def test_what_cannot_be_reached_is_told_of_without_its_password(mongo_uri: str, tmp_path: Path) -> None:
    planted, nowhere = Planted(), f"127.0.0.1:{free_port()}"
    env = {
        **{name: f"q8Vn3Xc6Lz1Rb5Tk9Wm2Jf7Hd4Gs0Py-{number}" for number, name in enumerate(SECRETS)},
        "MONGO_URI": mongo_uri,
        "MONGO_DB": "secrets_away",
        "TRUESTYLE_DATA": str(tmp_path / "data"),
        "ENVIRONMENT": "production",
        "REFRESH_COOKIE_SECURE": "true",
        "POSTGRESQL_URI": f"postgresql://store:{planted.plant('of PostgreSQL', 'pg-Pl4nted-pg')}@{nowhere}/store",
        "REDIS_HOST": f"redis://store:{planted.plant('of Redis', 'redis-Pl4nted-redis')}@{nowhere}/0",
        "STORAGE_BACKEND": "s3",
        "S3_BUCKET_NAME": "pictures",
        "S3_ENDPOINT": f"http://{nowhere}",
        "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
        "AWS_SECRET_ACCESS_KEY": planted.plant("of S3", "s3/Pl4nted+s3/abcdefghijklmnop"),
        "MAIL_BACKEND": "smtp",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": nowhere.rpartition(":")[2],
        "MAIL_USERNAME": "store",
        "MAIL_PASSWORD": planted.plant("of the mail server", "smtp-Pl4nted-smtp"),
    }
    env |= {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    process = await asyncio.to_thread(Process, ["serve"], env, tmp_path, free_port())
    try:
        await asyncio.to_thread(process.wait_ready)
        hooks: dict[str, Any] = {"response": [planted.saw]}
        async with httpx.AsyncClient(timeout=30, event_hooks=hooks, base_url=process.url) as client:
            health = await client.get("/health")
            body = {"email": ASHA, "password": "a long and unlikely phrase", "full_name": "Asha"}
            assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201
            await client.get("/api/v1/files/65af0b12c4a1d2e3f4a5b6c7")
            message = {"name": "Asha", "email": ASHA, "subject": "Hello", "message": "Is anybody there?"}
            assert (await client.post("/api/v1/contact-us", json=message)).status_code == 201
            await asyncio.sleep(2)
    finally:
        await asyncio.to_thread(process.stop)
    log = process.log.read_text()
    assert [name for name, one in health.json()["checks"].items() if not one["ok"]] == [
        "sql",
        "cache",
        "storage",
        "mail",
    ]
    assert {"sql_not_migrated", "storage_away", "outbox_handler_waits"} <= set(re.findall(r'"event": "(\w+)"', log))
    async with AsyncMongoClient[dict[str, Any]](mongo_uri) as mongo:
        rows = await dumped(mongo["secrets_away"])
        await mongo.drop_database("secrets_away")
    assert planted.in_answers() + planted.in_texts({"the log": log, **rows}) == []


SAMPLE = "Pl4nted é/ päss+word one"


WAYS: list[Callable[[str], str]] = [
    str,
    quote,
    quote_plus,
    html.escape,
    repr,
    ascii,
    json.dumps,
    lambda secret: secret.encode().hex(),
    lambda secret: secret.encode().hex().upper(),
    *(
        lambda secret, before=before, encode=encode: encode(f"{'x' * before}{secret}, and more".encode()).decode()
        for before in range(4)
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
    ),
]


LEAKS: dict[str, Callable[[Walk, str], Awaitable[None]]] = {}


def leak(act: Callable[[Walk, str], Awaitable[None]]) -> Callable[[Walk, str], Awaitable[None]]:
    LEAKS[act.__name__] = act
    return act


@leak
async def into_a_row(walk: Walk, form: str) -> None:
    await walk.shop.store.db["stray"].insert_one({"deep": [{"note": f"was {form} before"}]})


@leak
async def into_bytes(walk: Walk, form: str) -> None:
    await walk.shop.store.db["stray"].insert_one({"kept": bson.Binary(b"\x00\x01" + form.encode() + b"\xff")})


@leak
async def into_the_log(walk: Walk, form: str) -> None:
    with walk.process.log.open("a") as log:
        log.write(f'{{"event": "oops", "exception": "ValueError: {form}"}}\n')


@leak
async def into_an_answer(walk: Walk, form: str) -> None:
    await walk.planted.saw(
        httpx.Response(200, text=f"so {form} it is", request=httpx.Request("GET", "http://x/auth/me"))
    )


@leak
async def into_a_file(walk: Walk, form: str) -> None:
    (walk.folder / "data" / "stray").write_bytes(b"\x00" + form.encode() + b"\xff")


async def test_a_secret_leaked_on_purpose_is_found_wherever_and_however_it_is_written(walk: Walk) -> None:
    """Otherwise finding nothing would mean nothing."""
    walk.planted.secrets.clear()
    walk.planted.plant("password", SAMPLE)
    walk.planted.plant("code", "048151")
    assert await walk.search() == []
    for name, act in LEAKS.items():
        for form in [*(way(SAMPLE) for way in WAYS), "048151"]:
            await act(walk, form)
            found = await walk.search()
            assert len(found) == 1, (name, form, found)
            await walk.shop.store.db["stray"].delete_many({})
            walk.planted.answers.clear()
            walk.process.log.write_text("")
            (walk.folder / "data" / "stray").unlink(missing_ok=True)
