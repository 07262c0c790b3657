"""Log rows: who signed in and out, who registered, which requests there were. Append-only."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from bson import ObjectId
from pydantic import Field
from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from truestyle.kit.documents import Body, Document, example
from truestyle.kit.errors import Problem
from truestyle.kit.tables import Base, Key, Moment, plain_text
from truestyle.kit.types import Id, Words
from truestyle.kit.types import Text as Prose


class LogKind(StrEnum):
    """What a row is about."""

    LOGIN = "login"
    LOGOUT = "logout"
    REGISTER = "register"
    REQUEST = "request"
    NOTE = "note"
    BACKUP = "backup"
    RESTORE = "restore"


class Logs(Base):
    """The table `logs`."""

    __tablename__ = "logs"

    id: Mapped[ObjectId] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(plain_text(20))
    outcome: Mapped[str | None] = mapped_column(plain_text(20))
    user_id: Mapped[ObjectId | None] = mapped_column(Key)
    email: Mapped[str | None] = mapped_column(plain_text(254))
    method: Mapped[str | None] = mapped_column(plain_text(10))
    path: Mapped[str | None] = mapped_column(plain_text(300))
    status: Mapped[int | None]
    duration_ms: Mapped[float | None]
    ip: Mapped[str | None] = mapped_column(plain_text(45))
    user_agent: Mapped[str | None] = mapped_column(plain_text(300))
    request_id: Mapped[str | None] = mapped_column(plain_text(64))
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    version: Mapped[int]

    __table_args__: Any = tuple(
        Index(f"logs_{name}", name, "id")
        for name in ("kind", "user_id", "email", "path", "status", "ip", "request_id", "created_at")
    )


class LogRow(Document):
    """One thing that happened."""

    kind: LogKind
    outcome: str | None = Field(default=None, description="`success` or `failure` of a sign-in, backup or restore.")
    user_id: Id | None = None
    email: str | None = Field(default=None, description="As it was typed, of a sign-in.")
    method: str | None = None
    path: str | None = Field(default=None, description="Without its query; a path with a secret in it as its template.")
    status: int | None = None
    duration_ms: float | None = Field(default=None, description="Computation time of a request.")
    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    message: str | None = None


class LogCreate(Body):
    """A note of the staff's."""

    message: Annotated[Words, Field(max_length=2000)]

    model_config = example({"message": "Moved the shop to the new server."})


class LogChange(Body):
    """Nothing of a log row can be changed."""

    message: Annotated[Prose, Field(max_length=2000)] | None = None

    model_config = example({"message": "something else"})


class AppendOnly(Problem):
    """A row that must stay as it is."""

    status, code, detail = 409, "append_only", "Log rows stay as they are until they may be deleted."
