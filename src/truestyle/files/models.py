"""Files: the facts of each; the bytes are in the storage under the same id."""

from enum import StrEnum

from truestyle.kit.documents import Answer, Document
from truestyle.kit.errors import Problem
from truestyle.kit.types import Id


class Format(StrEnum):
    """What a rendition can be encoded as."""

    WEBP = "webp"
    AVIF = "avif"
    JPEG = "jpeg"


class File(Document):
    """A stored file. Its content never changes, so its hash names it for ever.

    A rendition is a file too: of `source_id`, at most `rendition_width` pixels wide, in `rendition_format`. It is its
    source's: `owner_id` and `public` say nothing of it.
    """

    content_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    owner_id: Id | None = None
    public: bool = True
    source_id: Id | None = None
    rendition_width: int | None = None
    rendition_format: Format | None = None

    @property
    def etag(self) -> str:
        """A strong tag: other bytes, other tag."""
        return f'"{self.sha256[:32]}"'


class FileAnswer(Answer):
    """A stored file and its address."""

    id: Id
    url: str
    content_type: str
    size: int
    width: int | None
    height: int | None


class FileTooLarge(Problem):
    """The upload is over the limit."""

    status, code, detail = 413, "file_too_large", "The file is too large."


class InvalidImage(Problem):
    """It says that it is a picture, and cannot be read as one."""

    status, code, detail = 422, "invalid_image", "This picture cannot be read."


class FileRefused(Problem):
    """The program that looks at files (UPLOAD_SCAN_COMMAND) says no."""

    status, code, detail = 422, "file_refused", "This file is refused: it is not safe."


class RangeNotSatisfiable(Problem):
    """The part that was asked for is not there."""

    status, code, detail = 416, "range_not_satisfiable", "The file has no such part."
