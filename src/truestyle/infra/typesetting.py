"""Setting PDFs by typst: from data alone, so that the same data gives the same bytes.

Templates are of this package and the fonts are typst's own: nothing is fetched, and no file of the machine is read.
"""

import asyncio
import re
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import typst

_POOL = ThreadPoolExecutor(1, "typesetting")  # one at a time: papers must not slow the shop
LONG_WORD = re.compile(r"[!-~]{19,}")
# Blocks that typst's own fonts can show; other letters are transliterated.
SHOWN = ((0x20, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x900, 0x97F), (0x1E00, 0x1EFF), (0x2010, 0x2044))
SHOWN_ALONE = {0x20B9, 0x2116, 0x2122, 0x20AC, 0x200B, 0x200C, 0x200D}


async def in_turn(render: Callable[..., bytes], *args: Any) -> bytes:
    """What `render` makes, in the one thread that papers are set in."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, render, *args)


def compiled(template: bytes, data: Mapping[str, Any], moment: datetime, **options: Any) -> bytes:
    """The PDF of a template that reads `data`, in this thread. `options` are typst's, for other formats."""
    import typst  # noqa: PLC0415 - heavy, and only for who sets papers

    made: bytes = typst.compile(
        template,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"data": orjson.dumps(data).decode()},
        timestamp=int(moment.timestamp()),
        **options,
    )
    return made


@cache
def _fonts() -> "typst.Fonts":
    import typst  # noqa: PLC0415

    return typst.Fonts(include_system_fonts=False)


def shown(text: str) -> str:
    """A text in letters that the fonts have, with places to break in long words."""
    text = unicodedata.normalize("NFC", text)
    text = " ".join("".join(one if _has(one) else _in_ours(one) for one in text).split())
    return LONG_WORD.sub(lambda word: "\u200b".join(word[0][at : at + 6] for at in range(0, len(word[0]), 6)), text)


def _in_ours(letter: str) -> str:
    from text_unidecode import unidecode  # noqa: PLC0415 - heavy, and only for letters that no font has

    found: str = unidecode(letter)
    return found


def _has(letter: str) -> bool:
    code = ord(letter)
    return code in SHOWN_ALONE or any(first <= code <= last for first, last in SHOWN)
