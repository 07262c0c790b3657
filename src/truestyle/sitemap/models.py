"""The pages of the shop, as search engines are told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from truestyle.kit import clock

SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST = 20_000  # addresses of one file; the protocol allows 50,000
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True)
class Page:
    """An address, and when what is there was last changed."""

    location: str
    changed_at: datetime


@dataclass(frozen=True)
class Built:
    """What the last sitemap was made of: `marks`, and until when that holds by itself."""

    at: datetime
    marks: dict[str, str]
    due_at: datetime | None
    parts: int


def part_of(pages: Sequence[Page]) -> str:
    """One file of addresses."""
    rows = "\n".join(
        f"<url><loc>{escape(one.location)}</loc><lastmod>{clock.wire(one.changed_at)}</lastmod></url>" for one in pages
    )
    return f'{HEAD}<urlset xmlns="{SPACE}">\n{rows}\n</urlset>\n'


def index_of(locations: Sequence[str], moment: datetime) -> str:
    """The file that names the others."""
    rows = "\n".join(
        f"<sitemap><loc>{escape(one)}</loc><lastmod>{clock.wire(moment)}</lastmod></sitemap>" for one in locations
    )
    return f'{HEAD}<sitemapindex xmlns="{SPACE}">\n{rows}\n</sitemapindex>\n'
