"""The facts of files in MongoDB."""

from pymongo import IndexModel

from truestyle.files.models import File
from truestyle.kit.repository import Repository


class Files(Repository[File]):
    """One row a file."""

    document, name = File, "files"
    indexes = (
        IndexModel([("owner_id", 1), ("_id", -1)]),
        IndexModel("sha256"),
    )
