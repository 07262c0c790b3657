"""/dev/mail: sent mail in the browser, where it is allowed."""

from pathlib import Path

import httpx
import pytest

from tests import make
from tests.conftest import make_settings
from tests.post import Post
from truestyle.mail import writing
from truestyle.main import create_app
from truestyle.settings import SettingsRefusedError
from truestyle.shop import Shop

URI = "mongodb://127.0.0.1:1"  # not opened: the store that the tests have open is put in
PERSON = {"email": "asha@example.com", "password": "a long and unlikely phrase", "full_name": "<b>Asha</b>"}


def browser(shop: Shop, *, page: bool = True) -> httpx.AsyncClient:
    """The store's pages, over the store that the tests have open."""
    app = create_app(make_settings(URI, shop.settings.data.truestyle_data, mail_page=page))
    app.state.shop = shop
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")


async def test_sent_mail_can_be_read(client: httpx.AsyncClient, shop: Shop, post: Post) -> None:
    assert (await client.post("/auth/register", json=PERSON)).status_code == 201
    (mail,) = await post.of(PERSON["email"])
    code = await post.code(PERSON["email"])
    key = str(mail["message-id"]).strip("<>").partition("@")[0]
    async with browser(shop) as pages:
        listed = await pages.get("/dev/mail")
        assert (listed.status_code, f'href="/dev/mail/{key}.html"' in listed.text) == (200, True)
        assert str(mail["subject"]) in listed.text
        page, text = await pages.get(f"/dev/mail/{key}.html"), await pages.get(f"/dev/mail/{key}.txt")
        assert (await pages.get("/dev/mail/65f0c0ffee65f0c0ffee65f0.html")).status_code == 404
        assert (await pages.get(f"/dev/mail/{key}.exe")).status_code in {404, 422}
    for answer, kind in ((page, "text/html"), (text, "text/plain")):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert code in answer.text
    assert "<b>Asha" not in page.text


@pytest.mark.parametrize("kind", writing.kinds())
async def test_every_kind_can_be_looked_at(shop: Shop, kind: str) -> None:
    async with browser(shop) as pages:
        assert (await pages.get(f"/dev/mail/samples/{kind}.html")).status_code == 200
        assert (await pages.get(f"/dev/mail/samples/{kind}.txt")).status_code == 200


async def test_the_pages_are_not_there_unless_asked_for(shop: Shop, admin: make.Person) -> None:
    async with browser(shop, page=False) as pages:
        for path in ("/dev/mail", "/dev/mail/samples/verify_email.html"):
            assert (await pages.get(path, headers=admin.headers)).status_code == 404


def test_production_refuses_them(tmp_path: Path) -> None:
    settings = make_settings(URI, tmp_path, mail_page=True, environment="production")
    with pytest.raises(SettingsRefusedError, match="MAIL_PAGE must be false"):
        settings.require_safe()
