import base64
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.kit import paging
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.paging import Found, PageQuery

BOUND = paging.fingerprint("price", {"status": "active"})
VALUES = st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=40) | st.booleans()


@settings(deadline=None)
@given(VALUES, st.binary(min_size=12, max_size=12))
def test_a_cursor_says_again_where_it_stood(value: Any, key: bytes) -> None:
    cursor = paging.encode(BOUND, value, ObjectId(key))
    assert cursor.isascii()
    assert "=" not in cursor
    assert paging.decode(cursor, BOUND) == (value, ObjectId(key))


def test_a_time_survives_to_the_millisecond() -> None:
    moment = datetime(2026, 11, 20, 10, 0, 0, 123000, UTC)
    assert paging.decode(paging.encode(BOUND, moment, ObjectId()), BOUND)[0] == moment


@pytest.mark.parametrize(
    ("sort", "where"),
    [
        ("-price", {"status": "active"}),
        ("price", {"status": "draft"}),
        ("price", {}),
        ("price", {"status": ["active"]}),
    ],
)
def test_a_cursor_of_another_sort_or_filter_is_refused(sort: str, where: dict[str, Any]) -> None:
    cursor = paging.encode(paging.fingerprint(sort, where), 1, ObjectId())
    with pytest.raises(ValidationFailed):
        paging.decode(cursor, BOUND)


SOME_ID = ObjectId("65af0b12c4a1d2e3f4a5b6c7")


def _forged(**row: Any) -> str:
    return base64.urlsafe_b64encode(bson.encode({"b": BOUND, "v": 1, "i": SOME_ID, **row})).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "AAAA",
        "\u00e9",
        "====",
        "A" * 600,
        _forged(v={"$gt": 0}),
        _forged(v=[1]),
        _forged(v=bson.Regex("a")),
        _forged(v=bson.Code("while(1){}")),
        _forged(i="x"),
        _forged(i={"$ne": 1}),
        _forged(b=b"other"),
        _forged(b=None),
    ],
)
def test_a_broken_or_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        paging.decode(cursor, BOUND)
    assert refused.value.members["errors"][0]["loc"] == ["query", "cursor"]


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_rubbish_is_refused_and_nothing_else_is_raised(cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        paging.decode(cursor, BOUND)


def test_a_page_counts_its_pages() -> None:
    found = Found(items=[1, 2], query=PageQuery("price", page=2, size=2), total=5, next_cursor="x")
    page = found.map(str).page()
    assert (page.items, page.total, page.page, page.page_size, page.pages) == (["1", "2"], 5, 2, 2, 3)
    by_cursor = Found(items=[1], query=PageQuery("price", page=None, cursor="x")).page()
    assert (by_cursor.total, by_cursor.page, by_cursor.pages, by_cursor.next_cursor) == (None, None, None, None)
