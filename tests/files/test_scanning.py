"""UPLOAD_SCAN_COMMAND: everything that comes from outside passes it, and nothing that it does not pass is kept."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests import make
from tests.catalog.rows import ours, shirt
from tests.files.pictures import held, picture, upload
from tests.infra.test_scan import script
from truestyle.shop import Shop

Use = Callable[[str, float], None]
LONG = 20.0  # seconds


@pytest.fixture
def scanned_by(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Sets the command for one test."""

    def use(words: str, seconds: float) -> None:
        update = {"upload_scan_command": script(tmp_path, words), "upload_scan_seconds": seconds}
        monkeypatch.setattr(shop.settings, "files", shop.settings.files.model_copy(update=update))

    return use


async def test_what_it_finds_clean_is_kept(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, scanned_by: Use, tmp_path: Path
) -> None:
    scanned_by(f"cat > {tmp_path}/seen; exit 0", LONG)
    sent = picture()
    assert (await upload(client, staff, sent)).status_code == 201
    assert (tmp_path / "seen").read_bytes() == sent
    assert await held(shop) == 1


async def test_what_it_refuses_is_not(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, shopper: make.Person, scanned_by: Use
) -> None:
    product = await make.product(shop)
    scanned_by("exit 1", LONG)
    file = {"file": ("a.png", picture())}
    catalogue = {"file": ("a.csv", ours(shirt()))}
    answers = [
        await upload(client, staff, picture()),
        await client.post(f"/products/{product.id}/upload-image", files=file, headers=staff.headers),
        await client.post("/products/import", files=catalogue, headers=staff.headers),
        await client.put("/users/profile-update", files={"image": file["file"]}, headers=shopper.headers),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(422, "file_refused")] * 4
    assert await held(shop) == 0
    assert await shop.store.files.count({}) == 0
    assert (await shop.store.users.get(shopper.user.id)).image_id is None


@pytest.mark.parametrize(("words", "seconds"), [("exit 2", LONG), ("sleep 30", 0.5), ("kill -9 $$", LONG)])
async def test_nothing_is_kept_while_it_cannot_say(
    words: str, seconds: float, client: httpx.AsyncClient, shop: Shop, staff: make.Person, scanned_by: Use
) -> None:
    scanned_by(words, seconds)
    answer = await upload(client, staff, picture())
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"]
    assert await held(shop) == 0
    assert await shop.store.files.count({}) == 0
