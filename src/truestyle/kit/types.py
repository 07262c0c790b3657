"""Types that carry their rule, so that OpenAPI shows it and no route forgets it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import phonenumbers
from bson import ObjectId
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError
from stdnum.in_ import gstin

from truestyle.kit import clock

RULE = "rule"  # the type of an error that no schema can tell: see `ValidationFailed`
_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069"
_LINE_CONTROLS = _CONTROLS + r"\u2028\u2029\u200e\u200f"
# As the OpenAPI document tells it: no control characters, and something that is not space.
LINE_PATTERN = rf"^[^{_LINE_CONTROLS}]*[^{_LINE_CONTROLS}\s][^{_LINE_CONTROLS}]*$"
TEXT_PATTERN = rf"^(?:[^{_CONTROLS}]|[\t\n\r])*$"
WORDS_PATTERN = rf"^(?:[^{_CONTROLS}]|[\t\n\r])*[^{_CONTROLS}\s](?:[^{_CONTROLS}]|[\t\n\r])*$"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Shown:
    """Adds to what OpenAPI says of a type, where a validator of ours does the checking."""

    pairs: tuple[tuple[str, Any], ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema with our words."""
        schema: dict[str, Any] = dict(handler.resolve_ref_schema(handler(core)))
        return schema | dict(self.pairs)


def shown(more: Mapping[str, Any] | None = None, **pairs: Any) -> Shown:
    """Words for the OpenAPI document."""
    return Shown(tuple({**(more or {}), **pairs}.items()))


def rule(msg: str) -> PydanticCustomError:
    """What a validator raises for what no schema can tell; a plain ValueError is for what the schema tells too."""
    return PydanticCustomError(RULE, msg)


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
    text = unicodedata.normalize("NFC", re.sub("\r\n?", "\n", text))
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
        raise rule(msg) from error
    if "=?" in checked.normalized:  # mail programs read `=?utf-8?q?=2c?=` as a comma: it would be another address
        msg = "must be an e-mail address"
        raise rule(msg)
    return checked.normalized.casefold()


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, "IN")
    except phonenumbers.NumberParseException as error:
        msg = "must be a telephone number like +919876543210"
        raise rule(msg) from error
    if not phonenumbers.is_valid_number(number):
        msg = "must be a telephone number like +919876543210"
        raise rule(msg)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _pincode(value: object) -> object:
    return re.sub(r"^(\d{3}) (\d{3})$", r"\1\2", value.strip()) if isinstance(value, str) else value


def _gstin(text: str) -> str:
    if not gstin.is_valid(text):
        msg = "is not a GST number: its check digit or its state does not fit"
        raise rule(msg)
    return gstin.compact(text)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "must say its time zone, like 2026-11-20T10:00:00Z"
        raise ValueError(msg)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:  # the first or last hours that a datetime can name
        msg = "is out of range"
        raise rule(msg) from error
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
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{24}$", "examples": ["65af0b12c4a1d2e3f4a5b6c7"]}),
]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_datetime_text, json_schema_input_type=str),
    AfterValidator(_utc),
    PlainSerializer(clock.wire, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T10:00:00Z"]}),
]


_ONE_LINE = shown(pattern=LINE_PATTERN)
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_line), _ONE_LINE
]
ShortLine = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), AfterValidator(_line), _ONE_LINE
]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=20_000),
    AfterValidator(_text),
    shown(pattern=TEXT_PATTERN),
]
Words = Annotated[Text, Field(min_length=1), shown(pattern=WORDS_PATTERN)]  # a text that says something
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
    WithJsonSchema({"type": "string", "maxLength": 20, "pattern": LINE_PATTERN, "examples": ["+919876543210"]}),
]
Pincode = Annotated[
    str,
    BeforeValidator(_pincode),
    Field(pattern=r"^[1-9][0-9]{5}$"),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{2} ?[0-9]{3}$", "examples": ["560001"]}),
]
Gstin = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[0-9A-Za-z]{15}$"),
    AfterValidator(_gstin),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Za-z]{15}$", "examples": ["29AAGCB7383J1Z4"]}),
]
Sku = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[!-~](?:[ -~]{0,62}[!-~])?$"),
    Field(examples=["KURTA-INDIGO-M"]),
]
OtpText = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["012345"])]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,60}$"), Field(examples=["festive"])]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=120)]
Int = Annotated[int, Field(strict=True, ge=-1_000_000_000, le=1_000_000_000)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Flag = Annotated[bool, Field(strict=True)]
