"""Every filter and sort of a table is served by an index: SQLite is asked how it would find the rows."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from sqlalchemy import event

from truestyle.contact import service as contact
from truestyle.contact.models import TicketStatus
from truestyle.kit.paging import PageQuery
from truestyle.logs import service as logs
from truestyle.logs.models import LogKind
from truestyle.shop import Shop

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LOGS: list[dict[str, Any]] = [
    {},
    {"kind": LogKind.LOGIN},
    {"user_id": ObjectId("65af0b12c4a1d2e3f4a5b6c7")},
    {"email": "a@example.com"},
    {"path": "/api/v1/x"},
    {"status": 500},
    {"ip": "10.0.0.1"},
    {"request_id": "x"},
    {"from_": MOMENT, "to": MOMENT},
]
MESSAGES: list[dict[str, Any]] = [
    {},
    {"status": TicketStatus.OPEN},
    {"overdue": True},
    {"from_": MOMENT, "to": MOMENT},
    {"q": "a@example.com"},
    {"q": "TSC-26"},
]


async def plans(shop: Shop, work: Callable[[], Awaitable[object]]) -> list[str]:
    """How SQLite would go about each SELECT of `work`."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(shop.sql.sync_engine, "before_cursor_execute", note)
    await work()
    event.remove(shop.sql.sync_engine, "before_cursor_execute", note)
    found = []
    async with shop.sql.connect() as connection:
        for statement, parameters in [one for one in asked if one[0].startswith("SELECT")]:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.append(" | ".join(str(row[-1]) for row in rows))
    assert found
    return found


@pytest.mark.parametrize("given", LOGS, ids=lambda one: "-".join(one) or "all")
async def test_logs(shop: Shop, given: dict[str, Any]) -> None:
    for plan in await plans(shop, lambda: logs.find(shop, logs.Filters(**given), PageQuery("-created_at"))):
        assert "INDEX" in plan, plan
        assert not given or plan.startswith("SEARCH"), plan


@pytest.mark.parametrize("sort", ["-created_at", "due_at"])
@pytest.mark.parametrize("given", MESSAGES, ids=lambda one: "-".join(one) or "all")
async def test_messages(shop: Shop, given: dict[str, Any], sort: str) -> None:
    for plan in await plans(shop, lambda: contact.find(shop, contact.Filters(**given), PageQuery(sort))):
        assert "INDEX" in plan, plan
        assert not given or plan.startswith("SEARCH"), plan
