"""The demo catalogue: our own file, brought in by the same importer as everybody's."""

from importlib import resources

from truestyle.shop import Shop

FILE = "catalogue.csv"


async def stock(shop: Shop) -> int:
    """Fill an empty shop; one that has products is left alone. How many products came in."""
    if await shop.store.products.first({}) is not None:
        return 0
    from truestyle.catalog.importing.service import import_catalogue  # noqa: PLC0415 - only a new demo store needs it

    content = resources.files("truestyle.seed").joinpath(FILE).read_bytes()
    result = await import_catalogue(shop.store, shop.storage, content, name=FILE, trusted=True)
    return result.products.created
