"""Staff who set rates, and what is said of a PIN code."""

from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient

from tests import make

HOME, METRO, REST, FAR, NOWHERE = "560038", "400001", "302001", "790001", "999999"


@dataclass
class Zoning:
    client: AsyncClient
    staff: make.Person

    async def add(self, name: str, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/shipping-zones", json={"name": name, **body}, headers=self.staff.headers)
        assert answer.status_code == 201, answer.text
        zone: dict[str, Any] = answer.json()
        return zone

    async def asked(self, pincode: str) -> dict[str, Any]:
        answer = await self.client.get(f"/shipping/serviceability/{pincode}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body
