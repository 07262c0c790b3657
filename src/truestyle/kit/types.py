"""Types that carry their rule, so that OpenAPI shows it and no route forgets it."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated

import phonenumbers
from bson import ObjectId
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from truestyle.kit import clock

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def object_id(value: object) -> ObjectId:
    """24 hex characters → ObjectId. Raises ValueError."""
    if isinstance(value, ObjectId):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{24}", value):
        return ObjectId(value)
    msg = "must be 24 hexadecimal characters"
    raise ValueError(msg)


def _line(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if _CONTROL.search(text):
        msg = "must not contain control characters"
        raise ValueError(msg)
    return text


def _text(text: str) -> str:
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    if _CONTROL_BUT_BREAKS.search(text):
        msg = "must not contain control characters"
        raise ValueError(msg)
    return text


def canonical_email(address: str) -> str:
    """The one form in which addresses are compared: NFC, lower case, IDNA domain. Raises ValueError."""
    try:
        checked = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        msg = "must be an e-mail address"
        raise ValueError(msg) from error
    return checked.normalized.casefold()


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, "IN")
    except phonenumbers.NumberParseException as error:
        msg = "must be a telephone number like +919876543210"
        raise ValueError(msg) from error
    if not phonenumbers.is_valid_number(number):
        msg = "must be a telephone number like +919876543210"
        raise ValueError(msg)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _pincode(value: object) -> object:
    return re.sub(r"^(\d{3}) (\d{3})$", r"\1\2", value.strip()) if isinstance(value, str) else value


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "must say its time zone, like 2026-11-20T10:00:00Z"
        raise ValueError(msg)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:  # the first or last hours that a datetime can name
        msg = "is out of range"
        raise ValueError(msg) from error
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _datetime_text(value: object) -> object:
    # A bare number, in text too, would be read as seconds since 1970, which nobody means.
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-", value.strip())):
        return value
    msg = "must be a time like 2026-11-20T10:00:00Z"
    raise ValueError(msg)


Id = Annotated[
    ObjectId,
    PlainValidator(object_id, json_schema_input_type=str),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{24}$", "examples": ["65af0b12c4a1d2e3f4a5b6c7"]}),
]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_datetime_text, json_schema_input_type=str),
    AfterValidator(_utc),
    PlainSerializer(clock.wire, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T10:00:00Z"]}),
]


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_line)]
ShortLine = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), AfterValidator(_line)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000), AfterValidator(_text)]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    AfterValidator(canonical_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254, "examples": ["asha@example.com"]}),
]
Phone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=20),
    AfterValidator(_phone),
    WithJsonSchema({"type": "string", "maxLength": 20, "examples": ["+919876543210"]}),
]
Pincode = Annotated[str, BeforeValidator(_pincode), Field(pattern=r"^[1-9][0-9]{5}$", examples=["560001"])]
Sku = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[!-~](?:[ -~]{0,62}[!-~])?$"),
    Field(examples=["KURTA-INDIGO-M"]),
]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,60}$"), Field(examples=["festive"])]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=120)]
Int = Annotated[int, Field(strict=True, ge=-1_000_000_000, le=1_000_000_000)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Flag = Annotated[bool, Field(strict=True)]
