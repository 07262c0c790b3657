"""Contact messages in SQL."""

from bson import ObjectId
from sqlalchemy import update

from truestyle.contact.models import ContactMessage, Messages
from truestyle.kit.tables import TableRepository
from truestyle.kit.trail import Watch


class ContactMessages(TableRepository[ContactMessage]):
    """One row a message."""

    document, table = ContactMessage, Messages.__table__
    watch = Watch(
        outline=frozenset({"ticket_no", "status", "due_at"}),
        secret=frozenset({"name", "email", "phone", "subject", "message"}),  # the person's, and not erasable there
    )

    async def of(self, email: str, most: int) -> list[ContactMessage]:
        """The newest messages of a person."""
        return await self.every(Messages.email == email, most)

    async def forget(self, email: str, user_id: ObjectId) -> None:
        """Take a person out of their messages; that there was one, and when, stays."""
        values = {
            "name": "Deleted account",
            "email": f"deleted-{user_id}@invalid",
            "phone": None,
            "message": "(deleted)",
        }
        async with self.transaction() as connection:
            await connection.execute(update(Messages).where(Messages.email == email).values(**values))
