"""GET /products/export."""

from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.exporting import service
from truestyle.catalog.exporting.service import MEDIA_TYPES, ExportFormat
from truestyle.deps import Db, allowed
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router

routes = router("/products", tag="Products")
Writer = Annotated[Caller, allowed(Permission.PRODUCTS_WRITE)]
CONTENT = {kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}


@routes.get("/export", response_class=Response, responses={200: {"description": "The file.", "content": CONTENT}})
@limited(Limit.EXPORT)
async def export_products(
    store: Db,
    caller: Writer,
    format: Annotated[ExportFormat, Query(description="What kind of file.")] = ExportFormat.CSV,  # noqa: A002 - the contract's name
) -> Response:
    """All products (a vendor's own) in the columns that the import reads, so that they come back unchanged."""
    parts = await service.export(store, format, caller)
    headers = {"content-disposition": f'attachment; filename="products.{format.value}"'}
    return StreamingResponse(parts, headers=headers, media_type=MEDIA_TYPES[format])
