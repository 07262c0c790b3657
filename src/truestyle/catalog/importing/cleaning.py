"""What shops and spreadsheets do to values, undone: pure functions on text."""

import hashlib
import html
import re
from collections.abc import Iterable

import nh3

from truestyle.kit.resource import to_slug

TRUE, FALSE = frozenset({"true", "1", "yes", "y"}), frozenset({"false", "0", "no", "n"})
SIZE = frozenset({"size", "sizes", "shoe size", "clothing size"})
COLOR = frozenset({"color", "colour", "colors", "colours", "shade"})
UNTOLD = frozenset({"default title", "default"})  # the option of a product without options
LONGEST_HANDLE = 100  # characters
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MANGLED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_HSN = re.compile(r"[0-9]{4}(?:[0-9]{2}){0,2}")
_BREAK = re.compile(r"(?i)<\s*(?:br|/p|/div|/li|/tr|/h[1-6]|/ul|/ol|/table)\b[^>]*>")
_ITEM = re.compile(r"(?i)<\s*li\b[^>]*>")
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def plain(text: str) -> str:
    """HTML as plain text: blocks become lines, list items get a dash, everything else goes."""
    if "<" in text:
        text = nh3.clean(_BREAK.sub("\n", _ITEM.sub("- ", text)), tags=set())
    text = _SPACES.sub(" ", html.unescape(text))
    return _BLANK_LINES.sub("\n\n", "\n".join(line.strip() for line in text.split("\n"))).strip()


def entities(text: str) -> str:
    """Text with `&amp;` and the like resolved, on one line."""
    return _SPACES.sub(" ", html.unescape(text)).strip()


def flag(text: str) -> bool:
    """Yes or no, as spreadsheets write it. Raises ValueError."""
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    message = "must be true or false"
    raise ValueError(message)


def whole(text: str) -> int:
    """A whole number, also one that a spreadsheet gave decimals (`12.0`). Raises ValueError."""
    found = re.fullmatch(r"(-?[0-9]{1,12})(?:\.0*)?", text)
    if found is None:
        message = "must be a whole number"
        raise ValueError(message)
    return int(found[1])


def amount(text: str | None) -> str | None:
    """An amount without the zeros that some shops add behind the paise (`40.000`); nothing else is guessed."""
    return text and re.sub(r"(?<=\.[0-9]{2})0+$", "", text)


def mangled(barcode: str) -> bool:
    """Whether a spreadsheet has turned the digits into 8.90E+12, which cannot be undone."""
    return _MANGLED.fullmatch(barcode) is not None


def code(text: str) -> str:
    """A SKU or barcode without the apostrophe that keeps a spreadsheet from reading it as a number."""
    return text.removeprefix("'").strip()


def barcode(text: str) -> str:
    """A barcode without blanks, and without the decimals that a spreadsheet may have added."""
    return re.sub(r"(?<=[0-9])\.0+$", "", code(text).replace(" ", ""))


def hsn(text: str | None) -> str | None:
    """An HSN code if it looks like one; tax codes of other systems stand in the same column."""
    return text if text and _HSN.fullmatch(text) else None


def slug(handle: str) -> str:
    """The handle itself where it is a slug of ours, else one made of it."""
    return handle if len(handle) <= LONGEST_HANDLE and _SLUG.fullmatch(handle) else to_slug(handle)


def path(text: str) -> tuple[str, ...]:
    """`Women > Kurtas` as its parts."""
    return tuple(part for part in (one.strip() for one in text.split(">")) if part)


def commas(text: str) -> list[str]:
    r"""Values between commas, where `\,` is a comma inside a value."""
    found = (one.replace("\\,", ",").strip() for one in re.split(r"(?<!\\),", text))
    return [one for one in found if one]


def options(pairs: Iterable[tuple[str, str]]) -> tuple[str | None, str | None, dict[str, str]]:
    """(size, colour, further attributes) of (name, value) pairs, names by their synonyms."""
    size = color = None
    others: dict[str, str] = {}
    for name, value in pairs:
        word = name.casefold()
        if word in SIZE and size is None:
            size = value
        elif word in COLOR and color is None:
            color = value
        elif word != "title" or value.casefold() not in UNTOLD:
            others[name] = value
    return size, color, others


def made_sku(handle: str, *chosen: str | None) -> str:
    """The SKU of a variant that has none: always the same for the same handle and options."""
    words = [one for one in chosen if one]
    digest = hashlib.sha256("\0".join([handle, *words]).encode()).hexdigest()[:6]
    parts = [to_slug(handle)[:24].strip("-"), *(to_slug(one)[:10].strip("-") for one in words[:3])]
    return "-".join([*parts, digest]).upper()
