"""Carts and wishlists in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import IndexModel, ReturnDocument

from truestyle.cart.models import Cart, CartItem, Wishlist, WishlistItem
from truestyle.kit import clock
from truestyle.kit.repository import Repository, Row, holding


class Carts(Repository[Cart]):
    """One row a cart. A guest's id is derived from their token; a user has one cart."""

    document, name = Cart, "carts"
    unaudited = "a shopper's scratchpad"
    indexes = (
        IndexModel("user_id", unique=True, partialFilterExpression=holding("user_id")),
        IndexModel("expires_at", expireAfterSeconds=0),
        IndexModel("items.sku"),
    )

    async def of(self, users: Sequence[ObjectId], guests: Sequence[ObjectId]) -> list[Cart]:
        """The carts of these users, and guests' carts by their ids; the missing are left out."""
        wanted: list[Row] = [{"user_id": {"$in": users}}] if users else []
        wanted += [{"_id": {"$in": guests}, "user_id": None}] if guests else []
        rows = [row for where in wanted for row in await self.collection.find(where, session=self.session).to_list()]
        return [Cart.load(row) for row in rows]

    # `expires`: when the cart of a guest is to be forgotten, which each change puts off; None for a user's.

    async def more(
        self, owner: dict[str, Any], sku: str, count: int, most: int, price: int, expires: datetime | None
    ) -> bool:
        """Add pieces to a line that is there; False if there is none, or it would pass `most`."""
        line = {"$elemMatch": {"sku": sku, "quantity": {"$lte": most - count}}}
        update = {"$inc": {"items.$.quantity": count}, "$set": {"items.$.unit_price": price}}
        return await self._touch({**owner, "items": line}, update, expires)

    async def put(self, owner: dict[str, Any], item: CartItem, lines: int, expires: datetime | None) -> bool:
        """Add a new line; False if the SKU is in the cart already, or the cart has `lines` lines."""
        where = {**owner, "items.sku": {"$ne": item.sku}, f"items.{lines - 1}": {"$exists": False}}
        return await self._touch(where, {"$push": {"items": item.model_dump()}}, expires)

    async def set_quantity(
        self, owner: dict[str, Any], item_id: ObjectId, quantity: int, price: int, expires: datetime | None
    ) -> bool:
        """Change a line; False if there is none such."""
        update = {"$set": {"items.$.quantity": quantity, "items.$.unit_price": price}}
        return await self._touch({**owner, "items.id": item_id}, update, expires)

    async def drop(self, owner: dict[str, Any], item_id: ObjectId, expires: datetime | None) -> bool:
        """Remove a line; False if there is none such."""
        return await self._touch({**owner, "items.id": item_id}, {"$pull": {"items": {"id": item_id}}}, expires)

    async def forget(self, skus: Sequence[str]) -> None:
        """Remove the lines of SKUs that are no more, from every cart."""
        await self.collection.update_many(
            {"items.sku": {"$in": list(skus)}},
            {
                "$pull": {"items": {"sku": {"$in": list(skus)}}},
                "$set": {"updated_at": clock.now()},
                "$inc": {"version": 1},
            },
            session=self.session,
        )

    async def remove_of(self, user_id: ObjectId) -> None:
        """A user's cart with all in it."""
        await self.collection.delete_one({"user_id": user_id}, session=self.session)

    async def clear(self, owner: dict[str, Any], expires: datetime | None) -> None:
        """Remove every line."""
        await self._touch(owner, {"$set": {"items": []}}, expires)

    async def set_coupon(self, owner: dict[str, Any], code: str | None, expires: datetime | None) -> bool:
        """Put a coupon code in, or take it out; False if there is no cart."""
        return await self._touch(owner, {"$set": {"coupon_code": code}}, expires)

    async def ensure(self, owner: dict[str, Any], expires_at: datetime | None) -> Cart:
        """The owner's cart, made if there is none yet."""
        moment = clock.now()
        fresh = Cart().dump()
        fresh.pop("_id")
        unset = {name: value for name, value in fresh.items() if name not in {"expires_at", "user_id"}}
        update: dict[str, Any] = {"$setOnInsert": unset | {"created_at": moment, "updated_at": moment}}
        if expires_at is not None:
            update["$set"] = {"expires_at": expires_at, "user_id": None}
        row: Any = await self.collection.find_one_and_update(
            owner, update, upsert=True, return_document=ReturnDocument.AFTER, session=self.session
        )
        return Cart.load(row)

    async def versions(self, ids: Sequence[ObjectId]) -> dict[ObjectId, int]:
        """The version of each cart."""
        rows = self.collection.find({"_id": {"$in": list(ids)}}, {"version": 1}, session=self.session)
        return {row["_id"]: row["version"] async for row in rows}

    async def empty(self, ids: Sequence[ObjectId], moment: datetime) -> None:
        """Clear carts that have become orders."""
        await self.collection.update_many(
            {"_id": {"$in": list(ids)}},
            {"$set": {"items": [], "coupon_code": None, "updated_at": moment}, "$inc": {"version": 1}},
            session=self.session,
        )

    async def _touch(self, where: dict[str, Any], update: dict[str, Any], expires: datetime | None) -> bool:
        kept = {} if expires is None else {"expires_at": expires}
        stamped = {
            **update,
            "$set": {**update.get("$set", {}), **kept, "updated_at": clock.now()},
            "$inc": {**update.get("$inc", {}), "version": 1},
        }
        return (await self.collection.update_one(where, stamped, session=self.session)).modified_count == 1


class Wishlists(Repository[Wishlist]):
    """One row a user."""

    async def remove_of(self, user_id: ObjectId) -> None:
        """A user's wishlist with all in it."""
        await self.collection.delete_one({"user_id": user_id}, session=self.session)

    async def put(self, user_id: ObjectId, item: WishlistItem, most: int) -> bool:
        """Add an item; False if the product is there in this SKU already, or the list has `most` items."""
        same = {"product_id": item.product_id, "sku": item.sku}
        where = {
            "user_id": user_id,
            "items": {"$not": {"$elemMatch": same}},
            f"items.{most - 1}": {"$exists": False},
        }
        return await self._touch(where, {"$push": {"items": item.model_dump()}})

    async def set_sku(self, user_id: ObjectId, item_id: ObjectId, sku: str | None) -> bool:
        """Choose another variant; False if there is no such item."""
        return await self._touch({"user_id": user_id, "items.id": item_id}, {"$set": {"items.$.sku": sku}})

    async def drop(self, user_id: ObjectId, item_id: ObjectId) -> bool:
        """Remove an item; False if there is none such."""
        where = {"user_id": user_id, "items.id": item_id}
        return await self._touch(where, {"$pull": {"items": {"id": item_id}}})

    async def _touch(self, where: dict[str, Any], update: dict[str, Any]) -> bool:
        stamped = {
            **update,
            "$set": {**update.get("$set", {}), "updated_at": clock.now()},
            "$inc": {"version": 1},
        }
        return (await self.collection.update_one(where, stamped, session=self.session)).modified_count == 1

    document, name = Wishlist, "wishlists"
    unaudited = "a shopper's scratchpad"
    indexes = (IndexModel("user_id", unique=True),)
