"""Access tokens (JWT) and refresh tokens (a chain that only we can continue)."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OctKey

from truestyle.auth.errors import TokenExpired, TokenInvalid
from truestyle.kit.types import object_id
from truestyle.setting_groups import AuthSettings, rotating

ISSUER, AUDIENCE, ACCESS = "truestyle", "truestyle-api", "at+jwt"
ALGORITHM = "HS256"
LEEWAY = 0


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says."""

    user_id: ObjectId
    session_id: ObjectId
    expires: int


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
        issued = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": secrets.token_hex(12),
            "iat": issued,
            "exp": issued + int(self.life.total_seconds()),
        }
        return jwt.encode({"alg": ALGORITHM, "typ": ACCESS}, claims, self._keys[0], algorithms=[ALGORITHM])

    def read_access(self, raw: str) -> Access:
        """Raises TokenInvalid, TokenExpired."""
        token = self._opened(raw)
        claims = token.claims
        expires, issued = claims.get("exp"), claims.get("iat")
        if type(expires) is not int or type(issued) is not int:
            raise TokenInvalid
        genuine = (
            token.header.get("typ") == ACCESS
            and claims.get("iss") == ISSUER
            and claims.get("aud") == AUDIENCE
            and isinstance(claims.get("jti"), str)
        )
        if not genuine:
            raise TokenInvalid
        if expires <= time.time():
            raise TokenExpired
        try:
            return Access(object_id(claims.get("sub")), object_id(claims.get("sid")), expires)
        except ValueError as error:
            raise TokenInvalid from error

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
