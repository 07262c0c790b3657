"""POST /products/import."""

from typing import Annotated

from fastapi import Form, Query, Response, UploadFile

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.importing import job
from truestyle.deps import ShopDep, allowed
from truestyle.files.models import FileRefused
from truestyle.infra.http.route import router
from truestyle.jobs.models import Job
from truestyle.kit.errors import responses

routes = router("/products", tag="Products")
Writer = Annotated[Caller, allowed(Permission.PRODUCTS_WRITE)]


@routes.post("/import", status_code=202, responses=responses(FileRefused))
async def import_products(
    file: UploadFile,
    response: Response,
    shop: ShopDep,
    caller: Writer,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
    dry_run_form: Annotated[bool, Form(alias="dry_run", description="The same, as a field of the form.")] = False,
) -> Job:
    """Import Shopify's, WooCommerce's or our own product CSV; products are found again by SKU."""
    found = await job.submit(shop, caller, await file.read(), name=file.filename or "", dry_run=dry_run or dry_run_form)
    response.headers["location"] = f"{shop.store.shop.api_v1_prefix}/jobs/{found.id}"
    return found
