"""People with an account."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from truestyle.auth.permissions import Role
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.types import Code, Email, Flag, Id, Line, Phone, Timestamp
from truestyle.setting_groups import ShopSettings


class UserStatus(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Gender(StrEnum):
    """What a person calls themselves."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


def _day(value: object) -> object:
    # MongoDB has no dates without time: they are kept as text, which also sorts.
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is None:
        msg = "must be a day like 1990-02-28"  # a bare number would be read as seconds since 1970
        raise ValueError(msg)
    return value


DAY = {"type": "string", "format": "date", "pattern": "^(19|[2-9][0-9])", "examples": ["1990-02-28"]}
Birthday = Annotated[
    date,
    BeforeValidator(_day),
    PlainSerializer(date.isoformat, return_type=str),
    Field(ge=date(1900, 1, 1)),
    WithJsonSchema(DAY),
]
Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=r"^[^\u0000]*$"),
    Field(examples=["a long and unlikely phrase"]),
]


class UserAnswer(Answer):
    """An account as its owner and staff see it."""

    id: Id
    email: str
    full_name: str
    phone: str | None = None
    role: str
    status: UserStatus
    email_verified: bool
    mfa_enabled: bool
    gender: Gender | None = None
    date_of_birth: Birthday | None = None
    image_id: Id | None = None
    image_url: str | None = None
    created_at: Timestamp
    updated_at: Timestamp
    version: int


def searchable(full_name: str, email: str) -> list[str]:
    """The words that an account is found by, in lower case: every name, and the address."""
    return sorted({*full_name.casefold().split(), email, email.partition("@")[0]})


class GoogleIdentity(Answer):
    """Who somebody is to Google: (issuer, subject) for ever; the address is the one that they had when they came."""

    issuer: str
    subject: str
    email: str
    linked_at: Timestamp


class User(Document):
    """An account. `email` is stored in its canonical form, `words` are what it is searched by."""

    email: str
    password_hash: str | None = Field(default=None, repr=False)
    full_name: str
    phone: str | None = None
    role: str = Role.CUSTOMER
    status: UserStatus = UserStatus.ACTIVE
    email_verified: bool = False
    mfa_enabled: bool = False
    gender: Gender | None = None
    date_of_birth: Birthday | None = None
    image_id: Id | None = None
    words: list[str] = Field(default_factory=list)
    google: GoogleIdentity | None = None

    def model_post_init(self, _: object) -> None:
        """A new account can be searched from the beginning."""
        self.words = self.words or searchable(self.full_name, self.email)

    def answer(self, shop: ShopSettings) -> UserAnswer:
        """With the picture's address, and without the password hash."""
        url = shop.file_url(self.image_id) if self.image_id else None
        return UserAnswer(**self.model_dump(exclude={"password_hash", "words", "google"}), image_url=url)


class Register(Body):
    """A new account."""

    email: Email
    password: Password
    full_name: Line
    phone: Phone | None = None

    model_config = example(
        {
            "email": "asha@example.com",
            "password": "a long and unlikely phrase",
            "full_name": "Asha Rao",
            "phone": "+919876543210",
        }
    )


class RegisterAdmin(Register):
    """A new account for an administrator."""

    model_config = example(
        {"email": "meera@example.com", "password": "a long and unlikely phrase", "full_name": "Meera Nair"}
    )


class UserChange(Body):
    """What an administrator may change on an account."""

    email: Email = optional()
    full_name: Line = optional()
    phone: Phone | None = None
    gender: Gender | None = None
    date_of_birth: Birthday | None = None
    email_verified: Flag = optional()


class RoleChange(Body):
    """The role that an account shall have."""

    role: Code

    model_config = example({"role": "staff"})


class StatusChange(Body):
    """Whether an account may be used."""

    status: UserStatus

    model_config = example({"status": "suspended"})


class Farewell(Body):
    """The password, to show that it is the owner who wants the account gone."""

    password: Password

    model_config = example({"password": "a long and unlikely phrase"})


class ProfileChange(Body):
    """What an owner may change on their own account."""

    full_name: Line = Field(default="")
    phone: Phone | None = None
    gender: Gender | None = None
    date_of_birth: Birthday | None = None
