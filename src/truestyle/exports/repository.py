"""Who took what out, in MongoDB."""

from bson import ObjectId
from pymongo import IndexModel

from truestyle.exports.models import Export
from truestyle.kit.repository import Repository, holding


class Exports(Repository[Export]):
    """One row an export; what is written here is in the audit trail."""

    document, name = Export, "exports"
    indexes = (IndexModel("job_id", unique=True, partialFilterExpression=holding("job_id")),)

    async def downloaded(self, key: ObjectId) -> None:
        """Count a download, in the name of who does it."""
        await self.change(key, {"$inc": {"downloads": 1}})
