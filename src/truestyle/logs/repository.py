"""Log rows in SQL."""

from datetime import datetime

from bson import ObjectId
from sqlalchemy import delete, or_, select, update

from truestyle.kit.tables import TableRepository
from truestyle.logs.models import LogRow, Logs

BATCH = 5000


class LogRows(TableRepository[LogRow]):
    """One row a thing that happened."""

    document, table = LogRow, Logs.__table__
    unaudited = "append-only: a trail of its own"

    async def expire(self, before: datetime) -> int:
        """Delete some of the rows made before; how many."""
        old = select(Logs.id).where(Logs.created_at < before).limit(BATCH)
        async with self.transaction() as connection:
            return (await connection.execute(delete(Logs).where(Logs.id.in_(old)))).rowcount

    async def of(self, user_id: ObjectId, most: int) -> list[LogRow]:
        """The newest rows of a person."""
        return await self.every(Logs.user_id == user_id, most)

    async def forget(self, email: str | None, user_id: ObjectId) -> None:
        """Take a person out of the rows; what happened, and when, stays. `email`: if it was shown to be theirs."""
        nobody = {"user_id": None, "email": None, "ip": None, "user_agent": None}
        async with self.transaction() as connection:
            theirs = or_(Logs.user_id == user_id, Logs.email == email) if email else Logs.user_id == user_id
            await connection.execute(update(Logs).where(theirs).values(**nobody))
