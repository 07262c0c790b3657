"""/cart and its CRUD view /cart-items, signed in or as a guest."""

from typing import Annotated

from fastapi import Response

from truestyle.cart import service
from truestyle.cart.models import CartAdd, CartAnswer, CartChange, CartItemAnswer, CartSync
from truestyle.coupons.errors import CouponInvalid
from truestyle.coupons.models import CodeBody
from truestyle.deps import OPTIONAL_SIGN_IN, CartOwner, Db
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import changing, router
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import NotFound, ValidationFailed, responses
from truestyle.kit.paging import Found, Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router(tag="Cart")


@routes.get("/cart", openapi_extra=OPTIONAL_SIGN_IN)
async def get_cart(store: Db, owner: CartOwner) -> CartAnswer:
    """The cart at today's prices."""
    return await service.view(store, owner)


@routes.post("/cart/add", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound, InsufficientStock))
async def add_to_cart(body: CartAdd, store: Db, owner: CartOwner) -> CartAnswer:
    """Put pieces into the cart; the same SKU adds up."""
    await service.add(store, owner, body)
    return await service.view(store, owner)


@routes.post("/cart/sync", openapi_extra=OPTIONAL_SIGN_IN)
async def sync_cart(body: CartSync, store: Db, owner: CartOwner) -> CartAnswer:
    """Add what a client kept, capped to stock; `notices` tells what could not be taken."""
    return await service.view(store, owner, await service.sync(store, owner, body.items))


@routes.delete("/cart/clear", openapi_extra=OPTIONAL_SIGN_IN)
async def clear_cart(store: Db, owner: CartOwner) -> CartAnswer:
    """Empty the cart."""
    await service.clear(store, owner)
    return await service.view(store, owner)


@routes.post("/cart/coupon", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(CouponInvalid))
@limited(Limit.COUPON)
async def use_coupon(body: CodeBody, store: Db, owner: CartOwner) -> CartAnswer:
    """Put a coupon into the cart; its use is counted when it is ordered."""
    await service.use_coupon(store, owner, body.code)
    return await service.view(store, owner)


@routes.delete("/cart/coupon", openapi_extra=OPTIONAL_SIGN_IN)
async def drop_coupon(store: Db, owner: CartOwner) -> CartAnswer:
    """Take the coupon out of the cart."""
    await service.drop_coupon(store, owner)
    return await service.view(store, owner)


@routes.put("/cart/{item_id}", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound, InsufficientStock))
async def change_cart_line(item_id: Id, body: CartChange, store: Db, owner: CartOwner) -> CartAnswer:
    """Set the quantity of a line; 0 removes it."""
    await service.set_quantity(store, owner, item_id, body.quantity)
    return await service.view(store, owner)


@routes.delete("/cart/{item_id}", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound))
async def remove_cart_line(item_id: Id, store: Db, owner: CartOwner) -> CartAnswer:
    """Remove a line."""
    await service.drop(store, owner, item_id)
    return await service.view(store, owner)


@routes.post(
    "/cart-items", status_code=201, openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound, InsufficientStock)
)
async def create_cart_item(body: CartAdd, response: Response, store: Db, owner: CartOwner) -> CartItemAnswer:
    """Put pieces into the cart; the answer is their line."""
    sku = await service.add(store, owner, body)
    cart = await service.view(store, owner)
    line = next(one for one in cart.items if one.sku == sku)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/cart-items/{line.id}"
    return line


@routes.get("/cart-items", openapi_extra=OPTIONAL_SIGN_IN)
async def list_cart_items(
    store: Db, owner: CartOwner, query: Annotated[PageQuery, paging("created_at")]
) -> Page[CartItemAnswer]:
    """The lines of the cart."""
    if query.cursor is not None:  # a cart is never more than one page long for a cursor
        raise ValidationFailed("is not a cursor of this list", ("query", "cursor"))
    items = (await service.view(store, owner)).items
    first = ((query.page or 1) - 1) * query.size
    return Found(items[first : first + query.size], query, len(items)).page()


@routes.get("/cart-items/{item_id}", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound))
async def get_cart_item(item_id: Id, store: Db, owner: CartOwner) -> CartItemAnswer:
    """One line of the cart."""
    return service.line(await service.view(store, owner), item_id)


@changing(
    routes, "/cart-items/{item_id}", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound, InsufficientStock)
)
async def change_cart_item(item_id: Id, body: CartChange, store: Db, owner: CartOwner) -> CartAnswer:
    """Set the quantity of a line; 0 removes it."""
    return await change_cart_line(item_id, body, store, owner)


@routes.delete("/cart-items/{item_id}", openapi_extra=OPTIONAL_SIGN_IN, responses=responses(NotFound))
async def remove_cart_item(item_id: Id, store: Db, owner: CartOwner) -> CartAnswer:
    """Remove a line; the answer is the cart."""
    await service.drop(store, owner, item_id)
    return await service.view(store, owner)
