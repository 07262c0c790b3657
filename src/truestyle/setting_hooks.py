"""The settings of webhooks that the store sends, and of its sitemap."""

from pydantic import Field

from truestyle.setting_kinds import Group

PAGE = r"^/[A-Za-z0-9/_.~-]*\{slug\}[A-Za-z0-9/_.~-]*$"


class HookSettings(Group):
    """Webhooks to integrators (`/webhook-endpoints`)."""

    webhook_timeout_seconds: float = Field(10, gt=0, le=30, description="Seconds in which a receiver must answer.")
    webhook_allow_local: bool = Field(
        default=False,
        description="Receivers may be on this machine (`127.0.0.1`), as in development; refused in production.",
    )
    webhook_off_after_hours: float = Field(
        24,
        gt=0,
        le=720,
        description="An endpoint at which everything failed for so many hours is switched off; ALERT_EMAIL is told.",
    )
    webhook_log_days: int = Field(30, ge=1, le=365, description="Days that deliveries can be looked at and replayed.")


class SitemapSettings(Group):
    """What `/sitemap.xml` says of the shop's pages, which are at FRONTEND_URL."""

    sitemap_product_path: str = Field("/products/{slug}", pattern=PAGE, description="Where a product is shown.")
    sitemap_category_path: str = Field("/categories/{slug}", pattern=PAGE, description="Where a category is shown.")
