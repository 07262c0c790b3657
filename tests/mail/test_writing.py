"""What the mails say: every kind, as HTML and as text."""

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from jinja2 import UndefinedError

from tests import make
from tests.conftest import make_settings
from tests.orders.buying import Buyer, Staff
from tests.payments.paying import Till
from tests.post import Post
from truestyle.mail import writing
from truestyle.mail.samples import facts_of
from truestyle.orders import expiring
from truestyle.shop import Shop

KINDS = writing.kinds()
ELSEWHERE = {
    "return_status",
    "integrity_breached",  # in tests/audit
    "webhook_off",  # in tests/hooks
    "refresh_reused",
    "google_linked",
    "mfa_enabled",
    "mfa_disabled",
    "mfa_guessed",
    "recovery_code_used",
    *("refund_issued", "refund_paid", "refund_trouble"),
    *("order_code", "order_confirmed", "low_stock"),  # in tests/orders, tests/payments and tests/inventory
}  # in tests/auth and tests/payments
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "mail.md"
CODES = {"order_code", "verify_email", "reset_password", "confirm_new_email"}
SETTINGS = make_settings(
    "mongodb://127.0.0.1:1", Path("nowhere"), project_name="Rang & Resham", frontend_url="https://rang.example/"
)
PASSWORD, FRESH = "a long and unlikely phrase", "quite another phrase"


def test_the_guide_tells_of_every_kind() -> None:
    told = GUIDE.read_text().partition("## What is sent")[2].partition("\n## ")[0]
    assert [kind for kind in KINDS if f"`{kind}`" not in told] == []


def mail_of(kind: str, **facts: object) -> EmailMessage:
    return writing.write(SETTINGS, kind, "asha@example.com", facts_of(kind) | facts, "65f0c0ffee")


def text_of(mail: EmailMessage, form: str = "plain") -> str:
    part = mail.get_body((form,))
    assert part is not None
    return str(part.get_content())


