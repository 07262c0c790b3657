"""Signing people in with an OpenID provider: where to send them, and who it is that comes back.

What the provider says is checked as OpenID Connect Core 1.0, 3.1.3.7, wants it: the signature by one of its keys,
issuer, audience, nonce and times. Every question has a deadline; what it says of itself is kept for an hour.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from truestyle.kit.errors import Unavailable

WELL_KNOWN = "/.well-known/openid-configuration"
CONNECT, SILENCE, WHOLE = 2.0, 3.0, 6.0  # seconds: to connect, without a byte, for all that one sign-in asks
FRESH = 3600.0  # seconds that the provider's endpoints and keys are kept
LEEWAY = 30  # seconds that its clock and ours may differ
LARGEST = 256 * 1024  # bytes of an answer
ALGORITHMS = ("RS256", "ES256")
SCOPE = "openid email profile"
OK, BAD_REQUEST = 200, 400
log = structlog.get_logger("oidc")


class IdentityRefusedError(Exception):
    """What came back shows nobody's identity: a wrong code or verifier, or a token that is not for us."""


@dataclass(frozen=True)
class Registration:
    """What we are to the provider."""

    discovery_url: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True)
class Identity:
    """Somebody, as the provider knows them; (issuer, subject) is theirs for ever, the address may change."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None


@dataclass(frozen=True)
class _Endpoints:
    issuer: str
    authorization: str
    token: str
    keys: str
    read_at: float


class Provider:
    """One provider that we are registered with."""

    def __init__(self, registration: Registration) -> None:
        self._us = registration
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(SILENCE, connect=CONNECT))
        self._known: _Endpoints | None = None
        self._keys: KeySet | None = None
        self._keys_read_at = float("-inf")

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where to send somebody's browser. Raises Unavailable."""
        async with _deadline():
            known = await self._endpoints()
        address: str = prepare_grant_uri(
            known.authorization,
            self._us.client_id,
            "code",
            self._us.redirect_uri,
            SCOPE,
            state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return address

    async def identify(self, code: str, nonce: str, verifier: str) -> Identity:
        """Who came back with this code. Raises IdentityRefusedError, Unavailable."""
        async with _deadline():
            known = await self._endpoints()
            tokens = await self._exchange(known, code, verifier)
            raw = tokens.get("id_token")
            if not isinstance(raw, str):
                raise IdentityRefusedError("no id_token")
            token = await self._opened(known, raw)
        return self._checked(known, token, nonce, tokens.get("access_token"))

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    async def _endpoints(self) -> _Endpoints:
        if self._known is not None and time.monotonic() - self._known.read_at < FRESH:
            return self._known
        told = await self._json("GET", self._us.discovery_url)
        names = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        texts = [str(told.get(name, "")) for name in names]
        # The issuer is where it says that it is (Discovery 1.0, 4.3), and nothing secret goes there in clear.
        encrypted = self._us.discovery_url.startswith("https://")
        if texts[0].rstrip("/") + WELL_KNOWN != self._us.discovery_url:
            raise _failed("is not the issuer that it names")
        if not all(one.startswith("https://" if encrypted else ("https://", "http://")) for one in texts):
            raise _failed("has endpoints without TLS")
        self._known = _Endpoints(texts[0], texts[1], texts[2], texts[3], time.monotonic())
        return self._known

    async def _exchange(self, known: _Endpoints, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": self._us.redirect_uri,
            "client_id": self._us.client_id,
            "client_secret": self._us.client_secret,
        }
        return await self._json("POST", known.token, form)

    async def _opened(self, known: _Endpoints, raw: str) -> jwt.Token:
        """The token, if one of the provider's keys signed it; a key that we have not seen may be a new one."""
        try:
            try:
                return _decoded(raw, await self._key_set(known))
            except InvalidKeyIdError:
                return _decoded(raw, await self._key_set(known, again=True))
        except (JoseError, ValueError, TypeError) as error:
            raise IdentityRefusedError(type(error).__name__) from error

    async def _key_set(self, known: _Endpoints, *, again: bool = False) -> KeySet:
        if again or self._keys is None or time.monotonic() - self._keys_read_at > FRESH:
            told: Any = await self._json("GET", known.keys)
            try:
                self._keys = KeySet.import_key_set(told)
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise _failed("has no keys that can be read") from error
            self._keys_read_at = time.monotonic()
        return self._keys

    def _checked(self, known: _Endpoints, token: jwt.Token, nonce: str, access_token: object) -> Identity:
        us = self._us.client_id
        # Google calls itself with and without `https://`; its identities are kept under the one that it discovers as.
        issuers = [known.issuer, known.issuer.removeprefix("https://")]
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "values": issuers}},
            {"nonce": nonce, "client_id": us, "access_token": access_token},
        )
        try:
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise IdentityRefusedError(str(error)[:100]) from error
        subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
        # A token that is for somebody else too could have been shown to us by them.
        if claims["aud"] not in (us, [us]) or not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004
            raise IdentityRefusedError("aud or sub")
        return Identity(
            known.issuer,
            subject,
            email if isinstance(email, str) else None,
            claims.get("email_verified") is True,
            name if isinstance(name, str) else None,
        )

    async def _json(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """An answer of the provider, of bounded size. Raises IdentityRefusedError, Unavailable."""
        content = bytearray()
        try:
            async with self._http.stream(method, url, data=form, headers={"accept": "application/json"}) as answer:
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > LARGEST:
                        raise _failed("says too much")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failed(type(error).__name__) from error
        try:
            told = httpx.Response(OK, content=bytes(content)).json()
        except ValueError as error:
            raise _failed(f"answers {answer.status_code} without JSON") from error
        if not isinstance(told, dict):
            raise _failed(f"answers {answer.status_code} without an object")
        if answer.status_code == BAD_REQUEST and told.get("error") in {"invalid_grant", "invalid_request"}:
            raise IdentityRefusedError(str(told["error"]))
        if (
            answer.status_code != OK
        ):  # what is left is between the provider and us: our secret, our address, its trouble
            raise _failed(f"answers {answer.status_code} {str(told.get('error'))[:40]}")
        return told


def _decoded(raw: str, keys: KeySet) -> jwt.Token:
    return jwt.decode(raw, keys, algorithms=ALGORITHMS)


def _failed(words: str) -> Unavailable:
    log.warning("provider_failed", what=words)
    return Unavailable("Signing in with Google does not work just now. Try again shortly.")


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    """All that one step asks of the provider must be answered in WHOLE seconds. Raises Unavailable."""
    try:
        async with asyncio.timeout(WHOLE):
            yield
    except TimeoutError as late:
        raise _failed("takes too long") from late
