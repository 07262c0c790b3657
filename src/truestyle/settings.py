"""Settings, and what is wrong with them.

The app is built from a `Settings`, never from the environment directly, so no test sets os.environ.
"""

import os
import re
import shutil
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Self
from urllib.parse import unquote

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError

from truestyle.setting_backups import BackupSettings
from truestyle.setting_exports import ExportSettings
from truestyle.setting_gateways import GatewaySettings, wrong_gateways
from truestyle.setting_groups import (
    AuthSettings,
    DataSettings,
    FileSettings,
    GoogleSettings,
    LimitSettings,
    MailSettings,
    PaymentSettings,
    ShopSettings,
)
from truestyle.setting_hooks import HookSettings, SitemapSettings
from truestyle.setting_kinds import Group, rotating
from truestyle.setting_observing import ObservingSettings
from truestyle.setting_serving import ServingSettings

PASSWORD_IN = re.compile(r"://[^/\s@]*?:([^/\s]+)@")  # of an address
WEAKEST_SECRET = 32  # characters
PLACEHOLDERS = ("change", "secret", "example", "placeholder", "password", "your_", "your-", "some_random", "test")


class SettingsRefusedError(RuntimeError):
    """Settings that cannot be used; each line names a variable and never its value."""


class Settings:
    """All groups."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.shop = ShopSettings.model_validate(values)
        self.data = DataSettings.model_validate(values)
        self.files = FileSettings.model_validate(values)
        self.backups = BackupSettings.model_validate(values)
        self.exports = ExportSettings.model_validate(values)
        self.auth = AuthSettings.model_validate(values)
        self.google = GoogleSettings.model_validate(values)
        self.limits = LimitSettings.model_validate(values)
        self.mail = MailSettings.model_validate(values)
        self.payments = PaymentSettings.model_validate(values)
        self.gateways = GatewaySettings.model_validate(values)
        self.serving = ServingSettings.model_validate(values)
        self.hooks = HookSettings.model_validate(values)
        self.sitemap = SitemapSettings.model_validate(values)
        self.observing = ObservingSettings.model_validate(values)

    @property
    def groups(self) -> tuple[Group, ...]:
        """All of them."""
        return tuple(one for one in vars(self).values() if isinstance(one, Group))

    @classmethod
    def load(
        cls, *, defaults: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, **chosen: Any
    ) -> Self:
        """From `defaults`, then `.env`, then the environment, then `chosen`; later ones win.

        Raises SettingsRefusedError.
        """
        found: dict[str, Any] = dict(defaults or {})
        given = dict(os.environ) if environ is None else dict(environ)
        for source in (dotenv_values(".env") if environ is None else {}, given):
            found |= {name.lower(): value for name, value in source.items() if value}
        try:
            return cls(found | chosen)
        except ValidationError as error:
            lines = [f"{str(*one['loc'][:1]).upper() or 'Settings'}: {one['msg']}" for one in error.errors()]
            raise SettingsRefusedError("\n".join(lines)) from error

    @property
    def refresh_cookie(self) -> str:
        """The cookie's name: in production with the prefix that binds it to this host, HTTPS and path `/`."""
        name = self.auth.refresh_cookie_name.removeprefix("__Host-")
        return f"__Host-{name}" if self.production else self.auth.refresh_cookie_name

    @property
    def google_cookie(self) -> str:
        """The name of the cookie that binds a sign-in with Google to the browser that began it."""
        return "__Host-ts_google" if self.production else "ts_google"

    @property
    def google_callback(self) -> str:
        """Where Google sends people back to."""
        shop = self.shop
        return (
            self.google.redirect_uri or f"{shop.backend_base_url.rstrip('/')}{shop.api_v1_prefix}/auth/google/callback"
        )

    @property
    def production(self) -> bool:
        """Whether unsafe settings must be refused."""
        return self.shop.environment == "production"

    @property
    def docs(self) -> bool:
        """Whether the documentation pages are served."""
        return not self.production if self.limits.docs_enabled is None else self.limits.docs_enabled

    @property
    def metrics(self) -> bool:
        """Whether Prometheus may ask."""
        chosen = self.observing.metrics_enabled
        return not self.production if chosen is None else chosen

    @property
    def sandbox(self) -> bool:
        """Whether the sandbox's make-believe payments are taken."""
        chosen = self.payments.payment_sandbox
        return not self.production if chosen is None else chosen

    @property
    def secrets(self) -> set[str]:
        """Every secret value, and the passwords in addresses: what must never be told."""
        found = set[str]()
        for group in self.groups:
            for value in vars(group).values():
                if isinstance(value, SecretStr):
                    found |= {value.get_secret_value(), *rotating(value)}
                elif isinstance(value, str) and (inside := PASSWORD_IN.search(value)):
                    found |= {inside[1], unquote(inside[1])}
        return found - {""}

    def require_safe(self) -> None:
        """Raises SettingsRefusedError naming every setting that production must not have."""
        wrong = self.wrong()
        if wrong:
            raise SettingsRefusedError("\n".join(wrong))

    def wrong(self) -> list[str]:
        """A sentence for each setting that `serve` would refuse."""
        auth, found = self.auth, list[str]()
        secrets = {
            "JWT_ACCESS_TOKEN_SECRET": rotating(auth.jwt_access_token_secret),
            "JWT_REFRESH_TOKEN_SECRET": rotating(auth.jwt_refresh_token_secret),
            "TOKEN_HASH_PEPPER": rotating(auth.token_hash_pepper),
        }
        for name, values in secrets.items():
            if not values or any(map(_is_weak, values)):
                found.append(f"{name} must be set to at least {WEAKEST_SECRET} random characters.")
            elif any(word in one.lower() for one in values for word in PLACEHOLDERS):
                found.append(f"{name} looks like a placeholder; generate a random one.")
        every = [one for values in secrets.values() for one in values]
        if len(set(every)) < len(every):
            found.append("JWT_ACCESS_TOKEN_SECRET, JWT_REFRESH_TOKEN_SECRET and TOKEN_HASH_PEPPER must all differ.")
        if self.data.mongo_uri is None:
            found.append("MONGO_URI must name a MongoDB replica set.")
        if self.production:
            found += self._wrong_in_production()
        found += wrong_gateways(self.gateways, production=self.production)
        cards = self.payments.card_gateway
        if cards in {"stripe", "razorpay"} and not getattr(self.gateways, cards):
            found.append(f"CARD_GATEWAY is {cards}, whose keys are not set.")
        return [*found, *_wrong_files(self.files), *_wrong_google(self.google, production=self.production)]

    def _wrong_in_production(self) -> list[str]:
        auth = self.auth
        wrong = {
            "REFRESH_COOKIE_SECURE must be true in production.": not auth.refresh_cookie_secure,
            "REFRESH_COOKIE_PATH must be `/` in production.": auth.refresh_cookie_path != "/",
            "MAIL_PAGE must be false in production: it shows everybody's mail.": self.mail.mail_page,
            "CORS_ORIGINS must name the origins: `*` cannot go together with cookies.": "*" in auth.cors_origins,
            "DEBUG must be false in production.": self.shop.debug,
            "WEBHOOK_ALLOW_LOCAL must be false in production.": self.hooks.webhook_allow_local,
        }
        return [words for words, so in wrong.items() if so]


