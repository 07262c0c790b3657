"""I7 and I8: who may be signed in, and that nothing names what is not there."""

from collections.abc import AsyncIterator
from typing import Any

from truestyle.audit.joining import missing
from truestyle.audit.report import Breach
from truestyle.files import service as files
from truestyle.infra.snapshot import Snapshot


async def sign_ins(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I7: an active admin, no live session of a suspended or deleted user, MFA asked for exactly where it is on."""
    admins = [row async for row in snapshot.rows("users", {"role": "admin", "status": "active"}, ("_id",))]
    people = await snapshot.count("users")
    yield people
    if people and not admins:
        yield Breach("I7", "there is no active admin", {})
    stages: tuple[dict[str, Any], ...] = (
        {"$match": {"revoked_at": None}},
        {"$lookup": {"from": "users", "localField": "user_id", "foreignField": "_id", "as": "user"}},
        {"$match": {"user.status": {"$ne": "active"}}},
        {"$project": {"user_id": 1}},
    )
    async for row in snapshot.grouped("sessions", *stages):
        documents = {"session_id": row["_id"], "user_id": row["user_id"]}
        yield Breach("I7", "a live session of a user who is suspended or gone", documents)
    async for one in _families(snapshot):
        yield one
    async for one in _second_factors(snapshot):
        yield one


async def _families(snapshot: Snapshot) -> AsyncIterator[Breach]:
    """A session is a family, and its row holds the one token that was not rotated: it must be nobody else's."""
    shared: tuple[dict[str, Any], ...] = (
        {"$match": {"revoked_at": None}},
        {"$group": {"_id": "$refresh_hash", "ids": {"$push": "$_id"}, "n": {"$sum": 1}}},
        {"$match": {"$or": [{"n": {"$gt": 1}}, {"_id": None}]}},
    )
    async for row in snapshot.grouped("sessions", *shared):
        yield Breach("I7", "not one unrotated refresh token for each family", {"sessions": row["ids"]})
    twice: tuple[dict[str, Any], ...] = (
        {"$match": {"revoked_at": None, "$expr": {"$eq": ["$refresh_hash", "$previous_hash"]}}},
        {"$project": {"_id": 1}},
    )
    async for row in snapshot.grouped("sessions", *twice):
        yield Breach("I7", "a refresh token was rotated into itself", {"session_id": row["_id"]})


async def _second_factors(snapshot: Snapshot) -> AsyncIterator[Breach]:
    joined = {"from": "users", "localField": "user_id", "foreignField": "_id", "as": "user"}
    unasked = (
        {"$match": {"enabled_at": {"$ne": None}}},
        {"$lookup": joined},
        {"$match": {"user.mfa_enabled": {"$ne": True}}},
    )
    async for row in snapshot.grouped("second_factors", *unasked, {"$project": {"user_id": 1}}):
        yield Breach("I7", "a second factor that is switched on and not asked for", {"user_id": row["user_id"]})
    joined = {"from": "second_factors", "localField": "_id", "foreignField": "user_id", "as": "factor"}
    unanswerable = (
        {"$match": {"mfa_enabled": True}},
        {"$lookup": joined},
        {"$match": {"factor": {"$not": {"$elemMatch": {"enabled_at": {"$ne": None}}}}}},
    )
    async for row in snapshot.grouped("users", *unanswerable, {"$project": {"_id": 1}}):
        yield Breach("I7", "codes are asked for, and there is no second factor", {"user_id": row["_id"]})


# (collection, field that names, array to unwind or "", collection named, message)
LINKS: tuple[tuple[str, str, str, str, str], ...] = (
    ("payments", "order_id", "", "orders", "a payment without its order"),
    ("stock_movements", "order_id", "", "orders", "a movement for no order"),
    ("stock_movements", "changeset_id", "", "changesets", "a movement for no changeset"),
    ("orders", "items.product_id", "items", "products", "an order of an unknown product"),
    ("returns", "order_id", "", "orders", "a return without its order"),
    ("returns", "replacement_order_id", "", "orders", "an exchange without its replacement"),
    ("orders", "exchange_id", "", "returns", "a replacement of no exchange"),
    ("stock", "product_id", "", "products", "stock without its product"),
    ("carts", "items.sku", "items", "stock", "a cart line for an unknown SKU"),
    ("products", "variants.sku", "variants", "stock", "a variant without stock"),
    ("products", "brand.id", "", "brands", "a product of an unknown brand"),
    ("products", "product_type.id", "", "product_types", "a product of an unknown type"),
    ("products", "categories.id", "categories", "categories", "a product in an unknown category"),
    ("products", "occasions.id", "occasions", "occasions", "a product for an unknown occasion"),
    ("categories", "parent_id", "", "categories", "a category below an unknown one"),
    ("user_ratings", "product_id", "", "products", "a rating of no product"),
    ("user_ratings", "user_id", "", "users", "a rating by nobody"),
    ("user_reviews", "product_id", "", "products", "a review of no product"),
    ("user_reviews", "user_id", "", "users", "a review by nobody"),
    ("review_votes", "review_id", "", "user_reviews", "a vote for no review"),
    ("review_votes", "user_id", "", "users", "a vote of nobody"),
    ("addresses", "user_id", "", "users", "an address of nobody"),
    ("card_details", "user_id", "", "users", "a card of nobody"),
    ("upi_details", "user_id", "", "users", "a UPI address of nobody"),
    ("second_factors", "user_id", "", "users", "a second factor of nobody"),
    ("files", "source_id", "", "files", "a smaller copy of no picture"),
    *(
        (collection, field, field.partition(".")[0], "files", "a picture without its file")
        for collection, field in files.NAMED_BY
    ),
)


async def orphans(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I8: nothing names what is not there."""
    for collection, field, unwind, named, message in LINKS:
        yield await snapshot.count(collection)
        async for row in _unnamed(snapshot, collection, field, unwind, named):
            yield Breach("I8", message, {collection: row["row"], "names": row["_id"]})


async def _unnamed(
    snapshot: Snapshot, collection: str, field: str, unwind: str, named: str
) -> AsyncIterator[dict[str, Any]]:
    """What rows of a collection name that another does not hold, each once, with one of the rows."""
    stages: list[dict[str, Any]] = [{"$unwind": f"${unwind}"}] if unwind else []
    stages += [
        {"$match": {field: {"$ne": None}}},
        {"$group": {"_id": f"${field}", "row": {"$first": "$_id"}}},
        {"$sort": {"_id": 1}},
    ]
    async for row in missing(snapshot.grouped(collection, *stages), snapshot.rows(named, fields=("_id",))):
        yield row
