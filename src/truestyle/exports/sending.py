"""Sending a file that lies on disk, and letting go of it whether the client reads it or not."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import IO
from zoneinfo import ZoneInfo

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from truestyle.exports.making import PIECE, Made
from truestyle.exports.models import MEDIA_TYPES, Export

# Nobody keeps it on the way; and it is not packed, which would take its length from it.
PRIVATE = {"cache-control": "private, no-store", "vary": "Authorization", "content-encoding": "identity"}


def called(export: Export, zone: ZoneInfo) -> dict[str, str]:
    """The headers of every file: its name, and that nobody keeps it on the way."""
    return {**PRIVATE, "content-disposition": f'attachment; filename="{export.name(zone)}"'}


class Sent(StreamingResponse):
    """The file of an export, which closes with the answer. Its length is known: what is cut off cannot look whole."""

    def __init__(self, file: IO[bytes], made: Made, export: Export, zone: ZoneInfo) -> None:
        digest = base64.b64encode(bytes.fromhex(made.sha256)).decode()
        headers = {
            **called(export, zone),
            "content-length": str(made.size),
            "repr-digest": f"sha-256=:{digest}:",  # RFC 9530
            "x-export-rows": str(made.rows),
        }
        self._file = file
        super().__init__(_pieces(file), headers=headers, media_type=MEDIA_TYPES[export.format])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(self._file.close)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE):
        yield piece
