"""The settings of payment gateways, and what is wrong with them. A gateway without its keys is not offered."""

import re

from pydantic import Field, SecretStr

from truestyle.setting_kinds import Group, rotating

PLACEHOLDER = re.compile(r"(?:^|_)(?:your|change|placeholder|x{3})", re.IGNORECASE)
ADDRESS = r"^https?://[^\s/?#]+$"


class GatewaySettings(Group):
    """Stripe and Razorpay; each is offered once its keys are set."""

    stripe_secret_key: SecretStr | None = Field(None, description="Stripe's secret key, `sk_…` or a restricted `rk_…`.")
    stripe_publishable_key: str | None = Field(
        None, pattern=r"^pk_[A-Za-z0-9_]+$", description="Its publishable key, which storefronts are given."
    )
    stripe_webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="The signing secret of the webhook endpoint, `whsec_…`; a list while it is replaced, newest first.",
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com", pattern=ADDRESS, description="Where Stripe is; another server for tests."
    )
    razorpay_key_id: str | None = Field(
        None, pattern=r"^rzp_[A-Za-z0-9_]+$", description="Razorpay's key id, which storefronts are given."
    )
    razorpay_key_secret: SecretStr | None = Field(None, description="Its secret.")
    razorpay_webhook_secret: SecretStr = Field(
        SecretStr(""), description="The secret of the webhook; a list while it is replaced, newest first."
    )
    razorpay_api_base: str = Field(
        "https://api.razorpay.com", pattern=ADDRESS, description="Where Razorpay is; another server for tests."
    )
    gateway_timeout_seconds: float = Field(
        8, gt=0, le=60, description="Seconds after which a gateway counts as away; nothing is charged twice by that."
    )

    @property
    def stripe(self) -> bool:
        """Whether Stripe is offered."""
        return self.stripe_secret_key is not None and self.stripe_publishable_key is not None

    @property
    def razorpay(self) -> bool:
        """Whether Razorpay is offered."""
        return self.razorpay_key_id is not None and self.razorpay_key_secret is not None


def wrong_gateways(gateways: GatewaySettings, *, production: bool) -> list[str]:
    """What cannot be used: a gateway that is half set, a placeholder, a key sent in clear."""
    found = list[str]()
    for group in (
        ("stripe_secret_key", "stripe_publishable_key", "stripe_webhook_secret"),
        ("razorpay_key_id", "razorpay_key_secret", "razorpay_webhook_secret"),
    ):
        there = {name: _plain(getattr(gateways, name)) for name in group}
        names = [name.upper() for name, values in there.items() if values]
        found += [
            f"{name.upper()} must be set, because {names[0]} is."
            for name, values in there.items()
            if names and not values
        ]
        found += [
            f"{name.upper()} looks like a placeholder; leave it unset to do without this gateway."
            for name, values in there.items()
            if any(map(PLACEHOLDER.search, values))
        ]
    for name in ("stripe_api_base", "razorpay_api_base"):
        if production and getattr(gateways, name).startswith("http://"):
            found.append(f"{name.upper()} must begin with https:// in production.")
    return found


def _plain(value: SecretStr | str | None) -> list[str]:
    return rotating(value) if isinstance(value, SecretStr) else [value] if value else []
