import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truestyle.kit import strictjson
from truestyle.kit.strictjson import MAX_DEPTH, MAX_MEMBERS, MalformedJsonError


def test_numbers_with_a_point_are_read_exactly() -> None:
    assert strictjson.loads(b'{"price": 0.1, "count": 3}') == {"price": Decimal("0.1"), "count": 3}


@pytest.mark.parametrize("depth", [1, MAX_DEPTH])
def test_nesting_up_to_the_limit_is_read(depth: int) -> None:
    assert strictjson.loads(b"[" * depth + b"1" + b"]" * depth)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b'{"a": 1,}', "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b'{"a": 1} {}', "is not JSON"),
        (b'"\n"', "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b'{"a": 1, "a": 2}', "same key twice"),
        (b'{"a": 1, "\\u0061": 2}', "same key twice"),
        (b'{"a": {"b": 1, "b": 1}}', "same key twice"),
        (b"NaN", "NaN or Infinity"),
        (b'{"a": [Infinity]}', "NaN or Infinity"),
        (b"-Infinity", "NaN or Infinity"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper"),
        (b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1), "nested deeper"),
        (b'{"a":' * 21 + b"1" + b"}" * 21, "nested deeper"),
        (b"[" * 60_000, "nested deeper"),
        (b'["\\ud800"]', "lone surrogates"),
        (b'{"\\udfff": 1}', "lone surrogates"),
        (b'["\\uDC00\\uD800"]', "lone surrogates"),
        (b'["\\u0000"]', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'["\x00"]', "NUL"),
        (b'["\xff"]', "UTF-8"),
        (b'["\xed\xa0\x80"]', "UTF-8"),
        (b"1" * 19, "number that is too long"),
        (b"-" + b"1" * 18, "number that is too long"),
        (b"1." + b"1" * 60, "number that is too long"),
        (b"1e99999999999999999999", "number that is too long"),
        (b"1e-99999999999999999999", "number that is too long"),
    ],
)
def test_what_is_ambiguous_or_hostile_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(MalformedJsonError, match=why):
        strictjson.loads(body)


def test_a_surrogate_pair_and_an_escaped_backslash_are_ordinary_text() -> None:
    assert strictjson.loads(b'["\\ud83d\\ude00", "\\\\u0000"]') == ["\U0001f600", "\\u0000"]


def test_an_object_may_have_so_many_keys_and_no_more() -> None:
    def body(count: int) -> bytes:
        return b"{" + b",".join(b'"k%d":1' % at for at in range(count)) + b"}"

    assert len(strictjson.loads(body(MAX_MEMBERS))) == MAX_MEMBERS
    with pytest.raises(MalformedJsonError, match="more than"):
        strictjson.loads(body(MAX_MEMBERS + 1))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789.eE-+\\u dDnNaf', max_size=80).map(str.encode))
def test_whatever_is_sent_is_read_or_refused_and_nothing_else_is_raised(body: bytes) -> None:
    with contextlib.suppress(MalformedJsonError):
        strictjson.loads(body)
