"""What shoppers read, of the rows that a store really has: warm (kept in memory) and cold (made anew)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

WORDS = 2  # of a product's name that are searched for
TYPED = 3  # letters of the first of them
WARM = "≥ 0.8 Y"
ANEW = {"cache-control": "no-cache"}  # asks past the cache of finished answers


class NothingToMeasureError(RuntimeError):
    """The store has nothing that shoppers could read."""


@dataclass(frozen=True)
class Read:
    """One request, again and again."""

    name: str
    what: str
    path: str
    budget: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: int = 200

    def cold(self, budget: str = "") -> "Read":
        """The same, made anew each time."""
        return Read(f"{self.name}-cold", f"{self.what}, made anew", self.path, budget, ANEW, self.expected)


async def reads_of(url: str, prefix: str) -> list[Read]:
    """What can be read in the store at `url`. Raises NothingToMeasureError."""
    async with httpx.AsyncClient(base_url=url + prefix, timeout=30, trust_env=False) as client:
        page = (await client.get("/products", params={"facets": "true"})).raise_for_status().json()
        if not page["items"]:
            msg = (
                "This store has no products that shoppers can see. `truestyle import` or `truestyle seed` brings some."
            )
            raise NothingToMeasureError(msg)
        picture = next((urlsplit(one["image"]["url"]).path for one in page["items"] if one["image"]), None)
        known = picture and (await client.get(url + picture)).raise_for_status().headers["etag"]
    return list(_reads(prefix, page, picture, known))


def _reads(prefix: str, page: Mapping[str, Any], picture: str | None, known: str | None) -> Iterator[Read]:
    first, brands = page["items"][0], page["facets"]["brand"]
    words = first["name"].split()[:WORDS]
    yield Read("live", "GET /health/live", "/health/live")
    cards = Read("list", "20 cards", f"{prefix}/products", WARM)
    yield cards
    yield cards.cold("≥ 0.08 Y")
    if brands:
        path = f"{prefix}/products?brand={quote(brands[0]['value'])}&sort=price"
        narrowed = Read("brand", "20 cards of a brand, the cheapest first", path, WARM)
        yield narrowed
        yield narrowed.cold()
    facets = Read("facets", "20 cards and every facet", f"{prefix}/products?facets=true", "≥ 0.5 Y")
    yield facets
    yield facets.cold()
    path = f"{prefix}/products?q={quote(' '.join(words))}"
    search = Read("search", f"20 cards for “{' '.join(words)}”", path)
    yield search
    yield search.cold()
    typed = words[0][:TYPED]
    suggest = Read("suggest", f"suggestions for “{typed}”", f"{prefix}/products/suggest?q={quote(typed)}")
    yield suggest
    yield suggest.cold()
    detail = Read("detail", "a product page", f"{prefix}/products/{first['id']}", WARM)
    yield detail
    yield detail.cold()
    lookups = Read("lookups", "20 occasions", f"{prefix}/occasions", WARM)
    yield lookups
    yield lookups.cold()
    if picture and known:
        yield Read("picture", "a product's picture", picture, "≥ 0.25 Y")
        yield Read("picture-304", "the same, known already", picture, "≥ 0.4 Y", {"if-none-match": known}, 304)
