"""Walks every operation of a running store's OpenAPI document and tells each answer that is not as documented.

    python -m scripts.walk http://127.0.0.1:8000 admin=admin@truestyle.example:password …

It writes into the store: examples are created for good. Meant for stores that hold nothing dear.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from scripts.contract import PREFIX, Document, Operation, filled

# What nobody should send: nothing, another kind of value, operators, keys that are ours, depth, text that ends early.
HOSTILE: tuple[tuple[str, bytes], ...] = (
    ("application/json", b""),
    ("application/json", b"{}"),
    ("application/json", b"[]"),
    ("application/json", b"null"),
    ("application/json", b"1.5"),
    ("application/json", b'"x"'),
    ("application/json", b'{"$where": "1", "__proto__": {}, "role": "admin", "_id": {"$ne": null}, "version": 9}'),
    ("application/json", b'{"name": {"$gt": ""}, "email": {"$ne": null}, "password": {"$regex": "."}, "ids": [{}]}'),
    ("application/json", b'{"a":' * 50 + b"1" + b"}" * 50),
    ("application/json", b'{"name": "\\ud800", "title": "\\u0000"}'),
    ("application/json", b'{"name": "x'),
    ("application/json", b'{"quantity": 1e999, "price": NaN}'),
    ("application/json", b'{"name": "' + b"x" * 60_000 + b'"}'),
    ("text/plain", b"{}"),
    ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--x--'),
    ("application/x-www-form-urlencoded", b"username[$ne]=x&password=%00&role=admin"),
)
LAST = ("logout",)  # ends the walker's session


@dataclass(frozen=True)
class Visit:
    """One request of a walk, and what was wrong with its answer."""

    operation: Operation
    sent: str
    answer: httpx.Response
    wrong: list[str]

    def told(self) -> str:
        """The visit in a line."""
        return f"{self.operation.method} {self.operation.path} ({self.sent}) → {self.answer.status_code}: {self.wrong}"


async def walk(client: httpx.AsyncClient, document: Document, headers: Mapping[str, str]) -> AsyncIterator[Visit]:
    """Every operation as one caller: with its example, and with what nobody should send."""
    ids = await _known_ids(client, document, headers)
    for operation in sorted(document.operations(), key=lambda one: one.name in LAST):
        known = [key for template, key in ids.items() if f"{operation.path}/".startswith(f"{template}/")]
        path = filled(operation.path, known[0] if known and operation.method == "GET" else None)
        for sent, options in _requests(document, operation):
            own = {**headers, **options.pop("headers", {})}
            answer = await client.request(operation.method, path, headers=own, **options)
            wrong = document.wrong(operation, answer)
            yield Visit(operation, sent, answer, [*wrong, "fails"] if answer.is_server_error else wrong)


def _requests(document: Document, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    example = document.example(operation)
    if not operation.body:
        yield "no body", {}
        return
    if example is not None:
        yield "its example", {"json": example}
    for kind, body in HOSTILE:
        yield f"{kind} {body[:60]!r}", {"content": body, "headers": {"content-type": kind}}


async def _known_ids(client: httpx.AsyncClient, document: Document, headers: Mapping[str, str]) -> dict[str, str]:
    """For each path that ends in a parameter an id that the caller can list, where there is a list."""
    found: dict[str, str] = {}
    lists = {operation.path for operation in document.operations() if operation.method == "GET"}
    for path in sorted(lists):
        parent, _, last = path.rpartition("/")
        if last.startswith("{") and parent in lists:
            answer = await client.get(parent, headers=dict(headers))
            rows = answer.json().get("items", []) if answer.is_success else []
            if rows and "id" in rows[0]:
                found[path] = rows[0]["id"]
    return found


async def _main(address: str, people: list[str]) -> int:
    wrong = visits = 0
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        document = Document((await client.get("/openapi.json")).json())
        for person in ["nobody", *people]:
            name, _, sign_in = person.partition("=")
            headers = {}
            if sign_in:
                email, _, password = sign_in.partition(":")
                body = {"email": email, "password": password}
                answer = await client.post(f"{PREFIX}/auth/login", json=body)
                headers = {"authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}
            async for visit in walk(client, document, headers):
                visits += 1
                if visit.wrong:
                    wrong += 1
                    print(f"{name}: {visit.told()}")  # noqa: T201
    print(f"{visits} requests, {wrong} answers that are not as documented")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:  # noqa: PLR2004
        sys.exit(__doc__)
    sys.exit(asyncio.run(_main(sys.argv[1].rstrip("/"), sys.argv[2:])))
