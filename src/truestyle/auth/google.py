"""Signing in with Google: a ticket for the browser, and the account that belongs to whoever comes back.

What a sign-in must remember (state, nonce, PKCE verifier, where to go after) is in a cookie of the browser that began
it, locked so that it can neither be read nor made; nothing is stored until somebody comes back with it. Then its state
is used up, in MongoDB, before anything else happens.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from pydantic import TypeAdapter, ValidationError

from truestyle.auth import letters
from truestyle.auth.errors import AccountSuspended, EmailNotVerified, NotLinked, OAuthStateInvalid
from truestyle.auth.service import CodeAsked, Device, Issued, Keys, let_in, open_account
from truestyle.infra.box import Box, BoxLockedError
from truestyle.infra.oidc import Identity, IdentityRefusedError, Provider
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate, ValidationFailed
from truestyle.kit.types import Email, Line
from truestyle.settings import Settings
from truestyle.store import Store
from truestyle.users.models import GoogleIdentity, User, UserStatus

LIFE = timedelta(minutes=10)
BOUND = "sign-in with Google"
PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII but `\`, which browsers read as `/`
UNVERIFIED = "Google has not confirmed this e-mail address."
_email, _line = TypeAdapter[str](Email), TypeAdapter[str](Line)
log = structlog.get_logger("google")


@dataclass(frozen=True)
class Ticket:
    """What a browser carries while its owner is at Google's."""

    state: str
    nonce: str
    verifier: str
    next: str | None
    expires_at: datetime


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and the locked ticket to give it."""

    address: str
    ticket: str


def target(settings: Settings, wanted: str | None) -> str | None:
    """Where somebody may be sent after signing in: a path of the shop, or a page of an origin that the settings name.

    Raises ValidationFailed for every other place.
    """
    if wanted is None:
        return None
    shop = (settings.mail.frontend_url or "").rstrip("/")
    plain = PLAIN.fullmatch(wanted) is not None
    if plain and wanted.startswith("/") and not wanted.startswith("//"):
        return shop + wanted
    known = {_origin(one) for one in (shop, *settings.auth.cors_origins)} - {None}
    if not plain or _origin(wanted) not in known:
        raise ValidationFailed("must be a path, or begin with FRONTEND_URL or one of CORS_ORIGINS", ("query", "next"))
    return wanted


def _origin(url: str) -> str | None:
    """`https://shop.example.com` of any address there; None for what is none. A user name makes it another one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme in {"http", "https"} and parts.netloc else None


def told(place: str, code: str) -> str:
    """The address with `error=code` added, for whoever has to be told there that nobody was signed in."""
    parts = urlsplit(place)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("error", code)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def asked(place: str, token: str) -> str:
    """The address with the token of the question for a code in its fragment, which no server sees."""
    return urlunsplit(urlsplit(place)._replace(fragment=urlencode({"mfa_token": token})))


async def begin(box: Box, provider: Provider, place: str | None) -> Begun:
    """Begin a sign-in that ends at `place`. Raises Unavailable."""
    state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    content = {
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "next": place or "",
        "expires_at": (clock.now() + LIFE).isoformat(),
    }
    locked = base64.urlsafe_b64encode(box.lock(content, BOUND)).decode().rstrip("=")
    return Begun(await provider.address(state, nonce, verifier), locked)


async def use(store: Store, box: Box, cookie: str | None, state: str | None) -> Ticket:
    """The ticket that this browser was given for this state; it works once, anywhere. Raises OAuthStateInvalid."""
    ticket = _opened(box, cookie or "")
    if ticket is None or not hmac.compare_digest(ticket.state.encode(), (state or "").encode()):
        log.info("google_refused", reason="state")
        raise OAuthStateInvalid
    if ticket.expires_at <= clock.now():
        log.info("google_refused", reason="too late")
        raise OAuthStateInvalid
    used = hashlib.sha256(ticket.state.encode()).digest()
    if not await store.revocations.once(used, ticket.expires_at + LIFE):
        log.warning("google_refused", reason="used before")
        raise OAuthStateInvalid
    return ticket


def _opened(box: Box, cookie: str) -> Ticket | None:
    try:
        content = box.open(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)), BOUND)
        expires_at = datetime.fromisoformat(content["expires_at"])
    except (BoxLockedError, ValueError):
        return None
    return Ticket(content["state"], content["nonce"], content["verifier"], content["next"] or None, expires_at)


async def finish(
    store: Store, keys: Keys, provider: Provider, ticket: Ticket, code: str, device: Device
) -> Issued | CodeAsked:
    """Sign in whoever came back with this code; people who were never here get an account.

    Raises OAuthStateInvalid, EmailNotVerified, NotLinked, AccountSuspended, Unavailable.
    """
    try:
        who = await provider.identify(code, ticket.nonce, ticket.verifier)
    except IdentityRefusedError as error:
        log.warning("google_refused", reason=str(error))
        raise OAuthStateInvalid from error
    try:
        user = await _account(store, who)
    except Duplicate:  # the same person, twice at once: the other one was first
        user = await _account(store, who)
    return await let_in(store, keys, user, device)


async def _account(store: Store, who: Identity) -> User:
    """The account of a person of Google's: theirs already, linked now, or new."""
    known = await store.users.by_google(who.issuer, who.subject)
    if known is not None:
        return known
    try:
        email = _email.validate_python(who.email)
    except ValidationError as error:
        raise EmailNotVerified(UNVERIFIED) from error
    if not who.email_verified:  # else somebody could wait in the account of an address that is not theirs
        raise EmailNotVerified(UNVERIFIED)
    identity = GoogleIdentity(issuer=who.issuer, subject=who.subject, email=email, linked_at=clock.now())
    found = await store.users.by_email(email)
    return await _open(store, who, identity) if found is None else await _link(store, found, identity)


async def _open(store: Store, who: Identity, identity: GoogleIdentity) -> User:
    user = User(email=identity.email, full_name=_name(who, identity.email), email_verified=True, google=identity)
    await store.transaction(lambda tx: open_account(tx, user))
    return user


async def _link(store: Store, user: User, identity: GoogleIdentity) -> User:
    """Both sides know the address to be this person's, and no other person of Google's signs in there."""
    if user.status is UserStatus.SUSPENDED:
        raise AccountSuspended

    async def work(tx: Store) -> User:
        where = {"email": identity.email, "email_verified": True, "google": None}
        linked = await tx.users.change(user.id, {"$set": {"google": identity.model_dump()}}, where=where)
        if linked is None:
            raise NotLinked
        await letters.write(tx, letters.GOOGLE_LINKED, linked.email, {"name": linked.full_name, "at": clock.now()})
        return linked

    return await store.transaction(work)


def _name(who: Identity, email: str) -> str:
    try:
        return _line.validate_python((who.name or "")[:200])
    except ValidationError:
        return email.partition("@")[0]
