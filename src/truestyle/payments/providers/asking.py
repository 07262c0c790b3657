"""What the gateways have in common: how long they may take, and what a shopper is told."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from typing import Any

import structlog

from truestyle.payments.providers.base import Charge, ProviderAwayError, Result, State, WebhookSignatureInvalid

NOTHING = "none:"  # what a reference begins with that is ours, for want of one of theirs
NOT_READ = "The webhook cannot be read."
UNUSABLE = "This payment could not be started. Choose another way to pay."
DECLINED = "The payment was declined. Try again, or choose another way to pay."
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)  # what an answer of another shape leads to
LONGEST = 300  # characters of what a gateway says
log = structlog.get_logger("payments")


@asynccontextmanager
async def within(seconds: float, gateway: str) -> AsyncIterator[None]:
    """All that one act asks of a gateway must be answered in this time. Raises ProviderAwayError."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as late:
        raise away(gateway, "takes too long") from late


def away(gateway: str, what: str, *, ours: bool = False) -> ProviderAwayError:
    """What to raise. `ours`: it is our keys or our request that it does not take, which somebody must mend."""
    (log.error if ours else log.warning)("gateway_failed", gateway=gateway, what=what)
    return ProviderAwayError(f"{gateway} {what}")


def unstarted(charge: Charge) -> State:
    """What to say of a charge that the gateway would not begin: nothing was made that could still be paid."""
    return State(
        Result.FAILED,
        f"{NOTHING}{charge.payment_id}",
        charge.amount,
        charge.currency,
        failure=UNUSABLE,
        payment_id=charge.payment_id,
    )


def told(words: object) -> str:
    """What a gateway says for the shopper to read, or words of our own."""
    plain = " ".join(str(words or "").split())
    return plain[:LONGEST] if plain else DECLINED


def signed_by(secrets: list[str], content: bytes, signatures: list[str]) -> bool:
    """Whether one of the signatures is the HMAC-SHA256 of the content under one of our secrets."""
    given = [one.encode("utf-8", "replace") for one in signatures]
    made = [hmac.new(one.encode(), content, sha256).hexdigest().encode() for one in secrets]
    return any(hmac.compare_digest(one, other) for one in made for other in given)


@contextmanager
def reading(gateway: str) -> Iterator[None]:
    """What a gateway signed must be readable. Raises WebhookSignatureInvalid."""
    try:
        yield
    except UNREADABLE as error:
        # Without its traceback, which would show what was sent.
        log.error("gateway_event_unreadable", gateway=gateway, error=type(error).__name__)  # noqa: TRY400
        raise WebhookSignatureInvalid(NOT_READ) from error


def parsed(body: bytes) -> dict[str, Any]:
    """The object that a webhook carries. Raises ValueError."""
    found = json.loads(body)
    if not isinstance(found, dict):
        msg = "no object"
        raise ValueError(msg)  # noqa: TRY004 - as what json raises
    return found


def header(headers: Mapping[str, str], name: str) -> str:
    """A header, however it is written; empty if it is not there."""
    return next((value for key, value in headers.items() if key.lower() == name), "")
