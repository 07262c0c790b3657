"""One JSON parser for request bodies: numbers as Decimal, and everything ambiguous refused."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_DEPTH = 20
MAX_MEMBERS = 300  # keys of one object: real bodies have a few dozen
MAX_DIGITS = 18
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class MalformedJsonError(ValueError):
    """The body is not JSON that we accept; the message says why, without quoting it."""


def loads(body: bytes) -> Any:
    """Parse `body` (UTF-8 bytes). Raises MalformedJsonError."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = "must be UTF-8"
        raise MalformedJsonError(msg) from error
    if "\x00" in text:
        msg = "must not contain NUL"
        raise MalformedJsonError(msg)
    try:
        value = json.loads(
            text, parse_float=_number, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_members
        )
    except RecursionError as error:
        msg = f"must not be nested deeper than {MAX_DEPTH}"
        raise MalformedJsonError(msg) from error
    except json.JSONDecodeError as error:
        msg = f"is not JSON: {error.msg} at {error.pos}"
        raise MalformedJsonError(msg) from error
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if _SUSPECT_ESCAPE.search(body):
        _check_text(value)
    return value


def _number(text: str) -> Decimal:
    try:
        if len(text) <= MAX_DIGITS * 2:
            return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        pass
    msg = "has a number that is too long"
    raise MalformedJsonError(msg)


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        msg = "has a number that is too long"
        raise MalformedJsonError(msg)
    return int(text)


def _no_constant(_: str) -> None:
    msg = "must not contain NaN or Infinity"
    raise MalformedJsonError(msg)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        msg = f"has an object with more than {MAX_MEMBERS} keys"
        raise MalformedJsonError(msg)
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "has the same key twice"
        raise MalformedJsonError(msg)
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    msg = f"must not be nested deeper than {MAX_DEPTH}"
    raise MalformedJsonError(msg)


def _check_text(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and ("\x00" in one or any("\ud800" <= char <= "\udfff" for char in one)):
            msg = "must not contain NUL or lone surrogates"
            raise MalformedJsonError(msg)
