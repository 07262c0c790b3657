"""/wishlist-items."""

from typing import Annotated

from fastapi import Response

from truestyle.cart import wishes
from truestyle.cart.models import CartAnswer, MoveToCart, WishAdd, WishAnswer, WishChange
from truestyle.deps import Db, SignedInCaller
from truestyle.infra.http.route import changing, router
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import Duplicate, NotFound, ValidationFailed, responses
from truestyle.kit.paging import Found, Page, PageQuery, paging
from truestyle.kit.types import Id

routes = router("/wishlist-items", tag="Wishlist")


@routes.post("", status_code=201, responses=responses(NotFound, Duplicate))
async def create_wishlist_item(body: WishAdd, response: Response, store: Db, caller: SignedInCaller) -> WishAnswer:
    """Like a product."""
    item = await wishes.add(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/wishlist-items/{item.id}"
    return item


@routes.get("")
async def list_wishlist_items(
    store: Db, caller: SignedInCaller, query: Annotated[PageQuery, paging("-created_at")]
) -> Page[WishAnswer]:
    """What one likes, newest first."""
    if query.cursor is not None:  # a wishlist is one document: it is paged by number alone
        raise ValidationFailed("is not a cursor of this list", ("query", "cursor"))
    items = await wishes.items(store, caller)
    first = ((query.page or 1) - 1) * query.size
    return Found(items[first : first + query.size], query, len(items)).page()


@routes.get("/{item_id}", responses=responses(NotFound))
async def get_wishlist_item(item_id: Id, store: Db, caller: SignedInCaller) -> WishAnswer:
    """One thing that one likes."""
    return await wishes.one(store, caller, item_id)


@changing(routes, "/{item_id}", responses=responses(NotFound))
async def change_wishlist_item(item_id: Id, body: WishChange, store: Db, caller: SignedInCaller) -> WishAnswer:
    """Choose another variant, or none."""
    return await wishes.change(store, caller, item_id, body)


@routes.delete("/{item_id}", status_code=204, responses=responses(NotFound))
async def remove_wishlist_item(item_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Take it off the list."""
    await wishes.remove(store, caller, item_id)


@routes.post("/{item_id}/move-to-cart", responses=responses(NotFound, InsufficientStock))
async def move_to_cart(item_id: Id, body: MoveToCart, store: Db, caller: SignedInCaller) -> CartAnswer:
    """Put it into the cart and take it off the list."""
    return await wishes.move(store, caller, item_id, body)
