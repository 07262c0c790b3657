"""Six digits that change every 30 seconds (RFC 6238): secrets, the codes that are good now, and the picture to scan."""

import hmac
import time
from io import BytesIO

import pyotp
import segno

STEP = 30  # seconds
DRIFT = 1  # steps that the clock of a telephone may be off, as RFC 6238 §5.2 advises


def new_secret() -> str:
    """160 random bits in Base32: what RFC 4226 recommends for HMAC-SHA-1."""
    return pyotp.random_base32(32)


def step_of(secret: str, code: str) -> int | None:
    """The step that a code is of, if it is one of those good now. Each is compared, so that time tells nothing."""
    totp, now, found = pyotp.TOTP(secret, interval=STEP), int(time.time()) // STEP, None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def uri(secret: str, account: str, issuer: str) -> str:
    """What authenticator apps read: an `otpauth://` address."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=account, issuer_name=issuer)


def qr(text: str) -> str:
    """A QR code as SVG that can stand in a page or be an image by itself; on white, for dark pages."""
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", xmldecl=False, scale=4, light="#fff")
    return out.getvalue().decode().strip()
