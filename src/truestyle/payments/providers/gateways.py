"""The payment gateways that are set up."""

from collections.abc import Iterator

from truestyle.payments.providers.base import Provider
from truestyle.payments.providers.razorpay import RazorpayProvider
from truestyle.setting_gateways import GatewaySettings


def gateways(settings: GatewaySettings) -> Iterator[Provider]:
    """Those whose keys are set."""
    if settings.stripe:
        # Half a second and 35 MB that only its users pay.
        from truestyle.payments.providers.stripe import StripeProvider  # noqa: PLC0415

        yield StripeProvider(settings)
    if settings.razorpay:
        yield RazorpayProvider(settings)
