"""Accounts, one row each: what staff see of them, and what they bought. Nothing that one signs in with."""

from truestyle.dashboard import counting
from truestyle.exports.columns import Column, Kind, Values
from truestyle.exports.models import UsersAsk
from truestyle.exports.sources import Batches, Plan, Source, between, given, read
from truestyle.infra.snapshot import Snapshot
from truestyle.kit.repository import Row
from truestyle.store import Store
from truestyle.users.models import UserStatus

COLUMNS = (
    Column("email", width=30, printed="E-mail", share=2),
    Column("full_name", width=24, printed="Name", share=1.6),
    Column("phone", width=16, printed="Phone", share=1.1),
    Column("role", width=10, printed="Role", share=0.8),
    Column("status", width=10, printed="Status", share=0.8),
    Column("email_verified", Kind.FLAG),
    Column("gender", width=8),
    Column("date_of_birth", Kind.DAY, 12),
    Column("created_at", Kind.MOMENT, 20, "Opened", 1.2),
    Column("orders", Kind.NUMBER, 8, "Orders", 0.6),
    Column("spent", Kind.MONEY, printed="Spent"),
    Column("updated_at", Kind.MOMENT, 20),
    Column("user_id", width=26),
)
PLAIN = ("email", "full_name", "phone", "role", "status", "email_verified", "gender", "date_of_birth")
FIELDS = (*PLAIN, "created_at", "updated_at")  # and nothing else: the rows have password hashes


async def plan(store: Store, ask: UsersAsk) -> Plan:
    """Accounts. Raises ValidationFailed."""
    await counting.catch_up(store)  # `orders` and `spent` are the dashboard's
    where, span = given(role=ask.role, status=ask.status), between(ask, store)
    if span:
        return Plan(store.users, {**where, "created_at": span}, "created_at")
    if ask.role is not None and ask.status is None:
        where["status"] = {"$in": list(UserStatus)}  # all, said so that the index gives the order
    return Plan(store.users, where)


async def batches(store: Store, snapshot: Snapshot, ask: UsersAsk, plan: Plan) -> Batches:
    """A row an account."""
    del ask
    async for rows in read(snapshot, plan, FIELDS):
        bought = snapshot.rows(store.figure_buyers.name, {"_id": {"$in": [row["_id"] for row in rows]}})
        buyers = {row["_id"]: row async for row in bought}
        yield len(rows), [_told(row, buyers.get(row["_id"], {})) for row in rows]


def _told(row: Row, bought: Row) -> Values:
    cells = {
        **{name: row.get(name) for name in FIELDS},
        "orders": bought.get("orders", 0),
        "spent": bought.get("revenue", 0),
        "user_id": str(row["_id"]),
    }
    return [cells[one.name] for one in COLUMNS]


SOURCE = Source("Accounts", COLUMNS, plan, batches)
