"""Backups and restores, as the store remembers them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from bson import ObjectId
from pydantic import Field, StringConstraints, model_validator

from truestyle.kit import clock
from truestyle.kit.documents import Body, Document, example, optional
from truestyle.kit.errors import Problem
from truestyle.kit.types import Id, Line, Text, Timestamp, rule

MOST_NAMES = 200
# What no backup has: who is signed in, codes and counts of wrong ones (a restore ends them all), and machinery.
ENDED = frozenset({"sessions", "token_revocations", "one_time_codes", "login_failures"})
LEFT_OUT = ENDED | {"feed_marks", "maintenance", "versions"}
# What a restore never takes away, because it is about backups and restores themselves.
KEPT = ("backup_logs", "restore_logs")


class Scope(StrEnum):
    """How much is in a backup."""

    FULL = "full"
    COLLECTIONS = "collections"


class Frequency(StrEnum):
    """How often a backup is made again."""

    ONCE = "once"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


EVERY = {
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(weeks=1),
}


class BackupStatus(StrEnum):
    """Where a backup stands. Only a `good` one was restored to a scratch database and found to be the same."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    RUNNING = "running"
    GOOD = "good"
    FAILED = "failed"
    EXPIRED = "expired"


class RestoreStatus(StrEnum):
    """Where a restore stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class BackupLog(Document):
    """One backup, made or to be made."""

    status: BackupStatus = BackupStatus.WAITING
    scope: Scope = Scope.FULL
    collections: list[str] | None = Field(default=None, description="Of scope `collections`.")
    frequency: Frequency = Frequency.ONCE
    notes: str | None = None
    path: str | None = Field(default=None, description="Its folder under `BACKUP_BASE_PATH`.")
    size: int | None = Field(default=None, description="Bytes on the disk.")
    rows: int | None = None
    checksum: str | None = Field(default=None, description="SHA-256 of the manifest, which names those of all parts.")
    encrypted: bool | None = None
    copied_to_s3: bool = False
    scheduled_at: Timestamp = Field(default_factory=clock.now)
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    error: str | None = None
    job_id: Id | None = Field(default=None, description="Progress: `GET /jobs/{id}`.")

    def next(self, moment: datetime) -> "BackupLog | None":
        """The one after this, at the next of its times that is still to come; None of one that is made once."""
        step = EVERY.get(self.frequency)
        if step is None:
            return None
        missed = max(0, (moment - self.scheduled_at) // step)
        return BackupLog(
            status=BackupStatus.SCHEDULED,
            scope=self.scope,
            collections=self.collections,
            frequency=self.frequency,
            notes=self.notes,
            scheduled_at=self.scheduled_at + (missed + 1) * step,
        )


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$")]


class BackupCreate(Body):
    """A backup to be made, now or at `scheduled_at`, and again as often as `frequency` says."""

    scope: Scope = Scope.FULL
    collections: list[Name] | None = Field(
        default=None, min_length=1, max_length=MOST_NAMES, description="Of scope `collections`; SQL tables too."
    )
    frequency: Frequency = Frequency.ONCE
    scheduled_at: Timestamp | None = None
    notes: Annotated[Text, Field(max_length=2000)] | None = None

    model_config = example({"scope": "full", "frequency": "once", "notes": "Before the sale."})

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.scope is Scope.COLLECTIONS) != (self.collections is not None):
            msg = "`collections` belongs to the scope `collections`"
            raise rule(msg)
        return self


class BackupChange(Body):
    """What may be changed of a backup: its notes, and when it is made (again)."""

    notes: Annotated[Text, Field(max_length=2000)] | None = None
    frequency: Frequency = optional()
    scheduled_at: Timestamp = optional()

    model_config = example({"notes": "The last one before the sale."})


class RestoreLog(Document):
    """One restore."""

    backup_id: Id | None = None
    backup: str | None = Field(default=None, description="The folder that was restored from.")
    status: RestoreStatus = RestoreStatus.WAITING
    notes: str | None = None
    rows: int | None = None
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    error: str | None = None
    job_id: Id | None = Field(default=None, description="Progress: `GET /jobs/{id}`, while the store is open.")


class RestoreCreate(Body):
    """Put a backup in the place of the store. Everything since is lost, and everybody is signed out."""

    backup_id: Id
    confirm: Line = Field(description="The name of the store, as `PROJECT_NAME` has it.")
    notes: Annotated[Text, Field(max_length=2000)] | None = None

    model_config = example({"backup_id": "65af0b12c4a1d2e3f4a5b6c7", "confirm": "True Style"})


class RestoreChange(Body):
    """What may be changed of a restore."""

    notes: Annotated[Text, Field(max_length=2000)] | None = None

    model_config = example({"notes": "After the disk had died."})


class AppendOnly(Problem):
    """A row that must stay."""

    status, code, detail = 409, "append_only", "Backups and restores stay until their time is over."


class NotGood(Problem):
    """A backup that is not known to work."""

    status, code, detail = 409, "backup_not_good", "Only a backup that was rehearsed can be restored."


class Begun(Problem):
    """A backup that is no longer to come."""

    status, code, detail = 409, "backup_begun", "Only a backup that is still to come can be scheduled otherwise."


class BackupFailedError(RuntimeError):
    """A backup or restore could not be made; the message says why, and is shown to people."""


def folder_name(key: ObjectId, moment: datetime) -> str:
    """What the folder of a backup is called."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{key}"


Facts = dict[str, Any]
