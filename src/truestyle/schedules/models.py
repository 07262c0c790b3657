"""Recurring work: what is declared in code, and how it stands."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from truestyle.kit.documents import Answer
from truestyle.kit.types import Timestamp

Work = Callable[[], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True)
class Recurring:
    """Work that comes again. It may be done twice where a worker dies in between, so doing it again must be harmless.

    What it returns is kept as the result of the run.
    """

    name: str
    cron: str  # five fields in the store's time zone, `never`, or `always`: by every worker, every `every` seconds
    says: str
    work: Work
    every: float = 0.0


class RunStatus(StrEnum):
    """Where a run stands. One that failed is tried again, and in the end is a dead letter."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Run(Answer):
    """One run. `due_at` is when it should have begun."""

    status: RunStatus
    due_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    result: dict[str, Any] | None = None
    error: str | None = None


class ScheduleAnswer(Answer):
    """Recurring work, and its last run."""

    name: str
    says: str
    cron: str = Field(
        description="Minute, hour, day, month, weekday; `never`; or `always`: by every worker all the time.",
        examples=["30 2 * * *"],
    )
    zone: str = Field(description="The time zone that the fields are read in.", examples=["Asia/Kolkata"])
    next_run_at: Timestamp | None
    last_run: Run | None = Field(description="Of what goes on always: how it went in the last minute.")
    last_error: str | None = Field(description="What went wrong the last time that anything did.")
    last_error_at: Timestamp | None


class Schedules(Answer):
    """All recurring work."""

    items: list[ScheduleAnswer]


@dataclass(frozen=True)
class Ticket:
    """The right to do one run, while `alive` is said."""

    name: str
    due_at: datetime
    owner: Any
