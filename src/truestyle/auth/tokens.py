"""Access tokens (JWT) and refresh tokens (a chain that only we can continue)."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OctKey

from truestyle.auth.errors import TokenExpired, TokenInvalid
from truestyle.kit.types import object_id
from truestyle.setting_groups import AuthSettings
from truestyle.setting_kinds import rotating

ISSUER = "truestyle"
ALGORITHM = "HS256"
MFA_LIFE = timedelta(minutes=5)
ORDER_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a token is for; one kind is never taken for another."""

    typ: str
    audience: str


ACCESS, MFA = Kind("at+jwt", "truestyle-api"), Kind("mfa+jwt", "truestyle-mfa")
ORDER = Kind("order+jwt", "truestyle-order")


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says."""

    user_id: ObjectId
    session_id: ObjectId
    expires: int


@dataclass(frozen=True, slots=True)
class Halfway:
    """What a token between password and code says: whose, and which password was right. `key` names it in a row."""

    user_id: ObjectId
    key: bytes
    password: str


class Tokens:
    """Makes and reads tokens with the secrets of the settings."""

    def __init__(self, settings: AuthSettings) -> None:
        # Each is a list, newest first: new tokens are made with the first, those made with the others still hold.
        self._keys = [OctKey.import_key(one) for one in rotating(settings.jwt_access_token_secret)]
        self._chains = [one.encode() for one in rotating(settings.jwt_refresh_token_secret)]
        self._peppers = [one.encode() for one in rotating(settings.token_hash_pepper)]
        self.life = timedelta(minutes=settings.access_token_expire_minutes)

    def access(self, user_id: ObjectId, session_id: ObjectId) -> str:
        """A new access token."""
        return self._make(ACCESS, self.life, sub=str(user_id), sid=str(session_id))

    def read_access(self, raw: str) -> Access:
        """Raises TokenInvalid, TokenExpired."""
        claims = self._read(ACCESS, raw)
        try:
            return Access(object_id(claims.get("sub")), object_id(claims.get("sid")), claims["exp"])
        except ValueError as error:
            raise TokenInvalid from error

    def mfa(self, user_id: ObjectId, password_hash: str | None) -> str:
        """A token for somebody whose password was right and whose code is still wanted."""
        return self._make(MFA, MFA_LIFE, sub=str(user_id), pwd=self._marks(password_hash)[0])

    def read_mfa(self, raw: str) -> Halfway:
        """Raises TokenInvalid, TokenExpired."""
        claims = self._read(MFA, raw)
        password = claims.get("pwd")
        if not isinstance(password, str):
            raise TokenInvalid
        try:
            return Halfway(object_id(claims.get("sub")), self.hash(f"mfa:{claims['jti']}"), password)
        except ValueError as error:
            raise TokenInvalid from error

    def order(self, order_id: ObjectId) -> str:
        """A token for the guest of an order."""
        return self._make(ORDER, ORDER_LIFE, sub=str(order_id))

    def read_order(self, raw: str) -> ObjectId:
        """The order of a guest's token. Raises TokenInvalid, TokenExpired."""
        try:
            return object_id(self._read(ORDER, raw).get("sub"))
        except ValueError as error:
            raise TokenInvalid from error

    def of_password(self, halfway: Halfway, password_hash: str | None) -> bool:
        """Whether the password is still the one that was right."""
        return any(hmac.compare_digest(halfway.password, mark) for mark in self._marks(password_hash))

    def _marks(self, password_hash: str | None) -> list[str]:
        return [one.hex()[:32] for one in self.hashes(f"password:{password_hash}")]

    def _make(self, kind: Kind, life: timedelta, **claims: str) -> str:
        issued = int(time.time())
        stamp = {"jti": secrets.token_hex(12), "iat": issued, "exp": issued + int(life.total_seconds())}
        body = {"iss": ISSUER, "aud": kind.audience, **claims, **stamp}
        return jwt.encode({"alg": ALGORITHM, "typ": kind.typ}, body, self._keys[0], algorithms=[ALGORITHM])

    def _read(self, kind: Kind, raw: str) -> dict[str, Any]:
        token = self._opened(raw)
        claims = token.claims
        expires, issued = claims.get("exp"), claims.get("iat")
        if type(expires) is not int or type(issued) is not int:
            raise TokenInvalid
        genuine = (
            token.header.get("typ") == kind.typ
            and claims.get("iss") == ISSUER
            and claims.get("aud") == kind.audience
            and isinstance(claims.get("jti"), str)
        )
        if not genuine:
            raise TokenInvalid
        if expires <= time.time():
            raise TokenExpired
        return claims

    def _opened(self, raw: str) -> jwt.Token:
        for key in self._keys:
            try:
                return jwt.decode(raw, key, algorithms=[ALGORITHM])
            except BadSignatureError:
                continue
            except (JoseError, ValueError, TypeError) as error:
                raise TokenInvalid from error
        raise TokenInvalid

    def first_refresh(self, session_id: ObjectId) -> str:
        """The first refresh token of a session: its id and 256 random bits."""
        return f"{session_id}.{secrets.token_urlsafe(32)}"

    def successors(self, refresh: str) -> list[str]:
        """The token that follows: the same one whenever it is asked for, so that a lost answer can be repeated.

        One for each secret that is still good, newest first.
        """
        session_id = refresh.partition(".")[0]
        return [f"{session_id}.{hmac.new(one, refresh.encode(), hashlib.sha256).hexdigest()}" for one in self._chains]

    def hash(self, refresh: str) -> bytes:
        """How a refresh token is stored."""
        return self.hashes(refresh)[0]

    def hashes(self, refresh: str) -> list[bytes]:
        """How it is, or was, stored: one for each pepper that is still good, newest first."""
        return [hmac.new(one, refresh.encode(), hashlib.sha256).digest() for one in self._peppers]
