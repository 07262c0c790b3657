"""The signature of a message: `t=<seconds>,v1=<hex>`, HMAC-SHA256 of `<t>.<body>` under the endpoint's secret.

While a secret is being replaced there is a `v1` for each. The time is signed too, so that a message that somebody
overheard cannot be played again later.
"""

import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SIGNATURE, MESSAGE_ID, EVENT, TRY = (
    "truestyle-signature",
    "truestyle-webhook-id",
    "truestyle-event",
    "truestyle-attempt",
)


def new_secret() -> str:
    """A secret for an endpoint: 32 random bytes."""
    return PREFIX + secrets.token_urlsafe(32)


def signature(body: bytes, moment: int, keys: Sequence[str]) -> str:
    """The header for a body that is sent at `moment` (seconds since 1970)."""
    text = b"%d." % moment + body
    return ",".join([f"t={moment}", *(f"v1={hmac.new(key.encode(), text, 'sha256').hexdigest()}" for key in keys)])
