"""Entries of the audit trail."""

from typing import Any

import orjson
from pydantic import Field

from truestyle.kit.documents import Answer, Document
from truestyle.kit.trail import Action, ActorKind
from truestyle.kit.types import Id, Timestamp


class EntryActor(Answer):
    """Who did it: a person signed in, a guest, a command on the server, or the store itself."""

    kind: ActorKind
    id: Id | None


class EntryAnswer(Answer):
    """What was done to one row. `before` and `after` hold the fields that differ; a new row has no `before`."""

    id: Id
    actor: EntryActor
    request_id: str | None
    changeset_id: Id | None = Field(description="The bulk change that it was part of.")
    action: str
    resource: str = Field(description="The collection, say `products`.")
    resource_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    erased_at: Timestamp | None = Field(description="When the details were erased because the person left.")
    seq: int | None = Field(description="Place in the chain; null for about a second, until it is sealed.")
    seal: str | None = Field(description="Hex; made of this entry and the seal before it.")
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class Entry(Document):
    """A stored entry. `details` is the JSON text that `digest` was made of, `previous` the seal before."""

    actor: EntryActor
    request_id: str | None
    changeset_id: Id | None = None
    action: Action
    resource: str
    resource_id: str
    subject: Any = None
    details: str | None
    salt: bytes | None
    digest: bytes
    erased_at: Timestamp | None = None
    sealed: bool
    seq: int | None = None
    previous: bytes | None = None
    seal: bytes | None = None
    key: str | None = None

    def answer(self) -> EntryAnswer:
        """As the wire shows it."""
        told = {"before": None, "after": None} if self.details is None else orjson.loads(self.details)
        values = self.model_dump(mode="python", exclude={"seal"}) | told
        return EntryAnswer(**values, seal=self.seal.hex() if self.seal else None)