class Reader(HTMLParser):
    """The words of a page, its links, and tags that were left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data.split()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_the_same_in_html_and_in_text(kind: str) -> None:
    mail = mail_of(kind)
    page, text = Reader(text_of(mail, "html")), text_of(mail)
    assert page.open == []
    assert not [link for link in page.links if not link.startswith("https://rang.example/") and "/api/v1/" not in link]
    assert mail["subject"] not in {None, ""}
    assert "Rang & Resham" in text
    assert "Rang & Resham" in " ".join(page.words)
    for said in (text, " ".join(page.words)):
        assert "None" not in said
        assert "{" not in said
    figures = {word.strip(".,;:()") for word in text.split() if any(letter.isdigit() for letter in word)}
    shown = " ".join([*page.words, *page.links])
    assert [one for one in figures if one not in shown] == []


@pytest.mark.parametrize("kind", sorted(CODES))
def test_codes_stand_on_a_line_of_their_own_with_their_end(kind: str) -> None:
    mail = mail_of(kind)
    until = writing.when(facts_of(kind)["expires_at"], SETTINGS.shop.zone)
    for form in ("plain", "html"):
        said = text_of(mail, form)
        assert "012345" in said.splitlines()
        assert until.rpartition(":")[0] in said
    assert "012345" not in str(mail["subject"])


@pytest.mark.parametrize("kind", KINDS)
def test_no_fact_that_is_asked_for_may_be_missing(kind: str) -> None:
    with pytest.raises(UndefinedError):
        writing.write(SETTINGS, kind, "asha@example.com", {}, "65f0c0ffee")


def test_what_people_call_themselves_is_no_markup_and_no_header() -> None:
    name = '<img src="https://evil.example/x">{{ 7919 * 7907 }}'
    page = text_of(mail_of("verify_email", name=name), "html")
    assert "<img" not in page
    assert str(7919 * 7907) not in page
    mail = mail_of("contact_acknowledgement", number="TSC-1\r\nBcc: victim@example.com")
    read = BytesParser(policy=default).parsebytes(mail.as_bytes(policy=SMTP))
    assert read["bcc"] is None
    assert read["to"] == "asha@example.com"


def test_a_mail_is_one_that_machines_understand() -> None:
    read = BytesParser(policy=default).parsebytes(mail_of("verify_email", name="आशा राव").as_bytes(policy=SMTP))
    assert read.defects == []
    assert read["message-id"] == "<65f0c0ffee@localhost>"
    assert read["auto-submitted"] == "auto-generated"
    assert read["from"] == "Rang & Resham <store@localhost>"
    assert read.get_content_type() == "multipart/alternative"
    assert "आशा राव" in text_of(read)


@pytest.mark.parametrize(
    ("paise", "said"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (99900, "₹999.00"),
        (1_23_456_78, "₹1,23,456.78"),
        (1_00_00_000_00, "₹1,00,00,000.00"),
    ],
)
def test_money_is_grouped_as_in_india(paise: int, said: str) -> None:
    assert writing.money(paise) == said
    if paise:
        assert writing.money(-paise) == f"-{said}"


async def test_the_store_sends_every_kind_that_there_is(
    client: httpx.AsyncClient, shop: Shop, post: Post, staff: make.Person
) -> None:
    """Each act that has a mail, over HTTP: what it tells the mail is enough, and no kind is without an act."""
    shopper = await make.person(shop, password_hash=await shop.keys.passwords.hash(PASSWORD), email_verified=False)
    email = shopper.user.email
    device = {"user-agent": "one of many"}
    signed_in = await client.post("/auth/login", json={"email": email, "password": PASSWORD}, headers=device)
    assert signed_in.status_code == 200, signed_in.text
    for path in ("/auth/verify-email/resend", "/auth/forgot-password/request"):
        assert (await client.post(path, json={"email": email})).status_code == 202
    product = await make.product(shop)
    order = await Buyer(client, shop, shopper).order(**{product.variants[0].sku.replace("-", "_"): 1})
    packer = Staff(client, staff)
    await packer.bring_to(order["id"], "delivered")
    for end in ("cancelled", "returned_to_origin"):
        other = await Buyer(client, shop, shopper).order(**{product.variants[0].sku.replace("-", "_"): 1})
        if end == "returned_to_origin":
            await packer.bring_to(other["id"], "shipped")
        assert (await packer.move(other["id"], end)).status_code == 200
    till = Till(client, shop, Buyer(client, shop, shopper), staff, product.variants[0].sku)
    paid, expired = await till.order("upi", 1), await till.order("upi", 1)
    for reference in ("412345678901", "412345678902"):
        assert (await till.confirm(paid, reference)).status_code == 200
    await till.window_over(expired)
    assert await expiring.sweep(shop) == 1
    written = {"name": "Asha", "email": email, "subject": "The hem", "message": "It came undone at the first wash."}
    assert (await client.post("/contact-us", json=written)).status_code == 201
    await post.of(email)
    changed = {"current_password": PASSWORD, "new_password": FRESH}
    assert (await client.post("/auth/change-password", json=changed, headers=shopper.headers)).status_code == 200
    another = {"new_email": "new@example.com", "password": FRESH}
    assert (await client.post("/auth/change-email", json=another, headers=shopper.headers)).status_code == 202
    confirmed = await client.post(
        "/auth/change-email/confirm", json={"code": await post.code("new@example.com")}, headers=shopper.headers
    )
    assert confirmed.status_code == 200, confirmed.text
    await post.of(email)
    topics = await shop.store.outbox.collection.distinct("topic", {"topic": {"$regex": r"^mail\."}})
    assert {one.removeprefix("mail.") for one in topics} | ELSEWHERE == set(KINDS)
    assert await shop.store.outbox.count({"status": {"$in": ["waiting", "dead"]}}) == 0
