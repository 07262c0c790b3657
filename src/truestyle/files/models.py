"""Files: the facts of each; the bytes are in the storage under the same id."""

from truestyle.kit.documents import Document
from truestyle.kit.types import Id


class File(Document):
    """A stored file. Its content never changes, so its hash names it for ever."""

    content_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    owner_id: Id | None = None
    public: bool = True
