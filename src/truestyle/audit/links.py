"""I7 and I8: who may be signed in, and that nothing names what is not there."""

from collections.abc import AsyncIterator
from typing import Any

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
    async for one in _second_factors(snapshot):
        yield one


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
    ("stock", "product_id", "", "products", "stock without its product"),
    ("carts", "items.sku", "items", "stock", "a cart line for an unknown SKU"),
    ("products", "variants.sku", "variants", "stock", "a variant without stock"),
    ("products", "brand.id", "", "brands", "a product of an unknown brand"),
    ("products", "categories.id", "categories", "categories", "a product in an unknown category"),
    ("user_ratings", "product_id", "", "products", "a rating of no product"),
    ("user_ratings", "user_id", "", "users", "a rating by nobody"),
    ("user_reviews", "product_id", "", "products", "a review of no product"),
    ("user_reviews", "user_id", "", "users", "a review by nobody"),
    ("review_votes", "review_id", "", "user_reviews", "a vote for no review"),
    ("addresses", "user_id", "", "users", "an address of nobody"),
    ("card_details", "user_id", "", "users", "a card of nobody"),
    ("upi_details", "user_id", "", "users", "a UPI address of nobody"),
    *(
        (collection, field, field.partition(".")[0], "files", "a picture without its file")
        for collection, field in files.NAMED_BY
    ),
)


async def orphans(snapshot: Snapshot) -> AsyncIterator[Breach | int]:
    """I8: nothing names what is not there."""
    for collection, field, unwind, named, message in LINKS:
        stages: list[dict[str, Any]] = [{"$unwind": f"${unwind}"}] if unwind else []
        stages += [
            {"$match": {field: {"$ne": None}}},
            {"$project": {"named": f"${field}"}},
            {"$lookup": {"from": named, "localField": "named", "foreignField": "_id", "as": "found"}},
            {"$match": {"found": []}},
        ]
        yield await snapshot.count(collection)
        async for row in snapshot.grouped(collection, *stages):
            yield Breach("I8", message, {collection: row["_id"], "names": row["named"]})
