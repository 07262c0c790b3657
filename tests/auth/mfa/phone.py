"""People with a second factor, and their telephones."""

import itertools
import re
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyotp

from tests import make
from truestyle.shop import Shop

PASSWORD = "a long and unlikely phrase"


@dataclass
class Phone:
    """An account over HTTP, and the app that shows its codes."""

    client: httpx.AsyncClient
    shop: Shop
    person: make.Person
    secret: str = field(default="", repr=False)
    recovery: list[str] = field(default_factory=list, repr=False)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return self.person.user.email

    def code(self, steps: int = 0) -> str:
        """What it shows now, or so many half minutes from now."""
        return pyotp.TOTP(self.secret).at(time.time(), counter_offset=steps)

    async def fresh(self) -> str:
        """What it shows now, as if half a minute had passed since the last code was used."""
        row = self.shop.store.second_factors.unwatched
        await row.update_one({"user_id": self.person.user.id}, {"$set": {"last_step": 0}})
        return self.code()

    async def wrong(self) -> str:
        """Six digits that are no code of any step near now."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for n in itertools.count() if (code := f"{n:06d}") not in near)

    async def login(self, password: str = PASSWORD, **headers: str) -> httpx.Response:
        body = {"email": self.email, "password": password}
        return await self.client.post("/auth/login", json=body, headers=headers)

    async def token(self) -> str:
        """What the first half of signing in answers."""
        answer = await self.login()
        assert answer.status_code == 200, answer.text
        assert answer.json()["mfa_required"] is True
        return str(answer.json()["mfa_token"])

    async def verify(self, token: str, code: str, **headers: str) -> httpx.Response:
        return await self.client.post("/auth/mfa/verify", json={"mfa_token": token, "code": code}, headers=headers)

    async def sign_in(self) -> dict[str, str]:
        """Headers of a new session."""
        answer = await self.verify(await self.token(), await self.fresh())
        assert answer.status_code == 200, answer.text
        return bearer(answer)

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers=headers or self.headers)

    async def set_up(self) -> None:
        """Scan the picture."""
        answer = await self.post("/auth/mfa/setup")
        assert answer.status_code == 200, answer.text
        self.secret = answer.json()["secret"]

    async def enable(self) -> httpx.Response:
        answer = await self.post("/auth/mfa/enable", {"code": self.code()})
        assert answer.status_code == 200, answer.text
        self.recovery = answer.json()["recovery_codes"]
        return answer

    async def step_up(self, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.post("/auth/step-up", {"code": await self.fresh()}, headers)


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def refused(answer: httpx.Response, status: int, code: str) -> None:
    """It was not let in: no session, and nothing sent is in the answer."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "set-cookie" not in answer.headers
    assert "access_token" not in answer.text
    assert re.search(r"\b\d{6}\b", answer.json()["detail"]) is None


async def somebody(client: httpx.AsyncClient, shop: Shop, role: str = "customer") -> Phone:
    """An account with a password, signed in."""
    hashed = await shop.keys.passwords.hash(PASSWORD)
    person = await make.person(shop, role, password_hash=hashed)
    return Phone(client, shop, person, headers=person.headers)


async def with_mfa(client: httpx.AsyncClient, shop: Shop, role: str = "customer") -> Phone:
    """An account that asks for codes."""
    phone = await somebody(client, shop, role)
    await phone.set_up()
    await phone.enable()
    return phone
