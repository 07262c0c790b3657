"""Pictures from outside made safe: known by their bytes, decoded within a limit, written anew without metadata."""

import asyncio
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 25_000_000
MOST_SIDE = 16_383  # pixels: what a WebP can have
MOST_SCANS = 50  # of a progressive JPEG, which has about ten: each is work over all pixels, for a few bytes
SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
TOO_LARGE = f"has more than {MOST_PIXELS // 1_000_000} megapixels"
QUALITY = 88
PIECE = 64 * 1024  # bytes
SAVING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": QUALITY, "optimize": True},
    "PNG": {"optimize": False},
    "WEBP": {"quality": QUALITY},
}
# Two at a time: a picture at the limit is 100 MB while it is decoded, and pictures must not slow the shop.
_POOL = ThreadPoolExecutor(2, "pictures")


class UnreadablePictureError(ValueError):
    """Not a picture that we take; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A picture that is safe to keep and to serve."""

    content: BinaryIO
    content_type: str
    size: tuple[int, int]


async def cleaned(content: BinaryIO) -> Picture:
    """`clean`, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, clean, content)


def clean(content: BinaryIO) -> Picture:
    """Decode a JPEG, PNG or WebP and encode it anew, upright and without metadata. Raises UnreadablePictureError.

    Of a moving picture the first frame is kept. Takes tens of milliseconds: use `cleaned` in the event loop.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - heavy, and only for who stores pictures

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        content.seek(0)
        with Image.open(content, formats=FORMATS) as opened:
            # What phones write may be a JPEG with more behind it, which Pillow calls MPO.
            kind = "JPEG" if opened.format == "MPO" else str(opened.format)
            wrong = _too_much(opened.size, _scans(content) if kind == "JPEG" else 1)
            plain = None if wrong else _plain(ImageOps.exif_transpose(opened), keep_alpha=kind != "JPEG")
    except bombs as error:
        raise UnreadablePictureError(TOO_LARGE) from error
    except Exception as error:  # whatever a decoder says to bytes that are made to confuse it
        message = "is not a readable JPEG, PNG or WebP picture"
        raise UnreadablePictureError(message) from error
    if plain is None:
        raise UnreadablePictureError(wrong)
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    out = io.BytesIO()
    bare.save(out, kind, **SAVING[kind])
    return Picture(out, f"image/{kind.lower()}", bare.size)


def _too_much(size: tuple[int, int], scans: int) -> str:
    """What of a picture is too much to decode; empty if nothing is."""
    if size[0] * size[1] > MOST_PIXELS:
        return TOO_LARGE
    if max(size) > MOST_SIDE:
        return f"is more than {MOST_SIDE} pixels wide or high"
    return f"is drawn in more than {MOST_SCANS} passes" if scans > MOST_SCANS else ""


def _plain(picture: Any, *, keep_alpha: bool) -> Any:
    """Eight bits a channel, red, green and blue, and alpha if there is any."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off above 255
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    return picture.convert("RGBA" if keep_alpha and picture.has_transparency_data else "RGB")


def _scans(content: BinaryIO) -> int:
    """How many passes a JPEG is drawn in."""
    at, found, last = content.tell(), 0, b""
    content.seek(0)
    while piece := content.read(PIECE):
        found += len(SCAN.findall(last + piece))
        last = piece[-4:]
    content.seek(at)
    return found
