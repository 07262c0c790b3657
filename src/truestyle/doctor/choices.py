"""What the settings say, by themselves: no server is asked."""

import importlib.util
from collections.abc import Iterator
from urllib.parse import urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri
from redis.asyncio import Redis
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from truestyle.doctor.models import Finding, good, note, wrong
from truestyle.settings import Settings
from truestyle.users import addresses

PART = "settings"
HERE = {"localhost", "127.0.0.1", "0.0.0.0", "::1"}  # noqa: S104 - a comparison
SSL_PORT, STARTTLS_PORT = 465, 587


def look(settings: Settings, *, brings_own: bool) -> Iterator[Finding]:
    """Everything about them. `brings_own`: a local store, whose MongoDB is started by `truestyle`."""
    found = [
        *_unsafe(settings, brings_own=brings_own),
        *_addresses(settings),
        *_browsers(settings),
        *_databases(settings),
        *_mail(settings),
        *_watching(settings),
        *_shop(settings),
    ]
    yield from found
    if not any(one.verdict.value == "wrong" for one in found):
        yield good(PART, f"The settings are fit for {settings.shop.environment}.")


def _unsafe(settings: Settings, *, brings_own: bool) -> Iterator[Finding]:
    for line in settings.wrong():
        if settings.production or not (brings_own and line.startswith("MONGO_URI")):
            yield wrong(PART, line)


def _addresses(settings: Settings) -> Iterator[Finding]:
    shop, given = settings.shop, urlsplit(settings.shop.backend_base_url)
    if given.scheme not in {"http", "https"} or not given.hostname:
        yield wrong(PART, "BACKEND_BASE_URL must be an address like https://api.example.com: links in mails need it.")
    elif given.path.rstrip("/").endswith(shop.api_v1_prefix):
        yield wrong(PART, f"BACKEND_BASE_URL ends in {shop.api_v1_prefix}, which is added to it: leave that away.")
    elif settings.production and given.hostname in HERE:
        yield wrong(PART, "BACKEND_BASE_URL names this machine, which nobody can reach: set the public address.")
    elif settings.production and given.scheme == "http":
        yield wrong(PART, "BACKEND_BASE_URL begins with http://: set the https:// address that people use.")
    page = urlsplit(settings.mail.frontend_url or "https://unset")
    if page.scheme not in {"http", "https"} or not page.hostname:
        yield wrong(PART, "FRONTEND_URL must be an address like https://shop.example.com: links in mails lead there.")
    elif settings.production and (page.scheme == "http" or page.hostname in HERE):
        yield wrong(PART, "FRONTEND_URL must be the shop's public https:// address: links in mails lead there.")
    if settings.production and not settings.limits.trusted_proxies:
        yield note(
            PART, "TRUSTED_PROXIES is empty: if a proxy stands in front, name it, or all clients share its address."
        )
    if settings.production and not settings.limits.rate_limit_enabled:
        yield wrong(
            PART, "RATE_LIMIT_ENABLED is false in production: anybody may ask as often as they like; set it true."
        )


def _browsers(settings: Settings) -> Iterator[Finding]:
    auth = settings.auth
    if auth.refresh_cookie_samesite == "none" and not auth.refresh_cookie_secure:
        yield wrong(
            PART, "REFRESH_COOKIE_SAMESITE=none needs REFRESH_COOKIE_SECURE=true: browsers drop the cookie else."
        )
    plain = [one for one in auth.cors_origins if one.startswith("http://")]
    if settings.production and plain:
        yield wrong(PART, f"CORS_ORIGINS has {plain[0]}, which is not encrypted: name its https:// address instead.")
    if settings.production and not auth.cors_origins:
        yield note(PART, "CORS_ORIGINS is empty: if browsers of another origin shall call, name that origin.")
    if settings.production and not auth.mfa_required_for_admins:
        yield note(PART, "MFA_REQUIRED_FOR_ADMINS is false: set it true, so that a lost password is no lost store.")
    if settings.production and auth.seed_admin_password is not None:
        yield note(PART, "SEED_ADMIN_PASSWORD is still set: once the admin is there it does nothing, so remove it.")


