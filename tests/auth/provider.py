"""A real OpenID provider on this machine that can be told to misbehave; like Google's it insists on PKCE.

It serves from a thread of its own. Who signs in, and what is wrong with the next token, is set on it.
"""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.running import free_port

CLIENT, SECRET = "the-shop.apps.example.com", "not used anywhere but in tests"
Claims = dict[str, Any]


@dataclass
class Account:
    """Somebody with an account there."""

    sub: str = "110169484474386276334"
    email: str | None = "asha@example.com"
    email_verified: Any = True
    name: str | None = "Asha Rao"


@dataclass
class Provider:
    """What it is, whom it knows, and what it does wrong."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    account: Account = field(default_factory=Account)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # paths, in their order
    forms: list[dict[str, str]] = field(default_factory=list)  # what came to the token endpoint
    spoil: Claims = field(default_factory=dict)  # claims that are other than they should be; None: left out
    sign: Callable[["Provider", Claims], str] | None = None
    answer: Response | None = None  # of the token endpoint, instead of its own
    replays: bool = False  # whether it takes a code again

    def behave(self) -> None:
        """Do nothing wrong any more, and forget what was asked."""
        self.account = Account()
        self.codes, self.asked, self.forms, self.spoil = {}, [], [], {}
        self.sign, self.answer, self.replays = None, None, False

    def signed(self, claims: Claims) -> str:
        """As it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def app(self) -> Starlette:
        """Its endpoints."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return JSONResponse({"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ends.items()}})

    async def _keys(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse(KeySet([self.key]).as_dict())

    async def _authorize(self, request: Request) -> Response:
        """Whoever comes is signed in there, and agrees."""
        self.asked.append(request.url.path)
        asked = dict(request.query_params)
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        assert {name: asked.get(name) for name in wanted} == wanted
        assert set(asked["scope"].split()) == {"openid", "email", "profile"}
        assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = urlencode({"state": asked["state"], "code": code, "scope": "email profile openid", "authuser": "0"})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.forms.append(form)
        if self.answer is not None:
            return self.answer
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.get(form.get("code", "")) if self.replays else self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        right = asked is not None and asked["code_challenge"] == challenge
        if asked is None or not right or asked["redirect_uri"] != form.get("redirect_uri"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        person = {name: value for name, value in vars(self.account).items() if value is not None}
        claims = {"iss": self.issuer, "aud": CLIENT, "azp": CLIENT, "iat": now, "exp": now + 3600, **person}
        claims = {**claims, "nonce": asked["nonce"], **self.spoil}
        claims = {name: value for name, value in claims.items() if value is not None}
        token = self.sign(self, claims) if self.sign else self.signed(claims)
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600, "id_token": token})


@contextmanager
def running_provider(issuer: str | None = None) -> Iterator[tuple[Provider, int]]:
    """The provider and its port; `issuer`: what it calls itself, if it is reached by another address."""
    port = free_port()
    provider = Provider(issuer or f"http://127.0.0.1:{port}")
    config = uvicorn.Config(
        provider.app(), port=port, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    ends = time.monotonic() + 20
    while not server.started and time.monotonic() < ends:
        time.sleep(0.01)
    try:
        yield provider, port
    finally:
        server.should_exit = True
        thread.join(20)
