"""/sitemap.xml and the files that it names: for search engines, outside the API and its document."""

from typing import Annotated

from fastapi import FastAPI, Path, Response

from truestyle.deps import ShopDep
from truestyle.sitemap import service

HEADERS = {"cache-control": "public, max-age=300"}
KIND = "application/xml"


def install(app: FastAPI) -> None:
    """Add them."""

    @app.get("/sitemap.xml", include_in_schema=False)
    async def sitemap(shop: ShopDep) -> Response:
        return Response(await service.read(shop, 0), headers=HEADERS, media_type=KIND)

    @app.get("/sitemap-{number}.xml", include_in_schema=False)
    async def sitemap_part(number: Annotated[int, Path(ge=1, le=9999)], shop: ShopDep) -> Response:
        return Response(await service.read(shop, number), headers=HEADERS, media_type=KIND)
