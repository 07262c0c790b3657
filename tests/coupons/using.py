"""Staff who make coupons, and how often they were used."""

from typing import Any

from httpx import AsyncClient

from tests import make

TEN = {"code": "TEN", "type": "percent", "value": "10"}


async def made(client: AsyncClient, staff: make.Person, **body: Any) -> dict[str, Any]:
    answer = await client.post("/coupons", json={**TEN, **body}, headers=staff.headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def used(client: AsyncClient, staff: make.Person, key: str) -> int:
    count: int = (await client.get(f"/coupons/{key}", headers=staff.headers)).json()["used_count"]
    return count
