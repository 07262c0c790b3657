"""From a kind and its facts to a mail.

Each kind is a pair of templates: `<kind>.txt`, whose first line is the subject, and `<kind>.html`.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from truestyle.kit.money import grouped
from truestyle.settings import Settings

SIGNS = {"INR": "₹"}
LINK = re.compile(r"[/@:\\]|\w\.[^\W\d_]{2}")  # what mail programs make a link of


@cache
def templates() -> Environment:
    """The folder of templates; HTML escapes what is put into it."""
    found = Environment(
        loader=PackageLoader("truestyle.mail"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["money"] = money
    return found


def money(paise: int, currency: str = "INR") -> str:
    """149900 → "₹1,499.00"; lakhs and crores are grouped as in India."""
    sign = "-" if paise < 0 else ""
    return f"{sign}{SIGNS[currency]}{grouped(abs(paise))}"


def kinds() -> list[str]:
    """The names of all mails."""
    names = templates().list_templates(["txt"])
    return sorted(name.removesuffix(".txt") for name in names if not name.startswith("_"))


def write(settings: Settings, kind: str, to: str, facts: Mapping[str, Any], message_id: str) -> EmailMessage:
    """A mail, as HTML and as text. `message_id` is the part before the @, the same each time the mail is sent.

    Raises jinja2.UndefinedError when a fact is missing, ValueError for an address that would be read as another.
    """
    zone = settings.shop.zone
    around = {
        **facts,
        **({"name": called(facts["name"])} if "name" in facts else {}),
        "shop": settings.shop.project_name,
        "backend": settings.shop.backend_base_url.rstrip("/"),
        "api": settings.shop.backend_base_url.rstrip("/") + settings.shop.api_v1_prefix,
        "frontend": (settings.mail.frontend_url or settings.shop.backend_base_url).rstrip("/"),
        "when": lambda moment: when(moment, zone),
        "day": lambda moment: day(moment, zone),
    }
    text = templates().get_template(f"{kind}.txt").render(around)
    subject, _, text = text.partition("\n")
    sender = settings.mail.mail_from
    mail = EmailMessage()
    mail["From"] = formataddr((settings.mail.mail_from_name or settings.shop.project_name, sender))
    mail["To"] = to
    if [one.addr_spec for one in mail["to"].addresses] != [to]:
        msg = "not a plain address"
        raise ValueError(msg)
    mail["Subject"] = " ".join(subject.replace("=?", "= ?").split())  # Python would read `=?…?=` as what it encodes
    mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2] or urlsplit(around['backend']).hostname}>"
    mail["Date"] = format_datetime(datetime.now(zone))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.strip() + "\n")
    mail.add_alternative(templates().get_template(f"{kind}.html").render(around, subject=subject), subtype="html")
    return mail


def called(name: str) -> str:
    """A name as we greet it. Anybody can open an account under any address: we bring nobody their links."""
    return "there" if LINK.search(name) else name


def when(moment: datetime, zone: ZoneInfo) -> str:
    """A time as people where the store is would say it: "5 March 2026, 18:05"."""
    return f"{day(moment, zone)}, {moment.astimezone(zone):%H:%M}"


def day(moment: datetime, zone: ZoneInfo) -> str:
    """A day: "5 March 2026"."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%B %Y}"
