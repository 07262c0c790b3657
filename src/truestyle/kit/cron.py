"""When recurring work is due: cron's five fields, in a time zone. The arithmetic is APScheduler's."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator

NEVER = "never"  # only when somebody asks for it
ALWAYS = "always"  # by every worker, all the time
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as cron counts them; 7 is Sunday too
FIELDS = 5
STEP = timedelta(milliseconds=1)


def following(cron: str, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first time after `moment`, in UTC; None if there is none. Raises ValueError."""
    if cron in {NEVER, ALWAYS}:
        return None
    found = _trigger(cron, zone).get_next_fire_time(None, moment + STEP)
    return None if found is None else found.astimezone(UTC)


def checked(cron: str) -> str:
    """Raises ValueError for what is neither a cron expression nor `never`."""
    if following(cron, ZoneInfo("UTC"), datetime.now(UTC)) is None and cron != NEVER:
        msg = "names no time that will ever come"
        raise ValueError(msg)
    return cron


def _trigger(cron: str, zone: ZoneInfo) -> CronTrigger:
    fields = cron.split()
    if len(fields) != FIELDS:
        msg = f"must be five fields as in crontab, such as `30 2 * * *`, or `{NEVER}`"
        raise ValueError(msg)
    minute, hour, day, month, weekday = fields
    days = ",".join(_days(weekday)) if re.search(r"\d", weekday.partition("/")[0]) else weekday
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=days, timezone=zone)


def _days(field: str) -> Iterator[str]:
    """The days of a week that cron means: it counts from Sunday, APScheduler from Monday."""
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            numbers = range(int(first), int(last or (6 if step else first)) + 1, int(step or 1))
            names = [DAYS[number] for number in numbers]
        except (ValueError, IndexError) as error:
            msg = "days of the week are 0 to 7 from Sunday, or sun to sat"
            raise ValueError(msg) from error
        yield from names


Cron = Annotated[str, AfterValidator(checked)]
