"""Answering for a file: conditional, in parts, and kept for ever by whoever may."""

import re

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from truestyle.files import service
from truestyle.files.models import File, RangeNotSatisfiable
from truestyle.infra.storage import Storage

HEADERS = {
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "accept-ranges": "bytes",
}
RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
WHOLE = 1024 * 1024  # bytes: up to this a file is sent in one piece
YEAR = 31_536_000


def part(header: str | None, size: int) -> tuple[int, int] | None:
    """(first, last) byte that a `Range` asks for; None where the whole is to be sent. Raises RangeNotSatisfiable.

    Several ranges, or another unit, are answered with the whole (RFC 9110, 14.2).
    """
    found = RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if len(first) > 18 or len(last) > 18:  # noqa: PLR2004 - digits; more is no file of ours
        raise RangeNotSatisfiable(headers={"content-range": f"bytes */{size}"})
    if first == "":
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
    if start >= size or (first and last and int(last) < int(first)) or (first == "" and int(last) == 0):
        raise RangeNotSatisfiable(headers={"content-range": f"bytes */{size}"})
    return start, end


async def respond(request: Request, storage: Storage, file: File, *, public: bool) -> Response:
    """The file, a part of it, or 304; `public`: for everybody to keep.

    S3 or MongoDB has answered before we begin to, so that what is gone or away is told in the status. Raises NotFound,
    RangeNotSatisfiable, Unavailable.
    """
    scope = "public" if public else "private"
    headers = {**HEADERS, "etag": file.etag, "cache-control": f"{scope}, max-age={YEAR}, immutable"}
    if not public:
        headers["vary"] = "Authorization"  # who signs in next on the same machine must not see it
    known = request.headers.get("if-none-match", "")
    if file.etag in known or known.strip() == "*":
        return Response(status_code=304, headers=headers)
    valid = request.headers.get("if-range") in {None, file.etag}
    asked = part(request.headers.get("range"), file.size) if valid and not _is_head(request) else None
    first, last = asked or (0, file.size - 1)
    headers["content-length"] = str(last - first + 1)
    if asked is not None:
        headers["content-range"] = f"bytes {first}-{last}/{file.size}"
    status = 200 if asked is None else 206
    if _is_head(request):
        return Response(None, status, headers, file.content_type)
    pieces = await service.opened(storage, file, first, last)
    if last - first < WHOLE:
        return Response(await service.collected(pieces), status, headers, file.content_type)
    return StreamingResponse(pieces, status, headers, file.content_type)


def _is_head(request: Request) -> bool:
    """HEAD is answered as GET, without the body: then none need be fetched. `Range` is a matter of GET alone."""
    return bool(request.scope["state"].get("head"))
