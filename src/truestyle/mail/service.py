"""Handling the events of mails: gather the facts, write the mail, hand it to the mailer."""

from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from truestyle.infra.box import Box, BoxLockedError
from truestyle.infra.mail import ConsoleMailer, Mailer, Shown, SmtpMailer, SmtpServer
from truestyle.infra.outbox import Event, HopelessError, event
from truestyle.invoices import keeping as papers
from truestyle.kit.errors import NotFound
from truestyle.mail import writing
from truestyle.setting_groups import MailSettings

if TYPE_CHECKING:
    from truestyle.shop import Shop

PREFIX = "mail."
ATTACHING = "mail.order_shipped"  # the parcel is on its way, with the invoice


def mailer_for(chosen: MailSettings) -> Mailer:
    """The mailer of these settings."""
    mailer: Mailer = ConsoleMailer()
    if chosen.mail_backend == "smtp":
        server = SmtpServer(
            host=chosen.mail_server,
            port=chosen.mail_port,
            username=chosen.mail_username if chosen.use_credentials else None,
            password=chosen.mail_password.get_secret_value(),
            starttls=chosen.mail_starttls,
            tls=chosen.mail_ssl_tls,
            validate=chosen.validate_certs,
        )
        mailer = SmtpMailer(server)
    return Shown(mailer) if chosen.mail_page else mailer


def letter(
    kind: str,
    to: str,
    facts: dict[str, Any],
    key: str | None = None,
    *,
    box: Box | None = None,
    secret: dict[str, str] | None = None,
) -> Event:
    """The event of a mail, for the transaction of its cause. `secret` facts are locked into the row."""
    payload: dict[str, Any] = {"to": to, **facts}
    if box is not None and secret is not None:
        payload["locked"] = box.lock(secret, to)
    return event(PREFIX + kind, payload, key)


async def deliver(shop: "Shop", one: Event) -> None:
    """Send the mail of an event. Raises NotYet, HopelessError and what the mailer raises."""
    facts = dict(one.payload)
    to, locked = facts.pop("to"), facts.pop("locked", None)
    try:
        if locked is not None:
            facts |= shop.box.open(locked, to)
        if "order_id" in facts:
            facts["order"] = await shop.store.orders.get(facts["order_id"])
    except BoxLockedError as error:
        msg = "locked under a TOKEN_HASH_PEPPER that is not listed any more"
        raise HopelessError(msg) from error
    except NotFound as error:
        msg = "the order is gone"
        raise HopelessError(msg) from error
    try:
        mail = writing.write(shop.settings, one.topic.removeprefix(PREFIX), to, facts, str(one.id))
    except ValueError as error:
        raise HopelessError(str(error)) from error
    if one.topic == ATTACHING:
        await _attach_invoice(shop, mail, facts["order"].id)
    await shop.mailer.send(mail)


async def _attach_invoice(shop: "Shop", mail: EmailMessage, order_id: ObjectId) -> None:
    """Raises Unavailable: the event comes again."""
    invoice = await shop.store.invoices.of_order(order_id)
    if invoice is not None:
        content = await papers.content_of(shop.store, shop.storage, invoice)
        mail.add_attachment(content, "application", "pdf", filename=papers.name_of(invoice))
