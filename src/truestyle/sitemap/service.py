"""Making the sitemap: of active products and categories, and of content that is live, when any of that changed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from truestyle.catalog.lookups import Category
from truestyle.cms.content import About, Content, Policy, Question, Term
from truestyle.kit import clock
from truestyle.kit.errors import NotFound, Unavailable
from truestyle.sitemap.models import MOST, Built, Page, index_of, part_of

if TYPE_CHECKING:
    from truestyle.shop import Shop

# Pages that are there while any of their content is.
PAGES: dict[str, type[Content]] = {"/about": About, "/policies": Policy, "/faq": Question, "/terms": Term}
WATCHED = ("products", "categories", *(path.strip("/") for path in PAGES))
LAST = datetime.max.replace(tzinfo=UTC)
ANYWAY = timedelta(hours=6)  # it is made again though nothing seems to have changed


async def build(shop: "Shop") -> dict[str, Any]:
    """Make it again if anything changed, or content has come due; what there is. Harmless to repeat."""
    moment, marks = clock.now(), await _marks(shop)  # before anything is read: what changes later makes it due again
    last = await shop.store.sitemap.facts()
    if last is not None and last.marks == marks and not _over(last, moment):
        return {"built": False}
    pages, due_at = await _content(shop, moment)
    number, found = 0, 0
    async for one in _catalogue(shop):
        if len(pages) == MOST:
            number, found = number + 1, found + MOST
            await shop.store.sitemap.keep(number, part_of(pages))
            pages = []
        pages.append(one)
    number, found = number + 1, found + len(pages)
    await shop.store.sitemap.keep(number, part_of(pages))
    names = [f"{_base(shop)}/sitemap-{one}.xml" for one in range(1, number + 1)]
    await shop.store.sitemap.keep(0, index_of(names, moment))
    await shop.store.sitemap.finish(Built(moment, marks, due_at, number))
    return {"built": True, "addresses": found}


def _over(last: Built, moment: datetime) -> bool:
    due = last.due_at is not None and last.due_at <= moment
    return due or not last.at <= moment < last.at + ANYWAY


def _base(shop: "Shop") -> str:
    return (shop.settings.mail.frontend_url or shop.settings.shop.backend_base_url).rstrip("/")


async def _marks(shop: "Shop") -> dict[str, str]:
    """What tells one state of the shop from another: the newest change of each table, and the settings."""
    paths = shop.settings.sitemap
    told = {"settings": f"{_base(shop)} {paths.sitemap_product_path} {paths.sitemap_category_path}"}
    return told | {name: str(await shop.store.trail.newest(name)) for name in WATCHED}


async def _content(shop: "Shop", moment: datetime) -> tuple[list[Page], datetime | None]:
    """The pages whose content is live, and when that changes by itself."""
    found, turns = [Page(f"{_base(shop)}/", moment)], list[datetime]()
    for path, document in PAGES.items():
        rows = [one for one in await shop.store.of(document).all() if one.is_active]
        turns += [at for one in rows for at in (one.starts_at, one.ends_at) if at is not None and at > moment]
        live = [one for one in rows if (one.starts_at or moment) <= moment < (one.ends_at or LAST)]
        if live:
            newest = max(max(one.updated_at, one.starts_at or one.updated_at) for one in live)
            found.append(Page(f"{_base(shop)}{path}", newest))
    return found, min(turns, default=None)


async def _catalogue(shop: "Shop") -> AsyncIterator[Page]:
    base, paths = _base(shop), shop.settings.sitemap
    for category in await shop.store.of(Category).all():
        if category.is_active:
            place = paths.sitemap_category_path.replace("{slug}", category.slug)
            yield Page(base + place, category.updated_at)
    async for slug, changed_at in shop.store.products.pages():
        yield Page(base + paths.sitemap_product_path.replace("{slug}", slug), changed_at)


async def read(shop: "Shop", number: int) -> str:
    """One file of it; 0 is the index. Raises NotFound; Unavailable: it was not made yet."""
    found = await shop.store.sitemap.part(number)
    if found is not None:
        return found
    if number:
        raise NotFound
    msg = "The sitemap is made within five minutes after a worker has started."
    raise Unavailable(msg, retry_after=300)