def _is_weak(secret: str) -> bool:
    """Too short, too few different characters, a few of them again and again, or a row of neighbours (1234…, abcd…)."""
    steps = [abs(ord(one) - ord(other)) for one, other in pairwise(secret)]
    rows = sum(step <= 1 for step in steps) > len(steps) / 2
    again = any(secret.startswith(secret[length:]) for length in range(1, len(secret) // 2 + 1))
    return len(secret) < WEAKEST_SECRET or len(set(secret)) < 10 or rows or again  # noqa: PLR2004


def _wrong_files(files: FileSettings) -> list[str]:
    found = list[str]()
    if files.storage_backend == "s3":
        if files.s3_bucket_name is None:
            found.append("S3_BUCKET_NAME must name the bucket, because STORAGE_BACKEND is `s3`.")
        if files.aws_access_key_id is None and files.aws_secret_access_key is not None:
            found.append("AWS_ACCESS_KEY_ID must be set, because AWS_SECRET_ACCESS_KEY is.")
        if files.aws_secret_access_key is None and files.aws_access_key_id is not None:
            found.append("AWS_SECRET_ACCESS_KEY must be set, because AWS_ACCESS_KEY_ID is.")
        if files.s3_endpoint is not None and files.aws_access_key_id is None:
            found.append("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set for the S3_ENDPOINT.")
    if files.scanning and shutil.which(files.scanning[0]) is None:
        found.append("UPLOAD_SCAN_COMMAND names a program that is not installed here.")
    return found


def _wrong_google(google: GoogleSettings, *, production: bool) -> list[str]:
    found = list[str]()
    if google.google_client_id is not None and google.google_client_secret is None:
        found.append("GOOGLE_CLIENT_SECRET must be set, because GOOGLE_CLIENT_ID is.")
    if google.google_client_secret is not None and google.google_client_id is None:
        found.append("GOOGLE_CLIENT_ID must be set, because GOOGLE_CLIENT_SECRET is.")
    secret = google.google_client_secret
    if secret is not None and secret.get_secret_value().lower().startswith(("your", "change", "placeholder")):
        found.append("GOOGLE_CLIENT_SECRET looks like a placeholder; leave it unset to do without Google.")
    for name in ("redirect_uri", "google_discovery_url"):
        if production and (getattr(google, name) or "https://").startswith("http://"):
            found.append(f"{name.upper()} must begin with https:// in production.")
    return found