def _databases(settings: Settings) -> Iterator[Finding]:
    data = settings.data
    if data.mongo_uri is not None:
        yield from _mongo(data.mongo_uri, data.mongo_db)
    if data.postgresql_uri is not None:
        try:
            kind = make_url(data.postgresql_uri).drivername
        except ArgumentError:
            kind = ""
        if kind not in {"postgresql", "postgres", "postgresql+asyncpg"}:
            yield wrong(PART, "POSTGRESQL_URI cannot be used: write postgresql://name:password@host:5432/database.")
    elif settings.production:
        yield note(
            PART, "POSTGRESQL_URI is unset: logs and contact messages are in a file of this machine; set it to share."
        )
    if data.redis_host is not None:
        try:
            Redis.from_url(data.redis_host if "://" in data.redis_host else f"redis://{data.redis_host}")
        except ValueError:
            yield wrong(PART, "REDIS_HOST cannot be read: write redis://host:6379/0, or leave it unset.")


def _mongo(uri: str, database: str) -> Iterator[Finding]:
    if "<" in uri or ":password@" in uri:
        yield wrong(PART, "MONGO_URI still has a placeholder in it: put the real name and password there.")
        return
    try:
        parsed = parse_uri(uri, validate=True, warn=False)
    except (PyMongoError, ValueError):
        yield wrong(
            PART, "MONGO_URI cannot be read: write mongodb://host1,host2/?replicaSet=rs0, and escape the password."
        )
        return
    options = {name.lower(): value for name, value in parsed["options"].items()}
    if "replicaset" not in options and not uri.startswith("mongodb+srv"):
        yield note(PART, "MONGO_URI names no replicaSet: add ?replicaSet=NAME, so that a new primary is found.")
    if options.get("readpreference", "primary").lower() != "primary":
        yield wrong(
            PART, "MONGO_URI has a readPreference: remove it, because an order must be read where it was written."
        )
    if options.get("w", "majority") != "majority" or options.get("journal") is False:
        yield note(
            PART, "MONGO_URI has a write concern, which does nothing here: a majority, journaled, is always asked."
        )
    if parsed["database"] and parsed["database"] != database:
        yield note(
            PART, f"MONGO_URI names a database, and MONGO_DB another one, which holds ({database}): make them equal."
        )


def _mail(settings: Settings) -> Iterator[Finding]:
    mail = settings.mail
    if mail.mail_backend == "console":
        if settings.production:
            yield wrong(PART, "MAIL_BACKEND is console: no mail leaves the store; set smtp and MAIL_SERVER.")
        return
    if mail.mail_port == SSL_PORT and not mail.mail_ssl_tls:
        yield wrong(
            PART, "MAIL_PORT 465 speaks TLS from the first byte: set MAIL_SSL_TLS=true (and MAIL_STARTTLS=false)."
        )
    if mail.mail_port == STARTTLS_PORT and mail.mail_ssl_tls:
        yield wrong(PART, "MAIL_PORT 587 begins in clear: set MAIL_STARTTLS=true and MAIL_SSL_TLS=false.")
    if settings.production and mail.mail_username and not (mail.mail_starttls or mail.mail_ssl_tls):
        yield wrong(PART, "MAIL_PASSWORD would be sent in clear: set MAIL_STARTTLS=true or MAIL_SSL_TLS=true.")
    if settings.production and not mail.validate_certs:
        yield wrong(PART, "VALIDATE_CERTS is false: anybody in between could read the mail; set it true.")
    if mail.mail_from.endswith("@localhost"):
        yield wrong(PART, "MAIL_FROM is store@localhost, which servers refuse: set an address of your domain.")


def _watching(settings: Settings) -> Iterator[Finding]:
    ours = settings.observing
    if ours.otel_enabled and not _there("opentelemetry.sdk"):
        yield wrong(PART, "OTEL_ENABLED needs an extra that is not installed: install truestyle[otel], or unset it.")
    if ours.sentry_dsn.get_secret_value() and not _there("sentry_sdk"):
        yield wrong(PART, "SENTRY_DSN needs an extra that is not installed: install truestyle[sentry], or unset it.")
    if settings.production and not settings.mail.alert_email:
        yield note(PART, "ALERT_EMAIL is unset: name who shall hear when the books are not in order.")
    backups = settings.backups
    if backups.backup_s3_bucket is not None and not backups.backup_enc_key.get_secret_value():
        yield note(
            PART, "BACKUP_ENC_KEY is unset, so copies in BACKUP_S3_BUCKET can be read by who has them: set a key."
        )


def _shop(settings: Settings) -> Iterator[Finding]:
    shop = settings.shop
    if addresses.state_key(shop.store_state) not in addresses.STATE_CODES:
        yield wrong(PART, f"STORE_STATE {shop.store_state} is no state of India: taxes depend on it, so mend the name.")
    try:
        _ = shop.zone
    except (KeyError, ValueError, OSError):
        yield wrong(PART, f"STORE_TIMEZONE {shop.store_timezone} is unknown: write one like Asia/Kolkata.")


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is not there either
        return False
