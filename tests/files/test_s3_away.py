"""S3 away, hung or dead: what needs its bytes says 503 soon, everything else goes on, and later all is well."""

import time
from pathlib import Path

import httpx
import pytest

from tests import make
from tests.conftest import make_settings
from tests.files.conftest import S3Server
from tests.files.pictures import held, path, picture, upload
from truestyle.audit.service import audit
from truestyle.events import handlers
from truestyle.infra.outbox import Worker
from truestyle.infra.storage import StorageRefusedError
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

SOON = 12.0  # seconds

on_s3 = pytest.mark.parametrize("backend", ["s3"], indirect=True, scope="session")


@on_s3
async def test_a_hung_s3_is_said_soon_and_forgotten_when_it_is_back(
    client: httpx.AsyncClient, shop: Shop, s3: S3Server, admin: make.Person, shopper: make.Person
) -> None:
    kept = await upload(client, admin, picture())
    tag = (await client.get(path(kept))).headers["etag"]
    product = await make.product(shop)
    with s3.hung():
        began = time.monotonic()
        answer = await client.get(path(kept))
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert time.monotonic() - began < SOON
        began = time.monotonic()
        assert (await upload(client, admin, picture())).status_code == 503
        assert time.monotonic() - began < SOON
        assert (await client.get(path(kept), headers={"if-none-match": tag})).status_code == 304
        assert (await client.head(path(kept))).status_code == 200
        health = await client.get("http://test/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert health.json()["checks"]["storage"]["ok"] is False
        await make.cart(shop, shopper, {product.variants[0].sku: 1})
        assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201
        assert (await client.delete(path(kept), headers=admin.headers)).status_code == 204
    assert (await client.get(path(kept))).status_code == 404
    await Worker(shop.store.outbox, handlers(shop)).drain()
    assert await shop.store.files.count({}) == 0
    assert (await client.get("http://test/health")).json()["status"] == "ok"
    assert (await upload(client, admin, picture())).status_code == 201
    assert (await audit(shop)).clean


async def test_a_dead_s3_stops_nobody_from_opening_the_store(mongo_uri: str, s3: S3Server, tmp_path: Path) -> None:
    more = {**s3.settings, "s3_endpoint": "http://127.0.0.1:9", "mongo_db": "no_storage"}
    shop = Shop(make_settings(mongo_uri, tmp_path, **more))
    try:
        await shop.prepare()
        assert await shop.is_ready()
        assert not await shop.storage.ping()
    finally:
        await shop.close()


@pytest.mark.parametrize("region", ["us-east-1", "ap-south-1"])
async def test_a_bucket_is_made_where_the_store_is_tried_out_alone(
    region: str, mongo_uri: str, s3: S3Server, tmp_path: Path
) -> None:
    more = {**s3.settings, "s3_bucket_name": f"fresh-{region}", "aws_region": region}
    shop = Shop(make_settings(mongo_uri, tmp_path, **more))
    try:
        with pytest.raises(StorageRefusedError, match="S3_BUCKET_NAME"):
            await shop.storage.prepare(create=False)
        await shop.storage.prepare(create=True)
        await shop.storage.prepare(create=False)
        assert await shop.storage.ping()
        assert await held(shop) == 0
    finally:
        await shop.close()


def test_the_settings_have_the_names_that_people_know() -> None:
    amazon = {
        "STORAGE_BACKEND": "s3",
        "S3_BUCKET_NAME": "pictures",
        "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_ENDPOINT_URL": "http://localhost:4566",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    files = Settings.load(environ=amazon).files
    assert (files.storage_backend, files.aws_region, files.s3_endpoint) == ("s3", "ap-south-1", "http://localhost:4566")
    ours = {**amazon, "S3_ENDPOINT": "http://localhost:4567", "AWS_REGION": "eu-west-1"}
    files = Settings.load(environ=ours).files
    assert (files.aws_region, files.s3_endpoint) == ("eu-west-1", "http://localhost:4567")
    assert Settings.load(environ={}).files.storage_backend == "gridfs"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"STORAGE_BACKEND": "s3"}, "S3_BUCKET_NAME"),
        ({"STORAGE_BACKEND": "s3", "S3_BUCKET_NAME": "b-b", "AWS_ACCESS_KEY_ID": "key"}, "AWS_SECRET_ACCESS_KEY"),
        ({"STORAGE_BACKEND": "s3", "S3_BUCKET_NAME": "b-b", "AWS_SECRET_ACCESS_KEY": "key"}, "AWS_ACCESS_KEY_ID"),
        ({"STORAGE_BACKEND": "s3", "S3_BUCKET_NAME": "b-b", "S3_ENDPOINT": "http://localhost:4566"}, "S3_ENDPOINT"),
        ({"UPLOAD_SCAN_COMMAND": "/nowhere/scan -"}, "UPLOAD_SCAN_COMMAND"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsRefusedError, match=said):
        Settings.load(environ=environ).require_safe()


@pytest.mark.parametrize(
    "environ",
    [
        {"STORAGE_BACKEND": "disk"},
        {"S3_BUCKET_NAME": "No Such Name"},
        {"S3_ENDPOINT": "localhost:4566"},
        {"S3_ENDPOINT": "http://key:secret@localhost:4566"},
        {"UPLOAD_SCAN_COMMAND": " "},
        {"UPLOAD_SCAN_COMMAND": "'unclosed"},
    ],
)
def test_settings_that_mean_nothing_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsRefusedError, match=next(iter(environ))):
        Settings.load(environ=environ)
