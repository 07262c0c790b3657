"""/product-images, and uploading straight onto a product."""

from typing import Annotated

from fastapi import Form, Query, Response, UploadFile

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products import pictures, service
from truestyle.catalog.products.pictures import ProductImageAdd, ProductImageAnswer, ProductImageChange
from truestyle.deps import OPTIONAL_SIGN_IN, Db, MaybeCaller, PublicRead, ShopDep, allowed
from truestyle.files import service as files
from truestyle.files.models import FileRefused, FileTooLarge, InvalidImage
from truestyle.files.service import Limits
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import Duplicate, NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router(tag="Products")
Writer = Annotated[Caller, allowed(Permission.PRODUCTS_WRITE)]


@routes.post("/product-images", status_code=201, responses=responses(NotFound, Duplicate))
async def create_product_image(
    body: ProductImageAdd, response: Response, store: Db, caller: Writer
) -> ProductImageAnswer:
    """Hang an uploaded file on a product."""
    image = await pictures.add(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/product-images/{image.id}"
    return image


@routes.get("/product-images", dependencies=[PublicRead], openapi_extra=OPTIONAL_SIGN_IN)
async def list_product_images(
    store: Db,
    caller: MaybeCaller,
    query: Annotated[PageQuery, paging("position")],
    product_id: Annotated[Id | None, Query(description="Only this product's.")] = None,
) -> Page[ProductImageAnswer]:
    """Pictures of products, in the order they are shown."""
    return (await pictures.find(store, caller, product_id, query)).page()


@routes.get(
    "/product-images/{image_id}",
    dependencies=[PublicRead],
    openapi_extra=OPTIONAL_SIGN_IN,
    responses=responses(NotFound),
)
async def get_product_image(image_id: Id, store: Db, caller: MaybeCaller) -> ProductImageAnswer:
    """One picture of a product."""
    product, image = await pictures.one(store, caller, image_id)
    return pictures.answer(product.id, image, store.shop)


@changing(routes, "/product-images/{image_id}", responses=responses(NotFound))
async def change_product_image(image_id: Id, body: ProductImageChange, store: Db, caller: Writer) -> ProductImageAnswer:
    """Change the words or the place of a picture."""
    return await pictures.change(store, caller, image_id, body)


@routes.delete("/product-images/{image_id}", status_code=204, responses=responses(NotFound))
async def remove_product_image(image_id: Id, store: Db, caller: Writer) -> None:
    """Take a picture off its product; the file stays."""
    await pictures.remove(store, caller, image_id)


@routes.post(
    "/products/{product_id}/upload-image",
    status_code=201,
    responses=responses(NotFound, FileTooLarge, InvalidImage, FileRefused),
)
async def upload_product_image(
    product_id: Id,
    file: UploadFile,
    response: Response,
    shop: ShopDep,
    caller: Writer,
    alt: Annotated[str | None, Form(max_length=200)] = None,
) -> ProductImageAnswer:
    """Upload a picture and hang it on a product."""
    await shop.store.products.get(product_id, **service.own(caller))
    kept = await files.upload(shop.store, shop.storage, caller, file, Limits.of(shop.settings))
    body = ProductImageAdd.model_validate({"product_id": product_id, "file_id": kept.id, "alt": alt or None})
    image = await pictures.add(shop.store, caller, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/product-images/{image.id}"
    return image
