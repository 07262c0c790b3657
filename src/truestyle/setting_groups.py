"""The groups of settings: small, typed, under the seeds' flat environment names."""

import re
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, field_validator, model_validator

from truestyle.infra.http.clients import networks
from truestyle.infra.rates import RATE
from truestyle.kit.cron import Cron
from truestyle.kit.money import Money
from truestyle.kit.types import Email
from truestyle.setting_backups import BackupSettings
from truestyle.setting_exports import ExportSettings
from truestyle.setting_gateways import GatewaySettings
from truestyle.setting_hooks import HookSettings, SitemapSettings
from truestyle.setting_kinds import KNOWN_SERVERS, Group, Listed, comma_separated, rotating
from truestyle.setting_observing import ObservingSettings
from truestyle.setting_serving import ServingSettings
from truestyle.shipping.carriers import require_pages

ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
LADDER = (160, 320, 480, 640, 960, 1280, 1920)  # widths in pixels that pictures are offered in
THUMBNAILS = (160, 320, 640)


class ShopSettings(Group):
    """The shop itself."""

    project_name: str = Field("True Style", description="The name of the store.")
    api_v1_prefix: str = Field("/api/v1", description="Base path of the API.", pattern=r"^(/[A-Za-z0-9_-]+)+$")
    backend_base_url: str = Field("http://localhost:8000", description="Public address, used in links and file URLs.")
    environment: Literal["development", "test", "production"] = Field(
        "development", description="`production` refuses unsafe settings at start."
    )
    debug: bool = Field(
        default=False,
        description="Other backends show tracebacks then; here it does nothing, and production refuses it.",
    )
    store_timezone: str = Field("Asia/Kolkata", description="Time zone of business days and financial years.")
    store_state: str = Field("Karnataka", description="State the store ships from: CGST+SGST inside it, IGST outside.")
    currency: Literal["INR"] = Field("INR", description="The store's currency.")
    max_quantity_per_line: int = Field(10, ge=1, le=1000, description="Most pieces of one SKU in a cart.")
    max_cart_lines: int = Field(50, ge=1, le=200, description="Most lines in a cart.")
    guest_cart_days: int = Field(30, ge=1, le=365, description="Days a guest's cart is kept after its last change.")
    shipping_fee: Money = Field(0, validate_default=False, description="Flat shipping charge, tax included.")
    free_shipping_from: Money | None = Field(None, description="Goods total from which shipping is free.")
    cod_fee: Money = Field(0, validate_default=False, description="Charge for cash on delivery, tax included.")
    cod_ceiling: Money = Field(
        50_000_00, validate_default=False, description="Highest order total payable on delivery, in rupees."
    )
    cod_pincodes: Listed = Field([], description="PIN codes where cash on delivery is offered; empty means all.")
    delivery_days: int = Field(5, ge=1, le=60, description="Days from order to estimated delivery.")
    return_window_days: int = Field(7, ge=0, le=365, description="Days from delivery to send goods back.")
    tracking_urls: Annotated[Listed, AfterValidator(require_pages)] = Field(
        [],
        description="Where parcels can be watched, beside the carriers that are known: `name=https://…{number}`, …",
    )
    low_stock_to: Annotated[list[Email], BeforeValidator(comma_separated)] = Field(
        [], description="Addresses that get a mail when a SKU runs low; empty: only logged."
    )
    idempotency_lease_seconds: int = Field(
        30, ge=1, le=600, description="Seconds after which a crashed request's Idempotency-Key can be used again."
    )
    order_prefix: str = Field("TS", pattern=r"^[A-Z]{1,4}$", description="Prefix of order numbers.")
    invoice_prefix: str = Field("TS", pattern=r"^[A-Z0-9]{1,3}$", description="Prefix of invoice numbers.")
    credit_note_prefix: str = Field(
        "TC", pattern=r"^[A-Z0-9]{1,3}$", description="Prefix of credit note numbers; another than that of invoices."
    )
    hsn_digits: Literal["4", "6"] = Field(
        "4", description="Digits of HSN codes on invoices: 6 where last year's turnover was above 5 crore rupees."
    )

    @model_validator(mode="after")
    def _two_series(self) -> Self:
        if self.invoice_prefix == self.credit_note_prefix:
            msg = "INVOICE_PREFIX and CREDIT_NOTE_PREFIX must differ"
            raise ValueError(msg)
        return self

    def file_url(self, file_id: object) -> str:
        """The public address of a file."""
        return f"{self.backend_base_url.rstrip('/')}{self.api_v1_prefix}/files/{file_id}"

    def thumbnails(self, file_id: object) -> dict[str, str]:
        """Addresses of smaller copies of a picture, by width in pixels."""
        whole = self.file_url(file_id)
        return {str(width): f"{whole}?w={width}&format=webp" for width in THUMBNAILS}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the shop's days begin and end."""
        return ZoneInfo(self.store_timezone)


