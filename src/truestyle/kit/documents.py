"""Stored documents and request bodies."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from bson import ObjectId
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from truestyle.kit import clock
from truestyle.kit.types import Id, Timestamp


def optional(**more: Any) -> Any:
    """A field of a body that may be left out but, unless its type says so, not be null."""
    return Field(default=None, json_schema_extra=_without_default, **more)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def example(body: dict[str, Any]) -> ConfigDict:
    """The config of a body with an example that is accepted as it stands."""
    return ConfigDict(json_schema_extra={"example": body})


class Answer(BaseModel):
    """What a route answers: every key is always there (absent is null)."""

    # A row that cannot be read would otherwise be in the log, with what is nobody's business.
    model_config = ConfigDict(
        json_schema_serialization_defaults_required=True, hide_input_in_errors=True, defer_build=True
    )


class Exact(BaseModel):
    """Part of a body: unknown keys are refused, so that nothing can be smuggled in, and so is what is no object."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _an_object(cls, value: Any) -> Any:
        # The numbers of our JSON are Decimals, which FastAPI's models would read as objects without a known attribute:
        # `1.5` would pass for `{}`.
        if isinstance(value, Decimal):
            raise PydanticCustomError("model_type", "must be an object")
        return value


class Body(Exact):
    """What a route reads."""

    def sent(self) -> dict[str, Any]:
        """The fields that the caller sent, with their values: what a PATCH changes."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Document(Answer):
    """Something stored in MongoDB under its own id; `_id` never leaves the database."""

    id: Id = Field(default_factory=ObjectId)
    created_at: Timestamp = Field(default_factory=clock.now)
    updated_at: Timestamp = Field(default_factory=clock.now)
    version: int = 1

    @classmethod
    def load(cls, row: Mapping[str, Any]) -> Self:
        """From a MongoDB row."""
        return cls.model_validate({**row, "id": row["_id"]})

    def dump(self) -> dict[str, Any]:
        """To a MongoDB row."""
        row = self.model_dump(mode="python")
        return {"_id": row.pop("id"), **row}
