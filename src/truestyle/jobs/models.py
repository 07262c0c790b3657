"""Jobs: long work that somebody started and can watch."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from truestyle.kit.documents import Answer, Document
from truestyle.kit.types import Id, Timestamp


class JobStatus(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Progress(Answer):
    """How far it is."""

    done: int = 0
    total: int = 0


class JobError(Answer):
    """One thing that was refused. `row` counts from 1 with the header, as spreadsheets show it."""

    row: int
    field: str
    message: str


class Job(Document):
    """A job. `errors` holds the first of them; `result` counts all."""

    kind: str
    status: JobStatus = JobStatus.WAITING
    progress: Progress = Field(default_factory=Progress)
    result: dict[str, Any] | None = None
    errors: list[JobError] = Field(default_factory=list)
    owner_id: Id | None = None
    finished_at: Timestamp | None = None
