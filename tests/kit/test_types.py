from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from bson import ObjectId
from pydantic import TypeAdapter, ValidationError

from truestyle.kit import clock
from truestyle.kit.types import Code, Email, Id, Line, Phone, Pincode, Sku, Slug, Text, Timestamp


def read(kind: Any, value: object) -> Any:
    return TypeAdapter[Any](kind).validate_python(value)


def refused(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        read(kind, value)


def test_an_id_is_24_hexadecimal_characters() -> None:
    ident = ObjectId()
    assert read(Id, str(ident)) == read(Id, str(ident).upper()) == read(Id, ident) == ident
    assert TypeAdapter[Any](Id).dump_json(ident) == f'"{ident}"'.encode()
    for value in ("", "0" * 23, "0" * 25, "g" * 24, "\u0660" * 24, b"0" * 12, 0, None, "0" * 24 + "\n"):
        refused(Id, value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T15:30:00+05:30", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123987Z", datetime(2026, 11, 20, 10, 0, 0, 123000, tzinfo=UTC)),
    ],
)
def test_a_time_is_kept_in_utc_to_the_millisecond(text: str, moment: datetime) -> None:
    assert read(Timestamp, text) == moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20T10:00:00",
        "2026-11-20",
        "1700000000",
        "1700000000.5",
        "-1",
        1700000000,
        True,
        "yesterday",
        "",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0000-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z",
    ],
)
def test_what_is_not_a_whole_time_is_refused(value: object) -> None:
    refused(Timestamp, value)


def test_times_are_shown_with_z_and_milliseconds_only_where_there_are_any() -> None:
    assert clock.wire(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    india = timezone(timedelta(hours=5, minutes=30))
    assert clock.wire(datetime(2026, 1, 2, 3, 4, 5, 6000, india)) == "2026-01-01T21:34:05.006Z"
    assert clock.now().microsecond % 1000 == 0


@pytest.mark.parametrize("text", ["a\x00b", "a\tb", "a\x7fb", "a\u2028b", "a\u202eb", "a\u2066b", " \n ", ""])
def test_a_line_has_no_breaks_or_direction_marks(text: str) -> None:
    refused(Line, text)


def test_text_may_have_breaks_but_nothing_invisible() -> None:
    assert read(Text, "a\r\nb\tc") == "a\nb\tc"
    for text in ("a\x00b", "a\x1bb", "a\u202eb"):
        refused(Text, text)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Asha@Example.COM", "asha@example.com"),
        (" asha@example.com ", "asha@example.com"),
        ("asha@b\u00fccher.example", "asha@b\u00fccher.example"),
        ("asha@xn--bcher-kva.example", "asha@b\u00fccher.example"),
        ("asha+tag@example.com", "asha+tag@example.com"),
    ],
)
def test_an_address_has_one_form(written: str, canonical: str) -> None:
    assert read(Email, written) == canonical


@pytest.mark.parametrize(
    "text", ["", "asha", "a@", "@b.de", "a@b@c.de", "a b@c.de", "a@b.de\nBcc: x@y.de", "a@[1.2.3.4]"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    refused(Email, text)


def test_a_telephone_number_is_kept_in_international_form() -> None:
    for written in ("9876543210", "098765 43210", "+91 98765-43210", "+919876543210"):
        assert read(Phone, written) == "+919876543210"
    assert read(Phone, "+44 20 7946 0958") == "+442079460958"
    for text in ("12345", "call me", "+91", "9" * 21, ""):
        refused(Phone, text)


def test_pins_skus_codes_and_slugs_have_their_alphabets() -> None:
    assert read(Pincode, " 560 001 ") == "560001"
    for text in ("060001", "56001", "5600011", "56 0001", "\u0665\u0666\u0660\u0660\u0660\u0661"):
        refused(Pincode, text)
    assert read(Sku, " KURTA/INDIGO M#1 ") == "KURTA/INDIGO M#1"
    for text in ("", "A" * 65, "A\u00e9", "A\x00", "A\nB"):
        refused(Sku, text)
    assert read(Code, "on_hold-2") == "on_hold-2"
    for text in ("On", "a b", "", "x" * 61, "a\n"):
        refused(Code, text)
    assert read(Slug, "bottle-green") == "bottle-green"
    for text in ("-a", "a--b", "A", "a_b", "x" * 121):
        refused(Slug, text)
