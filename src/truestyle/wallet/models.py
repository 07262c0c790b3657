"""Cards and UPI addresses that people keep for the next time."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, WithJsonSchema, model_validator

from truestyle.kit.defaults import Defaulted
from truestyle.kit.documents import Answer, Body, Document, example, optional
from truestyle.kit.types import Flag, Id, Line, Timestamp, rule
from truestyle.wallet import cards

VPA = r"^[A-Za-z0-9][A-Za-z0-9._-]{1,200}@[A-Za-z][A-Za-z0-9]{1,50}$"
TOKEN = r"^[A-Za-z0-9_.:-]{8,255}$"  # noqa: S105 - a pattern


def _number(value: SecretStr) -> SecretStr:
    """Digits alone. What was typed is in no error."""
    plain = cards.plain(value.get_secret_value())
    if plain is None:
        msg = "is not a card number"
        raise rule(msg)
    return SecretStr(plain)


def _token(value: SecretStr) -> SecretStr:
    if re.fullmatch(TOKEN, value.get_secret_value()) is None:
        msg = "is not a token"
        raise rule(msg)
    return value


def _upi(value: str) -> str:
    return value.lower()


CardNumber = Annotated[
    SecretStr,
    AfterValidator(_number),
    WithJsonSchema({"type": "string", "minLength": 12, "maxLength": 30, "writeOnly": True, "format": "password"}),
]
GatewayToken = Annotated[
    SecretStr, AfterValidator(_token), WithJsonSchema({"type": "string", "pattern": TOKEN, "writeOnly": True})
]
Month = Annotated[int, Field(strict=True, ge=1, le=12)]
Year = Annotated[int, Field(strict=True, ge=2000, le=2100)]
Vpa = Annotated[
    str,
    StringConstraints(max_length=255, pattern=VPA),
    AfterValidator(_upi),
]


class CardFacts(Answer):
    """What may be shown of a card."""

    brand: str
    last4: str | None
    holder_name: str
    expiry_month: int
    expiry_year: int


class Card(Document, CardFacts):
    """A kept card: the number locked with CARD_ENC_KEY, or not kept at all; or a gateway's token for it."""

    user_id: Id
    number: bytes | None = None
    token: str | None = None

    def answer(self) -> "CardAnswer":
        """As its owner sees it."""
        return CardAnswer.model_validate(self.model_dump(include=set(CardAnswer.model_fields)))


class CardAnswer(CardFacts):
    """A kept card as its owner sees it."""

    id: Id
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class CardCreate(Body):
    """A card to keep: its number, or the token that a payment gateway gave for it. There is no place for a CVV."""

    number: CardNumber | None = None
    token: GatewayToken | None = None
    holder_name: Line
    expiry_month: Month
    expiry_year: Year

    model_config = example(
        {"number": "4111 1111 1111 1111", "holder_name": "Asha Rao", "expiry_month": 12, "expiry_year": 2099}
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "CardCreate":
        if (self.number is None) == (self.token is None):
            msg = "needs either a number or a token"
            raise rule(msg)
        return self


class CardChange(Body):
    """What may change on a kept card. Another number is another card."""

    holder_name: Line = optional()
    expiry_month: Month = optional()
    expiry_year: Year = optional()


class Upi(Defaulted):
    """A kept UPI address."""

    vpa: str

    def answer(self) -> "UpiAnswer":
        """As its owner sees it."""
        return UpiAnswer.model_validate(self.model_dump(include=set(UpiAnswer.model_fields)))


class UpiAnswer(Answer):
    """A kept UPI address as its owner sees it."""

    id: Id
    vpa: str
    is_default: bool
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class UpiCreate(Body):
    """A UPI address to keep; the first is the default, whatever it says."""

    vpa: Vpa
    is_default: Flag = False

    model_config = example({"vpa": "asha.rao@okbank"})


class UpiChange(Body):
    """What may change."""

    vpa: Vpa = optional()
    is_default: Flag = optional()
