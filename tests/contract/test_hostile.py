"""What nobody should send, to every operation of the document: a 4xx within a second, and never a failure."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from scripts.contract import Document, Operation, filled

from tests import make
from tests.contract.driving import EXAMPLES, may
from truestyle.shop import Shop

JSON = {"content-type": b"application/json"}
FEW = 8  # of what goes to operations that want a sign-in, without one, so many are one; each goes to some of them
SECOND = 1.0  # of computing here: what other programs of a busy machine take is not ours
# No body at all that is any of these may be accepted, whatever the schema.
BODIES = {
    "deep": b'{"a":' * 30 + b"1" + b"}" * 30,
    "very deep": b"[" * 30_000 + b"]" * 30_000,
    "the same key twice": b'{"name": "A", "name": "B"}',
    "NaN": b'{"name": NaN}',
    "a number of 60 000 digits": b'{"name": ' + b"9" * 60_000 + b"}",
    "an exponent": b'{"name": 1e999999999999}',
    "NUL": b'{"name": "\\u0000"}',
    "a raw NUL": b'{"name": "\x00"}',
    "half a surrogate pair": b'{"name": "\\ud800"}',
    "bad UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "A"}'.encode("utf-16"),
    "5000 keys": b"{" + b",".join(b'"k%d":1' % at for at in range(5000)) + b"}",
    "cut off": b'{"name": "A',
    "an operator": b'{"$where": "sleep(5000)", "$ne": null}',
    "a prototype": b'{"__proto__": {"role": "admin"}, "constructor": {}}',
    "no object": b"[{}]",
}
KINDS = ("text/plain", "application/xml", "text/html", "application/octet-stream", "image/svg+xml", "a/b; charset=\xff")
# Put under every name of a body at once; refused wherever the schema of a single one refuses it.
VALUES: dict[str, Any] = {
    "an operator": {"$gt": ""},
    "a list of operators": [{"$ne": None}],
    "a huge number": 10**17,
    "a negative number": -(10**17),
    "a fraction": 0.123456789,
    "a number as text": "5",
    "true": True,
    "a control character": "a\u0007b",
    "turned around": "a\u202eb",
    "a long text": "x" * 50_000,
    "markup": "<script>alert(1)</script>",
    "a formula": "=cmd|'/c calc'!A1",
    "a path": "../../../../etc/passwd",
}
QUERIES = ("%00", "%ff%fe", "9" * 400, "-1", "1e3", "NaN", "\uff15", '{"$gt":""}', "[$ne]=1", "x" * 4000, "a%0d%0ab")
NUMBERS = {"9" * 400, "-1", "1e3", "NaN", '{"$gt":""}'}  # what no integer of a query may be
PATHS = ("%00", "%ff", "$ne", "%7B%22$gt%22:%22%22%7D", "x" * 3000, "..%2f..%2fetc%2fpasswd", "65af0b12c4a1d2e3f4a5b6c")
HEADERS = (
    {"if-match": b'"\xff"', "idempotency-key": b"\xff" * 300},
    {"x-cart-token": b"$ne" * 100, "x-request-id": b"\xe2\x82\xac" * 50},
    {"range": b"bytes=" + b"0-1," * 500, "if-none-match": b'"' * 5000},
    {"accept": b"\xff/\xff", "accept-encoding": b"gzip;q=nonsense", "origin": b"\xff"},
    {"cookie": b"ts_cart=\xff; ts_rt=$ne; " + b"a=b; " * 500, "content-length": b"0"},
)


@dataclass(frozen=True)
class Ask:
    """One request; `refused`: it must be a 4xx, and not just no failure."""

    operation: Operation
    words: str
    path: str
    refused: bool = False
    content: bytes | None = None
    headers: dict[str, bytes] = field(default_factory=dict)


def asks(document: Document) -> Iterator[Ask]:
    for operation in document.operations():
        if EXAMPLES or operation.method != "PATCH":  # which is the function of its PUT: test_document.py
            yield from with_bodies(document, operation)
        for one in operation.told.get("parameters", ()):
            if one["in"] == "query":
                integer = one["schema"].get("type") == "integer"
                for text in QUERIES:
                    path = f"{filled(operation.path)}?{one['name']}={text}"
                    yield Ask(operation, path[-40:], path, integer and text in NUMBERS)
            elif one["in"] == "path":
                for text in PATHS:
                    yield Ask(operation, text[:20], operation.path.replace(f"{{{one['name']}}}", text), refused=True)
        if operation.method == "GET":
            for headers in HEADERS:
                yield Ask(operation, str(headers)[:40], filled(operation.path), headers=headers)


def with_bodies(document: Document, operation: Operation) -> Iterator[Ask]:
    path = filled(operation.path)
    if "application/json" in operation.body:
        told = properties(document, operation)
        for words, body in BODIES.items():
            yield Ask(operation, words, path, refused=True, content=body, headers=JSON)
        for words, value in VALUES.items():
            wrong = any(document.errors(one, value) for one in told.values())
            body = json.dumps(dict.fromkeys(told, value)).encode()
            yield Ask(operation, words, path, wrong, body, JSON)
    if operation.body:
        for kind in KINDS:
            headers = {"content-type": kind.encode("latin-1")}
            yield Ask(operation, kind, path, refused=True, content=b"<a/>", headers=headers)


def properties(document: Document, operation: Operation) -> dict[str, Any]:
    """The schemas of a JSON body's members, by name."""
    schema = document.resolved(operation.body["application/json"])
    choices = [document.resolved(one) for one in schema.get("anyOf", [schema])]
    return {name: told for one in choices for name, told in one.get("properties", {}).items()}


@pytest.mark.parametrize("who", ["nobody", "admin"])
async def test_hostile_input_is_refused_within_a_second(app: FastAPI, shop: Shop, who: str) -> None:
    person = None if who == "nobody" else await make.person(shop, who)
    own = {name: value.encode() for name, value in person.headers.items()} if person else {}
    document = Document(app.openapi())
    wrong, count, shut = [], 0, itertools.count()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for ask in asks(document):
            if not (EXAMPLES or may(who, ask.operation.told)) and next(shut) % FEW:
                continue
            began = time.process_time()
            headers = [(name.encode(), value) for name, value in {**own, **ask.headers}.items()]
            answer = await client.request(ask.operation.method, ask.path, content=ask.content, headers=headers)
            seconds, count = time.process_time() - began, count + 1
            refused = 400 <= answer.status_code < 500
            if document.fails(ask.operation, answer) or (ask.refused and not refused) or seconds > SECOND:
                told = f"{ask.operation.method} {ask.operation.path} ({ask.words})"
                wrong.append(f"{told}: {answer.status_code} in {seconds:.2f} s")
    assert wrong == []
    assert count > 1000