class DataSettings(Group):
    """Where data lives."""

    mongo_uri: str | None = Field(None, description="MongoDB replica set. `truestyle dev` brings its own when unset.")
    mongo_db: str = Field("truestyle", description="Database name.")
    gridfs_bucket: str = Field("images", description="GridFS bucket of files.")
    redis_host: str | None = Field(None, description="Redis URL for the shared cache; in-process when unset.")
    perm_cache_ttl_seconds: int = Field(3600, ge=1, description="Longest life of a cached permission policy.")
    postgresql_uri: str | None = Field(
        None,
        validation_alias=AliasChoices("postgresql_uri", "database_url"),
        description="PostgreSQL for logs and contact messages; SQLite in the data folder when unset.",
    )
    page_cache_bytes: int = Field(
        67_108_864, ge=0, description="Bytes of public answers that each process keeps in memory; 0 keeps none."
    )
    log_requests: bool = Field(
        default=True,
        description="Keep a row of each request in SQL (`/logs`), but for those answered from the page cache.",
    )
    audit_cron: Cron = Field(
        "30 2 * * *",
        description="When every invariant is checked, as in crontab, in the store's time zone; or `never`.",
    )
    log_retention_days: int = Field(180, ge=1, le=3650, description="Days that log rows are kept.")
    truestyle_data: Path = Field(Path(".truestyle"), description="Folder of the embedded servers and SQLite.")
    upload_max_bytes: int = Field(5_242_880, ge=1024, description="Largest upload, in bytes.")
    upload_allowed_types: Listed = Field(
        ["image/jpeg", "image/png", "image/webp"], description="Types of uploads, told by their bytes."
    )
    import_max_bytes: int = Field(33_554_432, ge=1024, description="Largest catalogue file to import, in bytes.")


class FileSettings(Group):
    """Where files are kept, and who looks at them before."""

    storage_backend: Literal["gridfs", "s3"] = Field(
        "gridfs", description="Where the bytes of files are kept: in MongoDB (`gridfs`), or in a bucket (`s3`)."
    )
    s3_bucket_name: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Bucket of `s3`; its keys begin with `files/`."
    )
    s3_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/@]+/?$",
        validation_alias=AliasChoices("s3_endpoint", "aws_endpoint_url_s3", "aws_endpoint_url"),
        description="Address of an S3 that is not Amazon's (MinIO, LocalStack, …): `http://` or `https://`.",
    )
    aws_region: str = Field(
        "us-east-1",
        pattern=r"^[a-z0-9-]{1,40}$",
        validation_alias=AliasChoices("aws_region", "aws_default_region"),
        description="Region of the bucket.",
    )
    aws_access_key_id: str | None = Field(
        None, description="Key of `s3`; without one, what the machine or container itself is given by AWS."
    )
    aws_secret_access_key: SecretStr | None = Field(None, description="The secret of that key.")
    aws_session_token: SecretStr | None = Field(None, description="Its token, where the key is a temporary one.")
    upload_scan_command: str | None = Field(
        None,
        description="Command that looks at each file before it is kept, from stdin or as `{path}`, such as "
        "`clamdscan --no-summary -`. Exit code 0: clean; 1: refused; anything else: nothing is kept (503).",
    )
    upload_scan_seconds: float = Field(20, gt=0, le=300, description="Longest time that the command may take.")

    @field_validator("upload_scan_command")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None and not shlex.split(value):
            raise ValueError("must name a program")
        return value

    @property
    def scanning(self) -> tuple[str, ...]:
        """The program that looks at files, and its arguments; empty without one."""
        return tuple(shlex.split(self.upload_scan_command or ""))


