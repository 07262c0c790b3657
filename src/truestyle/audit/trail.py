"""I11: the audit trail is whole."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from truestyle.audit.report import Breach
from truestyle.infra.snapshot import Snapshot
from truestyle.kit import clock
from truestyle.kit.trail import COLLECTION, digest
from truestyle.trail import chain
from truestyle.trail.chain import Key

LATEST = timedelta(hours=1)  # a worker that is up seals within seconds; this long after, somebody should look
STEP = 500


def chain_of(keys: Sequence[Key]) -> Any:
    """A check of the trail that was sealed with these keys."""
    known = {key.name: key for key in keys}

    async def look(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
        """Every seal follows from its entry and the seal before; places have no gaps; the head is the last."""
        seq, previous = 0, chain.START
        async for row in snapshot.rows(COLLECTION, {"seq": {"$type": "number"}}, sort="seq"):
            for message in _wrong(row, seq, previous, known):
                yield Breach("I11", message, {"entry": row["_id"], "seq": row["seq"]})
            seq, previous = row["seq"], row["seal"]
            if seq % STEP == 0:
                yield STEP
        yield seq % STEP
        heads = [row async for row in snapshot.rows(chain.HEADS, {"_id": chain.HEAD})]
        end = (heads[0]["seq"], heads[0]["seal"]) if heads else (0, chain.START)
        if end != (seq, previous):
            yield Breach("I11", "the trail ends elsewhere than its head says: entries are missing", {"seq": seq})
        late = {"sealed": False, "created_at": {"$lt": clock.now() - LATEST}}
        async for row in snapshot.rows(COLLECTION, late):
            yield Breach("I11", "an entry was never sealed: is a worker running?", {"entry": row["_id"]})

    return look


def _wrong(row: dict[str, Any], seq: int, previous: bytes, keys: Mapping[str, Key]) -> list[str]:
    key = keys.get(row["key"])
    if key is None:
        return ["an entry is sealed with a key that this store does not have"]
    found = list[str]()
    if row["seq"] != seq + 1:
        found.append("an entry is missing before this one")
    elif row["previous"] != previous or row["seal"] != chain.seal(row, row["seq"], previous, key):
        found.append("an entry was changed, or put in")
    if row["details"] is not None and digest(row["salt"], row["details"]) != row["digest"]:
        found.append("the details of an entry were changed")
    if row["details"] is None and row.get("erased_at") is None:
        found.append("the details of an entry are gone")
    return found
