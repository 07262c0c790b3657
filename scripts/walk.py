"""Walks every operation of a running store's OpenAPI document and tells each answer that is not as documented.

    python -m scripts.walk                                                     # the `truestyle dev` of this folder
    python -m scripts.walk https://staging.example.com admin=you@example.com:password customer=…

It writes into the store, and what it makes cannot always be deleted. Meant for stores that hold nothing dear.
"""

import asyncio
import base64
import itertools
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts.contract import NOWHERE, PREFIX, Document, Operation, filled
from truestyle.cli.common import DEFAULT_DATA
from truestyle.cli.seeding import PEOPLE
from truestyle.infra.local.home import Home

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
PRODUCT = "create_product"
CREATED = 201
FEW = 5  # of a brief walk's bodies for who may not use the operation, one in so many
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


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


async def walk(
    client: httpx.AsyncClient, document: Document, headers: Mapping[str, str], *, brief: bool = False
) -> AsyncIterator[Visit]:
    """Every operation as one caller: with its example, and with what nobody should send.

    What the examples make is then read, changed and at last deleted; only reads touch what others made. `brief`: of
    what nobody should send, only a few to who may not use the operation, and none to a PATCH, which is its PUT.
    """
    ids, made, turn = await _known_ids(client, document, headers), dict[str, str](), itertools.count()
    for operation in sorted(document.operations(), key=_turn):
        known = [key for template, key in ids.items() if f"{operation.path}/".startswith(f"{template}/")]
        own_id = made.get(operation.path.partition("/{")[0])
        path = filled(operation.path, own_id or (known[0] if known and operation.method == "GET" else None))
        asked = refused = False
        for sent, options in _requests(document, operation, made):
            hostile = "content" in options
            if brief and asked and hostile and (operation.method == "PATCH" or (refused and next(turn) % FEW)):
                continue
            asked = True
            own = {**headers, **options.pop("headers", {})}
            answer = await client.request(operation.method, path, headers=own, **options)
            refused = refused or (not hostile and answer.status_code in {401, 403})
            if answer.status_code == CREATED and "location" in answer.headers:
                made.setdefault(*answer.headers["location"].rsplit("/", 1))
            wrong = document.wrong(operation, answer)
            yield Visit(operation, sent, answer, [*wrong, "fails"] if document.fails(operation, answer) else wrong)


def _turn(operation: Operation) -> tuple[bool, bool, bool, bool]:
    """Products first, for others name them; then what else is created; deletions and the end of the session last."""
    one = "{" in operation.path
    return (
        operation.name in LAST,
        operation.method == "DELETE" and one,
        operation.method != "POST" or one,
        operation.name != PRODUCT,
    )


def _requests(
    document: Document, operation: Operation, made: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if not operation.body:
        yield "no body", {}
        return
    example = document.example(operation)
    if isinstance(example, dict) and "product_id" in example:  # no example can name a product that is there
        there = {"product_id": made.get(f"{PREFIX}/products", NOWHERE)}
        example = {name: value for name, value in example.items() if name != "sku"} | there
    if example is not None:
        yield "its example", {"json": example}
    if "multipart/form-data" in operation.body:
        yield "a picture", {"files": {"file": ("a.png", PICTURE, "image/png")}}
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


def demo() -> tuple[str, list[str]]:
    """Address and people of the store that runs on this data folder; exits when there is none."""
    home = Home(Path(os.environ.get("TRUESTYLE_DATA", DEFAULT_DATA)))
    address = home.running().get("url")
    if address is None:
        sys.exit(f"No store runs on {home.folder}. Open one with `truestyle dev`, or say which:\n\n{__doc__}")
    kept = home.secrets()
    known = {who: (email, kept.get(f"demo_password:{email}")) for who, (email, _, _) in PEOPLE.items()}
    return address, [f"{who}={email}:{password}" for who, (email, password) in known.items() if password]


async def _main(address: str, people: list[str]) -> int:
    wrong = visits = 0
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        document = Document((await client.get("/openapi.json")).json())
        for person in ["nobody", *people]:
            name, _, sign_in = person.partition("=")
            token = await asyncio.to_thread(signed_in, address, sign_in) if sign_in else None
            headers, before = {"authorization": f"Bearer {token}"} if token else {}, visits
            async for visit in walk(client, document, headers):
                visits += 1
                if visit.wrong:
                    wrong += 1
                    print(f"{name}: {visit.told()}")  # noqa: T201
            print(f"{name}: {visits - before} requests")  # noqa: T201
    print(f"{visits} requests, {wrong} answers that are not as documented")  # noqa: T201
    return 1 if wrong else 0


def signed_in(address: str, sign_in: str) -> str:
    """An access token for `email:password`."""
    email, _, password = sign_in.partition(":")
    answer = httpx.post(f"{address}{PREFIX}/auth/login", json={"email": email, "password": password}, timeout=30)
    return str(answer.raise_for_status().json()["access_token"])


if __name__ == "__main__":
    where, who = (sys.argv[1], sys.argv[2:]) if sys.argv[1:] else demo()
    sys.exit(asyncio.run(_main(where.rstrip("/"), who)))