class AuthSettings(Group):
    """Tokens, cookies and who may call from a browser."""

    jwt_access_token_secret: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("jwt_access_token_secret", "jwt_secret_key", "secret_key"),
        description="Signs access tokens; at least 32 characters. Newest first where several are good, with commas.",
    )
    jwt_refresh_token_secret: SecretStr = Field(
        SecretStr(""), description="Derives refresh tokens. May be a list, as above."
    )
    token_hash_pepper: SecretStr = Field(
        SecretStr(""),
        description="Keys the hashes of stored tokens and codes, and the audit trail. May be a list, as above.",
    )
    card_enc_key: SecretStr = Field(
        SecretStr(""),
        description="Fernet key under which card numbers are kept; may be a list, as above. Unset: no number is kept.",
    )
    jwt_algorithm: Literal["HS256"] = Field("HS256", description="HS256; anything else is refused.")
    access_token_expire_minutes: int = Field(30, ge=1, le=1440, description="Life of an access token.")
    refresh_token_expire_days: int = Field(30, ge=1, le=365, description="Longest life of a session.")
    refresh_cookie_name: str = Field("ts_rt", pattern=r"^[A-Za-z0-9_-]+$", description="Name of the refresh cookie.")
    refresh_cookie_path: str = Field("/", description="Path of the refresh cookie.")
    refresh_cookie_secure: bool = Field(
        default=False, description="Send the cookie over HTTPS only; must be true in production."
    )
    refresh_cookie_samesite: Literal["lax", "strict", "none"] = Field("lax", description="SameSite of the cookie.")
    refresh_cookie_max_age_days: int = Field(30, ge=1, le=365, description="Max-Age of the cookie.")
    cors_origins: Listed = Field([], description="Origins allowed to call from a browser, comma-separated.")
    email_verification: Literal["required", "optional"] = Field(
        "optional", description="Whether people must confirm their e-mail address before they can sign in."
    )
    password_scheme: Literal["argon2id", "bcrypt_sha256"] = Field(
        "argon2id", description="How new passwords are hashed; hashes of the other kinds are verified and replaced."
    )
    mfa_required_for_admins: bool = Field(
        default=False, description="Administrators may do nothing but switch MFA on until they have."
    )
    seed_admin_email: str | None = Field(None, description="E-mail of the first admin.")
    seed_admin_password: SecretStr | None = Field(None, description="Password of the first admin.")

    @field_validator("card_enc_key")
    @classmethod
    def _are_fernet_keys(cls, value: SecretStr) -> SecretStr:
        for one in rotating(value):
            try:
                Fernet(one)
            except ValueError as error:
                msg = "must be Fernet keys (32 random bytes in URL-safe base64)"
                raise ValueError(msg) from error
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        found = [one.rstrip("/").lower() for one in value]
        if not all(one == "*" or ORIGIN.fullmatch(one) for one in found):
            msg = "must be origins like https://shop.example, without a path"  # and never `null`, which anybody can be
            raise ValueError(msg)
        return found


class GoogleSettings(Group):
    """Signing in with Google; off while GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are unset."""

    google_client_id: str | None = Field(None, description="Client id from the Google Cloud console.")
    google_client_secret: SecretStr | None = Field(None, description="Its secret.")
    redirect_uri: str | None = Field(
        None,
        pattern=r"^https?://[^\s#]+$",
        description="Where Google sends people back to, as registered there; when unset, "
        "BACKEND_BASE_URL with `/api/v1/auth/google/callback`.",
    )
    google_discovery_url: str = Field(
        "https://accounts.google.com/.well-known/openid-configuration",
        pattern=r"^https?://[^\s#?]+/\.well-known/openid-configuration$",
        description="What Google says of itself; another OpenID provider's for tests.",
    )


def _rate(default: str, words: str) -> Any:
    return Field(default, pattern=RATE, description=f"{words}, for an account or a client.")


