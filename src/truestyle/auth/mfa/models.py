"""The second factor of an account, and the bodies of its routes."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from truestyle.auth.models import Token
from truestyle.kit.documents import Answer, Body, Document, example
from truestyle.kit.types import Id, OtpText, Timestamp
from truestyle.users.models import Password

# Six digits, or a recovery code; spaces and hyphens inside do not matter, nor does case.
AnyCode = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-Za-z](?:[ -]?[0-9A-Za-z]){5,19}$", max_length=40),
    Field(examples=["012345"]),
]


class RecoveryCode(Answer):
    """One of the codes for the day on which the telephone is gone."""

    model_config = ConfigDict(ser_json_bytes="base64")

    hash: bytes
    used_at: Timestamp | None = None


class SecondFactor(Document):
    """An account's. `locked` holds the secret of the codes, and the key under which recovery codes are hashed."""

    model_config = ConfigDict(ser_json_bytes="base64")

    user_id: Id
    locked: bytes = Field(repr=False)
    locked_by: str
    enabled_at: Timestamp | None = None
    last_step: int = 0
    recovery: list[RecoveryCode] = Field(default_factory=list)

    @property
    def recovery_codes_left(self) -> int:
        """How many are not used."""
        return sum(one.used_at is None for one in self.recovery)


class MfaStatus(Answer):
    """Whether an account asks for codes."""

    enabled: bool
    enabled_at: Timestamp | None
    recovery_codes_left: int
    required: bool = Field(description="Whether the store requires it of this account.")


class MfaSetup(Answer):
    """What an authenticator app needs. Shown once; nothing changes until `/auth/mfa/enable`."""

    secret: str
    otpauth_uri: str
    qr_svg: str = Field(description="The address as a QR code, to be shown as it is.")


class RecoveryCodes(Answer):
    """Shown once; each works once."""

    enabled: Literal[True] = True
    recovery_codes: list[str]


class TotpCode(Body):
    """The code that the authenticator app shows."""

    code: OtpText

    model_config = example({"code": "012345"})


class Proof(Body):
    """The code that the authenticator app shows, or a recovery code."""

    code: AnyCode

    model_config = example({"code": "012345"})


class MfaDisable(Body):
    """Both factors, to switch the second one off."""

    password: Password
    code: AnyCode

    model_config = example({"password": "a long and unlikely phrase", "code": "012345"})


class MfaVerify(Body):
    """The second half of signing in."""

    mfa_token: Token
    code: AnyCode

    model_config = example({"mfa_token": "the mfa_token that /auth/login answered", "code": "012345"})


class SteppedUp(Answer):
    """Until when this session may do what asks for a fresh code."""

    message: str = "Confirmed"
    stepped_up_until: Timestamp
