"""A real SMTP server in the tests' loop that can be told to misbehave."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.running import free_port

PASSWORD = b"the password of the mail server"


@dataclass
class Behaviour:
    """What it does; `tries` counts what reached it."""

    rcpt: str = "250 OK"
    data: str = "250 OK"
    drop_after_data: int = 0  # so many times the line breaks after the mail was taken
    stall: asyncio.Event | None = None  # what it waits for before it answers MAIL FROM
    tries: int = 0
    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server
        self.tries += 1
        if self.stall is not None:
            await self.stall.wait()
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, options
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.drop_after_data:
            self.drop_after_data -= 1
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return self.data

    def ids(self) -> list[str]:
        """The Message-IDs of what was taken."""
        return [str(one["message-id"]) for one in self.taken]


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"store", PASSWORD)
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def smtp_server(behaviour: Behaviour, port: int | None = None, *, auth: bool = False) -> AsyncIterator[int]:
    """Listen; the port."""
    port = port or free_port()
    options: dict[str, Any] = (
        {"auth_required": True, "auth_require_tls": False, "authenticator": _authenticate} if auth else {}
    )
    lines: list[SMTP] = []

    def answer() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # that passwords go in clear: from here to here
            lines.append(SMTP(behaviour, hostname="mail.test", enable_SMTPUTF8=True, **options))
        return lines[-1]

    server = await asyncio.get_running_loop().create_server(answer, "127.0.0.1", port)
    try:
        yield port
    finally:
        server.close()
        for line in lines:
            if line.transport is not None:
                line.transport.close()
        await server.wait_closed()
