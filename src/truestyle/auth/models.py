"""Sign-in: sessions, ended tokens, RBAC rows, and the bodies of /auth."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from bson import ObjectId
from pydantic import Field, StringConstraints

from truestyle.kit.documents import Answer, Body, Document, example
from truestyle.kit.types import Email, Id, OtpText, Timestamp
from truestyle.users.models import Password, UserAnswer


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, with what they may do."""

    user_id: ObjectId
    role: str
    session_id: ObjectId
    permissions: frozenset[str]
    mfa: bool = False
    mfa_missing: bool = False  # required of them, and not switched on: then the permissions are only the account's own

    def may(self, permission: str) -> bool:
        """Whether the caller holds a permission."""
        return permission in self.permissions


class Session(Document):
    """One signed-in device: a family of refresh tokens of which one is current."""

    user_id: Id
    refresh_hash: bytes
    previous_hash: bytes | None = None
    rotated_at: Timestamp
    expires_at: Timestamp
    last_used_at: Timestamp
    revoked_at: Timestamp | None = None
    stepped_up_until: Timestamp | None = None
    ip: str | None = None
    user_agent: str | None = None


class Ended(StrEnum):
    """What a revocation row is about."""

    REFRESH = "refresh"  # a used refresh token: seeing it again is theft
    OAUTH = "oauth"  # a sign-in with Google that was finished
    SESSION = "session"
    USER = "user"
    MFA = "mfa"  # a token between password and code that was used


class Revocation(Document):
    """A token, session, or all of a user's sessions that ended before their time; a sign-in that works once."""

    kind: Ended
    subject: bytes | Id
    session_id: Id | None = None
    user_id: Id | None = None
    expires_at: Timestamp


class Purpose(StrEnum):
    """What a code is for."""

    VERIFY = "verify_email"
    RESET = "reset_password"
    CHANGE_EMAIL = "change_email"
    ORDER = "find_order"  # of a guest: the account is the order


class OneTimeCode(Document):
    """The code of an account for a purpose."""

    user_id: Id
    purpose: Purpose
    code_hash: bytes
    token_hash: bytes
    email: str
    tries: int = 0
    sent: int = 1
    window_until: Timestamp
    guesses: int = 0  # tries of all codes of a day
    guesses_until: Timestamp | None = None
    expires_at: Timestamp
    used_at: Timestamp | None = None


class RoleRow(Document):
    """A role as data."""

    code: str
    name: str
    is_system: bool = True


class PermissionRow(Document):
    """A permission as data."""

    code: str
    resource: str
    action: str
    is_system: bool = True


class Grant(Document):
    """One permission of one role."""

    role: str
    permission: str


Token = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[ -~]*$")]
LinkToken = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


class Login(Body):
    """E-mail and password."""

    email: Email
    password: Password

    model_config = example({"email": "asha@example.com", "password": "a long and unlikely phrase"})


class Refresh(Body):
    """The refresh token of a client that keeps no cookies; without it, the cookie's counts."""

    refresh_token: str | None = Field(default=None, max_length=200)

    model_config = example({})


class SignedIn(Answer):
    """Tokens for a session. The refresh token is in the cookie, and in the body only for `X-Client: mobile`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds until the access token ends.")
    user: UserAnswer
    refresh_token: str | None = Field(default=None, exclude_if=lambda token: token is None)


class MfaAsked(Answer):
    """The password was right, and a code is wanted at `/auth/mfa/verify`: there is no session yet."""

    mfa_required: Literal[True] = True
    mfa_token: str
    expires_in: int = Field(description="Seconds until the token ends.")


class ChangePassword(Body):
    """The old and the new password."""

    current_password: Password
    new_password: Password

    model_config = example(
        {
            "current_password": "a long and unlikely phrase",
            "new_password": "another rather unlikely phrase",
        }
    )


class EmailCode(Body):
    """The code that was mailed."""

    email: Email
    code: OtpText

    model_config = example({"email": "asha@example.com", "code": "012345"})


class EmailOnly(Body):
    """An address."""

    email: Email

    model_config = example({"email": "asha@example.com"})


class NewEmail(Body):
    """Where mail should go from now on."""

    new_email: Email
    password: Password

    model_config = example({"new_email": "asha.rao@example.com", "password": "a long and unlikely phrase"})


class Code(Body):
    """The code that was mailed."""

    code: OtpText

    model_config = example({"code": "012345"})


class ResetByCode(Body):
    """A new password, allowed by the code that was mailed."""

    email: Email
    otp: OtpText
    new_password: Password

    model_config = example({"email": "asha@example.com", "otp": "012345", "new_password": "another unlikely phrase"})


class ResetByToken(Body):
    """A new password, allowed by the link that was mailed."""

    token: LinkToken
    new_password: Password

    model_config = example({"token": "t" * 43, "new_password": "another unlikely phrase"})


class SessionAnswer(Answer):
    """A device that is signed in."""

    id: Id
    ip: str | None
    user_agent: str | None
    current: bool = Field(description="Whether this request came from it.")
    last_used_at: Timestamp
    expires_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class Message(Answer):
    """A plain word of success."""

    message: str