class LimitSettings(Group):
    """What callers may ask for, and how often."""

    rate_limit_enabled: bool = Field(
        default=True,
        description="Count requests; `truestyle dev` does not unless told to. Lockout and OTP tries stay in any case.",
    )
    rate_limit_default: str = _rate("100/minute", "Writes, and what needs a permission")
    rate_limit_read: str = _rate("6000/minute", "Public reads (counted by each process alone)")
    rate_limit_login: str = _rate("30/minute", "Password checks")
    rate_limit_otp: str = _rate("10/minute", "Sending and checking codes")
    rate_limit_register: str = _rate("30/hour", "New accounts")
    rate_limit_coupon: str = _rate("20/minute", "Coupon codes")
    rate_limit_search: str = _rate("120/minute", "Text search")
    rate_limit_export: str = _rate("20/hour", "Exports")
    rate_limit_contact: str = _rate("10/hour", "Contact messages")
    lockout_account_failures: int = Field(
        50, ge=5, le=10_000, description="Wrong passwords for one account, from anywhere, that lock it for 15 minutes."
    )
    lockout_address_failures: int = Field(
        100, ge=5, le=100_000, description="Wrong passwords from one address, whatever accounts, that lock it out."
    )
    trusted_proxies: Listed = Field(
        [], description="Addresses or networks of our own proxies; nobody else is believed about the client's address."
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for", description="The one header in which those proxies tell it."
    )
    docs_enabled: bool | None = Field(
        None, description="Serve `/docs`, `/redoc` and `/openapi.json`; when unset, everywhere but in production."
    )
    max_connections: int = Field(1000, ge=10, le=100_000, description="Open connections of one process.")
    header_timeout_seconds: float = Field(
        10, gt=0, le=600, description="Seconds in which a request's headers must arrive."
    )
    body_timeout_seconds: float = Field(
        20, gt=0, le=600, description="Seconds for a body, and one more for each 500 bytes that came."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for one in networks(value):
            if one.prefixlen == 0:
                msg = "must not trust everybody"
                raise ValueError(msg)
        return value


class PaymentSettings(Group):
    """How orders are paid before they are sent."""

    payment_window_minutes: int = Field(
        30, ge=1, le=7 * 24 * 60, description="Minutes that an unpaid order keeps its stock before it cancels itself."
    )
    upi_vpa: str = Field(
        "truestyle@upi",
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?@[A-Za-z][A-Za-z0-9]{1,63}$",
        description="The store's UPI address, into which UPI payments go.",
    )
    card_gateway: Literal["stripe", "razorpay", "sandbox"] | None = Field(
        None,
        description="Who collects `card` payments; unset: a terminal at the counter, confirmed by staff.",
    )
    payment_sandbox_secret: SecretStr = Field(
        SecretStr(""), description="Signs the webhooks of the sandbox; unset: made from TOKEN_HASH_PEPPER."
    )
    payment_sandbox: bool | None = Field(
        None, description="Offer the `sandbox` provider, which moves no money; unset: everywhere but in production."
    )


class MailSettings(Group):
    """How mail is sent. Gmail and Mailpit are SMTP servers like any other."""

    mail_backend: Literal["console", "smtp"] = Field(
        "console",
        validation_alias=AliasChoices("mail_backend", "email_backend"),
        description="`smtp` sends; `console` only logs to whom and what about. `gmail` and `mailpit` are `smtp` with "
        "their servers filled in.",
    )
    mail_server: str = Field("localhost", description="SMTP server.")
    mail_port: int = Field(25, ge=1, le=65535, description="Its port.")
    mail_username: str | None = Field(
        None, validation_alias=AliasChoices("mail_username", "smtp_username"), description="Name to sign in with."
    )
    mail_password: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("mail_password", "smtp_password"), description="Its password."
    )
    use_credentials: bool = Field(default=True, description="Sign in to the SMTP server when MAIL_USERNAME is set.")
    mail_starttls: bool = Field(default=False, description="Begin in clear and require TLS (port 587).")
    mail_ssl_tls: bool = Field(default=False, description="TLS from the first byte (port 465).")
    validate_certs: bool = Field(default=True, description="Check the certificate of the SMTP server.")
    mail_from: str = Field(
        "store@localhost", description="Address that mail comes from.", pattern=r"^[^@\s<>]+@[^@\s<>]+$"
    )
    mail_from_name: str | None = Field(None, description="Name that mail comes from; the store's when unset.")
    alert_email: str | None = Field(
        None, description="Where the store writes when its books are not in order.", pattern=r"^[^@\s<>]+@[^@\s<>]+$"
    )
    mail_page: bool = Field(
        default=False, description="Show sent mail at `/dev/mail`, as `truestyle dev` does; refused in production."
    )
    frontend_url: str | None = Field(
        None, description="Public address of the shop's pages: links in mails lead there; our own page when unset."
    )

    @model_validator(mode="before")
    @classmethod
    def _known_servers(cls, values: Any) -> Any:
        chosen = str(values.get("mail_backend") or values.get("email_backend") or "").lower()
        return {**values, **KNOWN_SERVERS[chosen]} if chosen in KNOWN_SERVERS else values

    @model_validator(mode="after")
    def _one_kind_of_tls(self) -> Self:
        if self.mail_starttls and self.mail_ssl_tls:
            msg = "MAIL_STARTTLS and MAIL_SSL_TLS exclude each other"
            raise ValueError(msg)
        return self


GROUPS: tuple[type[Group], ...] = (
    *(ShopSettings, DataSettings, FileSettings, BackupSettings, ExportSettings, AuthSettings, GoogleSettings),
    *(LimitSettings, PaymentSettings, GatewaySettings, MailSettings, HookSettings, SitemapSettings, ServingSettings),
    ObservingSettings,
)
