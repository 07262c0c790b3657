"""The time, in one place, so that tests can move it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current UTC time, rounded down to milliseconds: what BSON can hold."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def wire(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, milliseconds only when there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"
