"""The sitemap in MongoDB: a row a file, and one that says what it was made of."""

from typing import Any

from truestyle.kit.repository import Collection
from truestyle.sitemap.models import Built

FACTS = "facts"


class Sitemaps(Collection):
    """`{_id: number, xml}` and `{_id: "facts", at, marks, due_at, parts}`."""

    name = "sitemap"
    unaudited = "made of the catalogue and the content"

    async def facts(self) -> Built | None:
        """What the last one was made of; None before the first."""
        row = await self.collection.find_one({"_id": FACTS})
        return None if row is None else Built(row["at"], row["marks"], row["due_at"], row["parts"])

    async def part(self, number: int) -> str | None:
        """One file; 0 is the index."""
        row = await self.collection.find_one({"_id": number})
        return None if row is None else str(row["xml"])

    async def keep(self, number: int, xml: str) -> None:
        """Put a file in its place."""
        await self.collection.replace_one({"_id": number}, {"xml": xml}, upsert=True)

    async def finish(self, built: Built) -> None:
        """All its files are there: those that are left of a longer one go."""
        row: dict[str, Any] = dict(vars(built))
        await self.collection.replace_one({"_id": FACTS}, row, upsert=True)
        await self.collection.delete_many({"_id": {"$gt": built.parts}})
