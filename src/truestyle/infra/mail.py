"""Sending mail: by SMTP, or into the log; under `truestyle dev` it can be read in the browser too."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol

import structlog
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from truestyle.infra.outbox import HopelessError, NotYet

SECONDS = 8.0  # for one step of the conversation; all of it must fit into the lease of an event
PERMANENT = 500  # SMTP replies from here on will not be different later (RFC 5321, 4.2.1)
SHOWN = 200
BELIEVED = 60.0  # seconds that a server which answered is held to be there
NOT_TAKEN = "MAIL_USERNAME and MAIL_PASSWORD are not taken"
log = structlog.get_logger("mail")


@dataclass(frozen=True)
class SmtpServer:
    """Where mail goes out. `tls`: from the first byte; `starttls`: after a greeting in clear, never without."""

    host: str
    port: int
    username: str | None = None
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False
    validate: bool = True


class Mailer(Protocol):
    """Something that takes mail away."""

    name: str

    async def send(self, mail: EmailMessage) -> None:
        """Send a mail. Raises NotYet, HopelessError, SMTPException, TimeoutError."""

    async def ping(self) -> bool:
        """Whether mail could be sent now."""


class ConsoleMailer:
    """Says in the log that there would be a mail, without what it says: that has codes in it."""

    name = "console"

    async def send(self, mail: EmailMessage) -> None:
        """Log who would get what."""
        log.info("mail", to=mail["to"], subject=mail["subject"], message_id=mail["message-id"])

    async def ping(self) -> bool:
        """Always."""
        return True


class SmtpMailer:
    """One conversation a mail. What fails before the mail was offered is the server's trouble, not the mail's."""

    name = "smtp"

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._well_until = 0.0

    async def send(self, mail: EmailMessage) -> None:
        """Hand a mail over.

        Raises NotYet while the server cannot be talked to, HopelessError for what it will never take. A line that
        breaks after the mail was handed over leaves open whether it arrived: it is sent again, under the same
        Message-ID.
        """
        server = await self._connect()
        try:
            async with asyncio.timeout(4 * SECONDS):
                await server.send_message(mail)
        except SMTPRecipientsRefused as refused:
            if all(one.code >= PERMANENT for one in refused.recipients):
                raise HopelessError(_words(refused.recipients)) from refused
            raise
        except SMTPSenderRefused as refused:  # says something of us, not of this mail
            raise NotYet(str(refused)) from refused
        except SMTPResponseException as refused:
            if refused.code >= PERMANENT:
                raise HopelessError(f"{refused.code} {refused.message}") from refused
            raise
        finally:
            await _hang_up(server)

    async def ping(self) -> bool:
        """Whether the server answers and takes our name and password; believed for a minute, for we are asked often."""
        if time.monotonic() < self._well_until:
            return True
        well = await self.trouble() is None
        self._well_until = time.monotonic() + BELIEVED if well else 0.0
        return well

    async def trouble(self) -> str | None:
        """Why mail could not be sent now: a sentence's end, or the name of an error."""
        try:
            await _hang_up(await self._connect(3.0))
        except NotYet as why:
            return str(why)
        return None

    async def _connect(self, seconds: float = SECONDS) -> SMTP:
        chosen = self._server
        server = SMTP(
            hostname=chosen.host,
            port=chosen.port,
            use_tls=chosen.tls,
            start_tls=chosen.starttls,
            validate_certs=chosen.validate,
            timeout=seconds,
        )
        try:
            async with asyncio.timeout(2 * seconds):
                await server.connect()
                if chosen.username:
                    await server.login(chosen.username, chosen.password)
        except (SMTPException, OSError, TimeoutError) as error:
            await _hang_up(server)
            wrong_password = isinstance(error, SMTPAuthenticationError)
            msg = NOT_TAKEN if wrong_password else type(error).__name__
            raise NotYet(msg) from error
        return server


class Shown:
    """Passes mail on, and keeps the newest in memory to be read in the browser."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        self.name = mailer.name
        self.mails: deque[EmailMessage] = deque(maxlen=SHOWN)

    async def send(self, mail: EmailMessage) -> None:
        """Send and keep."""
        await self._mailer.send(mail)
        self.mails.appendleft(mail)

    async def ping(self) -> bool:
        """As the one behind."""
        return await self._mailer.ping()


async def _hang_up(server: SMTP) -> None:
    with suppress(SMTPException, OSError, TimeoutError):
        if server.is_connected:
            async with asyncio.timeout(2):
                await server.quit()
    server.close()


def _words(refused: Sequence[SMTPResponseException]) -> str:
    return " | ".join(f"{one.code} {one.message}" for one in refused)
