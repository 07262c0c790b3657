"""A walk through a store in which secrets are planted: every place where one could slip out is visited."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
from scripts.contract import Document, filled

from tests import make
from tests.catalog.rows import shirt, text
from tests.files.pictures import picture
from tests.mail.server import Behaviour
from tests.planted import Planted, dumped, files_of
from tests.running import Process
from truestyle.infra.outbox import EventStatus
from truestyle.settings import Settings
from truestyle.shop import Shop

AWAY = {"/health", "/api/v1/auth/google/login"}  # Redis is; Google is not set up


TOKENS = r"/auth/(login|token/refresh)$"


CART = r"/(cart|checkout|orders)"


ASHA, NEW = "asha@example.com", "asha.rao@example.com"


SECRETS = ("JWT_ACCESS_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET", "TOKEN_HASH_PEPPER")


@dataclass
class Walk:
    """A real process in production, its mail server, and what was planted."""

    shop: Shop
    process: Process
    client: httpx.AsyncClient
    planted: Planted
    mail: Behaviour
    folder: Path
    env: dict[str, str]

    async def ask(self, method: str, path: str, status: int | None = None, **sent: Any) -> httpx.Response:
        self.client.cookies.clear()
        answer = await self.client.request(method, f"{self.process.url}{path}", **sent)
        assert status in {None, answer.status_code}, (path, answer.status_code, answer.text)
        return answer

    async def auth(self, path: str, status: int, body: dict[str, Any], **sent: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("POST", f"/api/v1/auth/{path}", status, json=body, **sent)).json()
        return found

    async def signed_in(self, email: str, password: str) -> tuple[dict[str, str], str]:
        """Headers and refresh token of a new session."""
        body = {"email": email, "password": password}
        found = await self.auth("login", 200, body, headers={"x-client": "mobile"})
        access = self.planted.plant("access token", found["access_token"], TOKENS)
        refresh = self.planted.plant("refresh token", found["refresh_token"], TOKENS)
        return {"authorization": f"Bearer {access}"}, refresh

    async def mailed(self, to: str, subject: str) -> str:
        """The text of the newest mail of a kind; what it has of codes and links is planted."""

        async def found() -> EmailMessage | None:
            fitting = [one for one in self.mail.taken if one["to"] == to and subject in str(one["subject"])]
            return fitting[-1] if fitting else None

        mail: EmailMessage = await until(found)
        self.mail.taken.remove(mail)
        return self._plain(mail)

    def _plain(self, mail: EmailMessage) -> str:
        part = mail.get_body(("plain",))
        assert part is not None
        words = str(part.get_content()).replace("\r", "")
        for code in re.findall(r"^(\d{6})$", words, re.MULTILINE):
            self.planted.plant("code", code)
        for token in re.findall(r"[/=]([\w-]{43})$", words, re.MULTILINE):
            self.planted.plant("token of a link", token, r"/verify-email/")
        return words

    @property
    def log(self) -> str:
        return self.process.log.read_text()

    async def search(self) -> list[str]:
        """Every place where something was found."""
        places = {"the log": self.log, **await dumped(self.shop.store.db), **files_of(self.folder / "data")}
        return self.planted.in_answers() + self.planted.in_texts(places)


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """What is found, when it is."""
    async with asyncio.timeout(30):
        while not (it := await found()):  # noqa: ASYNC110 - somebody else's process does it
            await asyncio.sleep(0.05)
    return it


def code_of(words: str) -> str:
    return str(re.findall(r"^(\d{6})$", words, re.MULTILINE)[0])


def token_of(words: str) -> str:
    return str(re.findall(r"[/=]([\w-]{43})$", words, re.MULTILINE)[0])


def told(walk: Walk, *arguments: str) -> str:
    """What a command says, and the file it writes."""
    command = [sys.executable, "-m", "truestyle.cli.app", *arguments]
    done = subprocess.run(  # noqa: S603 - ourselves
        command, env=walk.env, cwd=walk.folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr + "".join(one.read_text() for one in walk.folder.glob("catalogue.*"))


async def joins(walk: Walk) -> str:
    """Registers while the mail server is busy, confirms with a wrong and the right code, signs in in every way."""
    password = walk.planted.plant("password", "Pl4nted é/ päss+word one")
    walk.mail.rcpt = "450 busy, come again"
    await walk.auth("register", 201, {"email": ASHA, "password": password, "full_name": "Asha Rao"})
    await walk.auth("register", 409, {"email": ASHA, "password": password, "full_name": "Asha Rao"})
    await until(lambda: walk.shop.store.outbox.first({"topic": "mail.verify_email", "error": {"$ne": None}}))
    assert await walk.search() == [], "while the mail waits, with its code"
    walk.mail.rcpt = "250 OK"
    code = code_of(await walk.mailed(ASHA, "Confirm your e-mail address"))
    wrong = walk.planted.plant("code", f"{(int(code) + 1) % 1_000_000:06d}")
    await walk.auth("verify-email", 400, {"email": ASHA, "code": wrong})
    await walk.auth("verify-email", 200, {"email": ASHA, "code": code})
    await walk.auth("verify-email", 400, {"email": ASHA, "code": code})

    other = {"email": "other@example.com", "password": password, "full_name": "Other Person"}
    await walk.auth("register", 201, other)
    token = token_of(await walk.mailed("other@example.com", "Confirm your e-mail address"))
    for status in (200, 400):
        await walk.ask("GET", f"/api/v1/auth/verify-email/{token}", status)
    for strange in (f"{token}/x", f"{token}.", f"..{token}"):
        await walk.ask("GET", f"/api/v1/auth/verify-email/{strange}", 404)

    for number in range(2):
        guess = walk.planted.plant("wrong password", f"not the password, number {number}")
        await walk.auth("login", 401, {"email": ASHA, "password": guess})
        await walk.auth("login", 401, {"email": "nobody@example.com", "password": guess})
    form = {"username": ASHA, "password": password, "client_secret": walk.planted.plant("secret", "swagger sends it")}
    found = await walk.ask("POST", "/api/v1/auth/login", 200, data=form)
    walk.planted.plant("access token", found.json()["access_token"], TOKENS)
    cookie = re.search(r"__Host-ts_rt=([^;]+)", found.headers["set-cookie"])
    assert cookie
    refresh = walk.planted.plant("refresh token", cookie[1], TOKENS)
    headers = {"cookie": f"__Host-ts_rt={refresh}"}
    rotated = await walk.ask("POST", "/api/v1/auth/token/refresh", 200, headers=headers)
    walk.planted.plant("access token", rotated.json()["access_token"], TOKENS)
    fresh = re.search(r"__Host-ts_rt=([^;]+)", rotated.headers["set-cookie"])
    assert fresh
    walk.planted.plant("refresh token", fresh[1], TOKENS)
    await is_robbed(walk, refresh)
    return password


async def is_robbed(walk: Walk, used: str) -> None:
    """A refresh token that was used is seen again after the grace."""
    store = walk.shop.store
    for rows, name in ((store.sessions, "rotated_at"), (store.revocations, "created_at")):
        earlier = {"$set": {name: {"$dateSubtract": {"startDate": f"${name}", "unit": "minute", "amount": 1}}}}
        await rows.collection.update_many({name: {"$ne": None}}, [earlier])
    found = await walk.auth("token/refresh", 401, {"refresh_token": used})
    assert found["code"] == "refresh_reused"
    await walk.auth("token/refresh", 401, {"refresh_token": walk.planted.plant("refresh token", f"{'0' * 24}.made-up")})


async def forgets_the_password(walk: Walk, password: str) -> str:
    """First by the code, then by the link; the weak and wrong ones are planted too."""
    for how in ("code", "link"):
        fresh = walk.planted.plant("password", f"Pl4nted by the {how}, é/+ {len(password)}")
        weak = walk.planted.plant("weak password", f"{'ab' if how == 'code' else 'ba'}" * 9)
        await walk.auth("forgot-password/request", 202, {"email": ASHA})
        await walk.auth("forgot-password/request", 202, {"email": "nobody@example.com"})
        words = await walk.mailed(ASHA, "Your code for a new password")
        proof = {"email": ASHA, "otp": code_of(words)} if how == "code" else {"token": token_of(words)}
        await walk.auth("forgot-password/verify", 422, {**proof, "new_password": weak})
        await walk.auth("forgot-password/verify", 200, {**proof, "new_password": fresh})
        await walk.auth("forgot-password/verify", 400, {**proof, "new_password": fresh})
        password = fresh
    return password


async def changes_password_and_address(walk: Walk, password: str) -> tuple[dict[str, str], str]:
    headers, _ = await walk.signed_in(ASHA, password)
    fresh = walk.planted.plant("password", "Pl4nted with both hands+ é")
    change = {"current_password": password, "new_password": fresh}
    await walk.auth("change-password", 200, change, headers=headers)
    await walk.auth("change-password", 401, change, headers=headers)
    await walk.auth("change-email", 202, {"new_email": NEW, "password": fresh}, headers=headers)
    code = code_of(await walk.mailed(NEW, "Confirm your new e-mail address"))
    await walk.auth("change-email/confirm", 200, {"code": code}, headers=headers)
    await walk.mailed(ASHA, "Your e-mail address was changed")
    return headers, fresh


async def sends_what_is_refused(walk: Walk, headers: dict[str, str]) -> None:
    """Secrets where they do not belong: in every part of requests that are malformed."""
    plant, login = walk.planted.plant, "/api/v1/auth/login"
    long = plant("password that is too long", "Pl4nted and far too long " * 8)
    bodies: list[Any] = [
        {"email": ASHA, "password": long, "full_name": "X"},
        {"email": ASHA, "password": [plant("password in a list", "Pl4nted in a list")], "full_name": "X"},
        {"email": plant("password as address", "Pl4nted as an address"), "password": "x", "full_name": "X"},
        {"email": ASHA, "password": "y", "full_name": "X", "pin": plant("password in an unknown field", "Pl4nted pin")},
        [plant("password in no object", "Pl4nted in no object")],
    ]
    for body in bodies:
        for path in ("register", "login"):
            await walk.ask("POST", f"/api/v1/auth/{path}", 422, json=body)
    cut_off = '{"email": "a@example.com", "password": "' + plant("password cut off", "Pl4nted, cut off")
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        answer = await walk.ask("POST", login, content=cut_off, headers={"content-type": kind})
        assert answer.status_code in {415, 422}
    query = {"password": plant("password in a query", "Pl4nted in the query")}
    await walk.ask("POST", login, 422, params=query, json={"email": ASHA, "password": "x"})
    await walk.ask("GET", "/api/v1/products", 422, params={"token": plant("token in a query", "Pl4nted-query-token")})
    for scheme in ("Bearer", "Basic", "Token"):
        value = plant(f"{scheme} header", f"Pl4nted.{scheme}.abcdefghijklmnop")
        await walk.ask("GET", "/api/v1/auth/me", 401, headers={"authorization": f"{scheme} {value}"})
    cookie = plant("refresh cookie", "Pl4nted-made-up-cookie")
    await walk.ask("POST", "/api/v1/auth/token/refresh", 401, headers={"cookie": f"__Host-ts_rt={cookie}"})
    large = plant("password in a large body", "Pl4nted in a large body")
    await walk.ask("POST", login, 413, content=large * 4000, headers={"content-type": "application/json"})
    admin = {
        "email": "x@example.com",
        "password": plant("password of an admin", "Pl4nted for an admin"),
        "full_name": "X",
    }
    await walk.ask("POST", "/api/v1/users/create-admin", 403, json=admin, headers=headers)
    farewell = {"password": plant("wrong password", "Pl4nted farewell, wrong")}
    await walk.ask("DELETE", "/api/v1/users/me", 401, json=farewell, headers=headers)


async def buys(walk: Walk, owner: dict[str, str], asha: dict[str, str]) -> dict[str, Any]:
    """Staff bring goods in, a guest fills a cart and signs in, an order is placed; all else that leaves rows."""
    goods = [shirt(price="999.00", mrp="1299.00", stock=9)]
    sheet = {"file": ("goods.csv", text(tuple(goods[0]), goods).encode(), "text/csv")}
    job = (await walk.ask("POST", "/api/v1/products/import", 202, files=sheet, headers=owner)).json()

    async def finished() -> bool:
        found = await walk.ask("GET", f"/api/v1/jobs/{job['id']}", 200, headers=owner)
        return found.json()["status"] in {"done", "failed"}

    await until(finished)
    sent = {"file": ("a.png", picture(), "image/png")}
    await walk.ask("POST", "/api/v1/files/upload", 201, files=sent, headers=asha)
    product = await make.product(walk.shop, stock=5)
    guest = await walk.ask("POST", "/api/v1/cart/add", 200, json={"product_id": str(product.id)})
    token = walk.planted.plant("cart token", guest.headers["x-cart-token"], CART)
    assert (await walk.ask("GET", "/api/v1/cart", 200, headers={"x-cart-token": token})).json()["item_count"] == 1
    await walk.ask("POST", "/api/v1/cart/add", 200, json={"product_id": str(product.id)}, headers=asha)
    await walk.ask("POST", "/api/v1/user-address", 201, json=make.ADDRESS, headers=asha)
    placed = await walk.ask("POST", "/api/v1/checkout", 201, json=make.COD, headers={**asha, "idempotency-key": "one"})
    order: dict[str, Any] = placed.json()["order"]
    for gateway, header in (("stripe", "stripe-signature"), ("razorpay", "x-razorpay-signature")):
        await walk.ask("POST", "/api/v1/cart/add", 200, json={"product_id": str(product.id)}, headers=asha)
        choice = {**make.COD, "payment": {"type": gateway}}
        waits = await walk.ask("POST", "/api/v1/checkout", 201, json=choice, headers=asha)
        assert waits.json()["order"]["payment"]["status"] == "pending"
        forged = {header: f"t=1,v1={'0' * 64}", "content-type": "application/json"}
        await walk.ask("POST", f"/api/v1/payments/webhooks/{gateway}", 400, content=b"{}", headers=forged)
    message = {"name": "Asha", "email": NEW, "subject": "Hello", "message": "Where is it?"}
    await walk.ask("POST", "/api/v1/contact-us", 201, json=message)
    await walk.ask("POST", "/api/v1/logs", 201, json={"message": "Moved the racks."}, headers=owner)
    admin = {"email": "second@example.com", "full_name": "Second"}
    body = {**admin, "password": walk.planted.plant("password of an admin", "Pl4nted for the second admin")}
    await walk.ask("POST", "/api/v1/users/create-admin", 201, json=body, headers=owner)
    return order


async def breaks_down(walk: Walk, password: str, headers: dict[str, str]) -> None:
    """A row that cannot be read: 500 with a traceback in the log, while passwords and tokens are in hand."""
    users = walk.shop.store.users.collection
    await users.update_one({"email": NEW}, {"$rename": {"full_name": "was"}})
    try:
        for _ in range(2):
            await walk.ask("GET", "/api/v1/auth/me", 500, headers=headers)
            await walk.auth("login", 500, {"email": NEW, "password": password})
        await walk.auth("forgot-password/request", 202, {"email": NEW})
        waits = {"topic": "auth.code_asked", "status": EventStatus.WAITING, "error": {"$ne": None}}
        await until(lambda: walk.shop.store.outbox.first(waits))
    finally:
        await users.update_one({"email": NEW}, {"$rename": {"was": "full_name"}})


async def reads_everything(walk: Walk, owner: dict[str, str], asha: dict[str, str]) -> dict[str, str]:
    """Every list and row that can be read, by the owner of the shop and of the account; the exports."""
    settings = Settings.load(environ=walk.env, docs_enabled=True)
    from truestyle.main import create_app  # noqa: PLC0415 - the document alone

    document, read = Document(create_app(settings, work=False).openapi()), 0
    for one in document.operations():
        if one.method == "GET":
            for headers in (owner, asha):
                answer = await walk.ask("GET", filled(one.path), headers=headers)
                assert answer.status_code < 500 or one.path in AWAY, (one.path, answer.text)
                read += answer.status_code == 200
    assert read > 60
    found = {
        "the export of personal data": (await walk.ask("GET", "/api/v1/users/me/export", 200, headers=asha)).text,
        "the export of products": (
            await walk.ask("GET", "/api/v1/products/export?format=csv", 200, headers=owner)
        ).text,
    }
    assert "Asha Rao" in found["the export of personal data"]
    assert "Indigo shirt" in found["the export of products"]
    return found
