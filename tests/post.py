"""Reading the mail of the tests' people."""

import re
from dataclasses import dataclass
from email.message import EmailMessage

from truestyle.infra.mail import Shown
from truestyle.shop import Shop


@dataclass
class Post:
    """What was sent, once the worker has had its turn."""

    shop: Shop
    sent: Shown

    async def of(self, email: str) -> list[EmailMessage]:
        """Everything sent to an address, oldest first."""
        await self.shop.worker.drain()
        return [one for one in reversed(self.sent.mails) if one["to"] == email]

    async def subjects(self, email: str) -> list[str]:
        """What about."""
        return [str(one["subject"]) for one in await self.of(email)]

    async def text(self, email: str, subject: str | None = None) -> str:
        """The text of the newest, or of the newest about something."""
        mails = [one for one in await self.of(email) if subject in {None, one["subject"]}]
        assert mails, f"no mail to {email}"
        part = mails[-1].get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    async def code(self, email: str) -> str:
        """The code in the newest: six digits on a line of their own."""
        found = re.findall(r"^(\d{6})$", await self.text(email), re.MULTILINE)
        assert len(found) == 1
        return str(found[0])

    async def token(self, email: str) -> str:
        """The token of the link in the newest."""
        found = re.search(r"(?:verify-email/|token=)([\w-]{43})$", await self.text(email), re.MULTILINE)
        assert found
        return found[1]
