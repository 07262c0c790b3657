"""Pictures from outside made safe: known by their bytes, decoded within a limit, written anew without metadata."""

import io
from dataclasses import dataclass
from typing import Any

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 25_000_000
QUALITY = 88
SAVING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": QUALITY, "optimize": True},
    "PNG": {"optimize": False},
    "WEBP": {"quality": QUALITY},
}


class UnreadablePictureError(ValueError):
    """Not a picture that we take; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A picture that is safe to keep and to serve."""

    content: bytes
    content_type: str
    size: tuple[int, int]


def clean(content: bytes) -> Picture:
    """Decode a JPEG, PNG or WebP and encode it anew, upright and without metadata. Raises UnreadablePictureError.

    Takes tens of milliseconds: call it in a thread.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - heavy, and only for who stores pictures

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            kind, pixels = str(opened.format), opened.width * opened.height
            upright = ImageOps.exif_transpose(opened) if pixels <= MOST_PIXELS else None
            plain = upright and upright.convert("RGBA" if kind != "JPEG" and upright.has_transparency_data else "RGB")
    except bombs:
        plain = None
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError) as error:
        message = "is not a readable JPEG, PNG or WebP picture"
        raise UnreadablePictureError(message) from error
    if plain is None:
        message = f"has more than {MOST_PIXELS // 1_000_000} megapixels"
        raise UnreadablePictureError(message)
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    out = io.BytesIO()
    bare.save(out, kind, **SAVING[kind])
    return Picture(out.getvalue(), f"image/{kind.lower()}", bare.size)
