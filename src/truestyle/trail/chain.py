"""The chain: each entry is sealed with the seal before it, by a key that the database does not hold.

Changing, leaving out or adding an entry breaks every seal after it, and nobody without the key can make new ones.
Whoever cuts off the end needs to move the head back too; `truestyle audit` prints the head, so that it can be kept
elsewhere and compared.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

START = bytes(32)
HEADS, HEAD = "audit_head", "head"  # the collection of the head, and its id


@dataclass(frozen=True)
class Key:
    """A sealing key under the name that entries give it."""

    name: str
    secret: bytes


def key_from(pepper: str) -> Key:
    """The sealing key that belongs to a pepper."""
    secret = hmac.digest(pepper.encode(), b"audit trail", "sha256")
    return Key(hashlib.sha256(secret).hexdigest()[:12], secret)


def seal(row: Mapping[str, Any], seq: int, previous: bytes, key: Key) -> bytes:
    """The seal of an entry at a place in the chain."""
    told = [
        seq,
        previous.hex(),
        str(row["_id"]),
        row["created_at"].isoformat(),
        [row["actor"]["kind"], str(row["actor"]["id"])],
        row["request_id"],
        row["action"],
        row["resource"],
        row["resource_id"],
        row["digest"].hex(),
    ]
    if row.get("changeset_id"):  # beside the rest, so that seals from before there were changesets still hold
        told.append(str(row["changeset_id"]))
    return hmac.digest(key.secret, orjson.dumps(told), "sha256")


def sealed(
    rows: Iterable[Mapping[str, Any]], seq: int, previous: bytes, key: Key
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """(id, fields to set) for rows that follow the entry `seq`, whose seal is `previous`."""
    for place, row in enumerate(rows, seq + 1):
        fresh = seal(row, place, previous, key)
        yield row["_id"], {"sealed": True, "seq": place, "previous": previous, "seal": fresh, "key": key.name}
        previous = fresh
