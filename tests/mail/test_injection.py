"""What strangers may put into a mail: no header, no markup, no link, no other recipient; and where its links lead."""

import re
from pathlib import Path

import pytest
from httpx import AsyncClient

from tests.conftest import make_settings
from tests.mail.server import Behaviour, smtp_server
from tests.post import Post
from tests.running import free_port
from truestyle.infra.mail import SmtpMailer, SmtpServer
from truestyle.infra.outbox import EventStatus
from truestyle.mail.service import letter
from truestyle.mail.writing import called, write
from truestyle.shop import Shop

PERSON = {"email": "asha@example.com", "password": "a long and unlikely phrase", "full_name": "Asha Rao"}
# Addresses by their letters, which a mail program would read as a list, a name or a line of its own.
ENCODED = [
    "=?utf-8?q?victim=40example=2eorg=2c?=x@example.com",
    "=?utf-8?q?=2c=20evil=40x.y?=@example.com",
    "=?utf-8?q?x=0d=0aBcc=3aevil?=@example.com",
    "x=?utf-8?b?QQ0KQmNj?=@example.com",
]


@pytest.mark.parametrize("email", [*ENCODED, "a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com"])
@pytest.mark.parametrize("path", ["/auth/register", "/auth/forgot-password/request", "/contact-us"])
async def test_an_address_that_mail_programs_read_as_another_is_refused(
    client: AsyncClient, shop: Shop, path: str, email: str
) -> None:
    more = {"/auth/register": PERSON, "/contact-us": {"name": "A", "subject": "B", "message": "C"}}
    answer = await client.post(path, json={**more.get(path, {}), "email": email})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert await shop.store.outbox.count({}) == 0


@pytest.mark.parametrize("to", ENCODED[:3])  # the last is read as it is written
async def test_one_that_came_in_long_ago_gets_no_mail(shop: Shop, to: str) -> None:
    """An account imported from elsewhere, say: the mail is dead at once, and reaches nobody."""
    server, chosen = Behaviour(), SmtpServer("127.0.0.1", free_port())
    before, shop.mailer = shop.mailer, SmtpMailer(chosen)
    try:
        async with smtp_server(server, chosen.port):
            one = letter("password_changed", to, {"name": "Asha"})
            await shop.store.outbox.write([one])
            await shop.worker.drain()
    finally:
        shop.mailer = before
    assert (await shop.store.outbox.get(one.id)).status is EventStatus.DEAD
    assert server.tries == 0


@pytest.mark.parametrize(
    "name",
    ["A\r\nBcc: victim@example.org", "A\nBcc: v@example.org", "A\x00", "A\u2028Bcc: v@example.org", "A\u202eB"],
)
async def test_a_name_brings_no_line_of_its_own(client: AsyncClient, shop: Shop, name: str) -> None:
    answer = await client.post("/auth/register", json={**PERSON, "full_name": name})
    assert answer.status_code == 422
    assert await shop.store.users.count({}) == 0


async def test_a_name_is_text_in_a_mail_and_never_markup(client: AsyncClient, post: Post) -> None:
    name = "<img src=x onerror=alert(1)><b>&quot;{{ 7*7 }}</b>"
    assert (await client.post("/auth/register", json={**PERSON, "full_name": name})).status_code == 201
    (mail,) = await post.of(PERSON["email"])
    page = mail.get_body(("html",))
    assert page is not None
    assert not re.search(r"<img|<b>|onerror=alert\(1\)>", page.get_content())
    assert "49" not in page.get_content()
    assert set(mail.keys()) >= {"From", "To", "Subject", "Message-ID"}
    assert not set(mail.keys()) & {"Bcc", "Cc"}


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("You won! https://evil.example/claim", "there"),
        ("Your prize: evil.example", "there"),
        ("Call www.evil.example now", "there"),
        ("write to win@evil", "there"),
        ("tel:+911234567890", "there"),
        ("Asha Rao", "Asha Rao"),
        ("A.P.J. Abdul Kalam", "A.P.J. Abdul Kalam"),
        ("Dr. Rao", "Dr. Rao"),
        ("आशा राव", "आशा राव"),
        ("O'Brien-Śarma, Jr.", "O'Brien-Śarma, Jr."),
    ],
)
async def test_a_name_brings_strangers_no_link(client: AsyncClient, post: Post, name: str, greeted: str) -> None:
    """Anybody can register anybody's address: the mail that goes there then must not be theirs to write."""
    assert called(name) == greeted
    await client.post("/auth/register", json={**PERSON, "full_name": name})
    contact = {"name": name, "email": "other@example.com", "subject": name[:60], "message": name}
    assert (await client.post("/contact-us", json=contact)).status_code == 201
    for to in (PERSON["email"], "other@example.com"):
        (mail,) = await post.of(to)
        text, page = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None
        assert page is not None
        assert f"Hello {greeted}," in text.get_content()
        for words in (text.get_content(), page.get_content(), str(mail["subject"])):
            assert "evil" not in words


def test_a_subject_has_no_line_of_its_own_even_encoded(tmp_path: Path) -> None:
    """Python reads `=?utf-8?q?=0d=0a…?=` in a header as what it encodes, and writes that."""
    name = "Shop =?utf-8?q?=0d=0aBcc:_victim@example.org?="
    odd = make_settings("mongodb://x", tmp_path, project_name=name, mail_from_name="Shop")
    mail = write(odd, "password_changed", "asha@example.com", {"name": "Asha"}, "1")
    assert b"\nBcc" not in mail.as_bytes().split(b"\n\n")[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http", "forwarded": "host=evil.example"},
        {
            "x-original-url": "https://evil.example/",
            "referer": "https://evil.example/",
            "origin": "https://evil.example",
        },
    ],
)
async def test_links_in_mails_lead_where_the_settings_say_whatever_a_request_says(
    client: AsyncClient, post: Post, headers: dict[str, str]
) -> None:
    await client.post("/auth/register", json=PERSON, headers=headers)
    await client.post("/auth/forgot-password/request", json={"email": PERSON["email"]}, headers=headers)
    mails = await post.of(PERSON["email"])
    assert len(mails) == 2
    for mail in mails:
        words = mail.as_string()
        assert "evil" not in words
        assert len(re.findall(r"http://test/(?:api/v1/auth/verify-email/|reset-password#token=3?D?)", words)) >= 1
