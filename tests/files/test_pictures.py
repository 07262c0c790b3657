"""What pictures from outside may be, and how they come out."""

import io
import struct
from typing import Any

import pytest
from PIL import Image

from tests.files.pictures import picture
from truestyle.files.pictures import MOST_SCANS, MOST_SIDE, UnreadablePictureError, clean


def cleaned(content: bytes) -> Image.Image:
    kept = clean(io.BytesIO(content))
    kept.content.seek(0)
    opened = Image.open(kept.content)
    opened.load()
    assert opened.size == kept.size
    return opened


def saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def test_what_lies_on_its_side_is_put_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert cleaned(picture("JPEG", (60, 40), exif=exif)).size == (40, 60)


def test_nothing_is_left_of_metadata_profiles_or_what_comes_behind() -> None:
    exif, secret = Image.Exif(), "12.9716 N 77.5946 E"
    exif[0x010E] = secret
    for sent in (
        picture("JPEG", exif=exif, comment=secret.encode(), icc_profile=secret.encode()) + secret.encode(),
        picture("PNG", exif=exif, icc_profile=secret.encode()) + secret.encode(),
        picture("WEBP", exif=exif, xmp=secret.encode(), icc_profile=secret.encode()),
    ):
        assert secret.encode() in sent or b"iCCP" in sent
        out = clean(io.BytesIO(sent)).content
        out.seek(0)
        assert secret.encode() not in out.read()
        assert set(Image.open(out).info) <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
            "dpi",
            "loop",
            "background",
            "timestamp",
            "duration",
        }


def test_a_phones_jpeg_with_a_second_picture_behind_it_is_a_jpeg() -> None:
    first, second = Image.new("RGB", (30, 20), (200, 0, 0)), Image.new("RGB", (10, 10))
    kept = cleaned(saved(first, "MPO", save_all=True, append_images=[second]))
    assert (kept.format, kept.size) == ("JPEG", (30, 20))


def test_sixteen_bits_of_grey_keep_their_shades() -> None:
    values = [0, 10_000, 30_000, 65_535]
    grey = Image.frombytes("I;16", (4, 1), struct.pack("<4H", *values))
    kept = cleaned(saved(grey, "PNG")).convert("L")
    assert [abs(kept.getpixel((x, 0)) - one / 257) <= 1 for x, one in enumerate(values)] == [True] * 4  # type: ignore[operator]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_transparency_stays_where_there_is_some(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (10, 20, 30, 0)) if mode in {"LA", "RGBA"} else Image.new("RGB", (20, 20))
    kept = cleaned(saved(image.convert(mode), "PNG"))
    assert kept.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")
    if mode in {"LA", "RGBA"}:
        assert kept.getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_of_a_moving_picture_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    for kind in ("WEBP", "PNG"):
        kept = cleaned(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert getattr(kept, "n_frames", 1) == 1
        red, _, blue = kept.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert red > blue


@pytest.mark.parametrize("size", [(MOST_SIDE + 1, 1), (1, MOST_SIDE + 1), (5001, 5000)])
def test_too_many_pixels_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadablePictureError, match="pixels"):
        clean(io.BytesIO(saved(Image.new("1", size), "PNG")))


def test_the_longest_side_can_be_encoded() -> None:
    assert cleaned(saved(Image.new("L", (MOST_SIDE, 2)), "PNG")).size == (MOST_SIDE, 2)
    assert cleaned(saved(Image.new("L", (2, MOST_SIDE)), "WEBP")).size == (2, MOST_SIDE)


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    sent = picture("JPEG", (64, 64), progressive=True)
    at = sent.rindex(b"\xff\xda")
    again = sent[at : sent.rindex(b"\xff\xd9")]
    assert clean(io.BytesIO(sent)).size == (64, 64)
    with pytest.raises(UnreadablePictureError, match="passes"):
        clean(io.BytesIO(sent[:at] + again * (MOST_SCANS + 1) + b"\xff\xd9"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_whatever_is_cut_off_or_garbled_is_refused_or_read_never_a_crash(kind: str) -> None:
    sent = picture(kind, (80, 60))
    refused = 0
    for at in range(0, len(sent), max(1, len(sent) // 60)):
        for garbled in (sent[:at], sent[:at] + b"\xff\x00\x80" + sent[at + 3 :]):
            try:
                clean(io.BytesIO(garbled))
            except UnreadablePictureError:
                refused += 1
    assert refused > 30
