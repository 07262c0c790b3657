"""The providers that are set up, by the type of payment that they collect."""

import hashlib
import hmac

from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import Provider
from truestyle.payments.providers.by_hand import ByHand
from truestyle.payments.providers.gateways import gateways
from truestyle.payments.providers.sandbox import Sandbox
from truestyle.payments.providers.upi import Upi
from truestyle.setting_kinds import rotating
from truestyle.settings import Settings
from truestyle.store import Store

PICTURE_KEY = 16  # bytes of the key in the address of a picture


def providers_for(settings: Settings, store: Store) -> dict[PaymentType, Provider]:
    """What this store offers. A type that is missing answers 503."""
    found: dict[PaymentType, Provider] = {
        PaymentType.COD: ByHand(PaymentType.COD),
        PaymentType.UPI: _upi(settings),
        **{one.type: one for one in gateways(settings.gateways)},
    }
    if settings.sandbox:
        found[PaymentType.SANDBOX] = _sandbox(settings, store)
    gateway = settings.payments.card_gateway
    if gateway is None:
        found[PaymentType.CARD] = ByHand(PaymentType.CARD)
    elif PaymentType(gateway) in found:
        found[PaymentType.CARD] = found[PaymentType(gateway)]
    return found


def collector(provider: Provider) -> str:
    """Under whose name a payment is kept: cards are the gateway's that charges them."""
    return provider.type


def picture_key(settings: Settings, payment_id: str) -> str:
    """What the address of a payment's QR code has to know: nobody guesses it."""
    return _keyed(settings, f"qr:{payment_id}")[: 2 * PICTURE_KEY]


def _upi(settings: Settings) -> Upi:
    base = f"{settings.shop.backend_base_url.rstrip('/')}{settings.shop.api_v1_prefix}/payments"

    def pictures(payment_id: str) -> tuple[str, str]:
        key = picture_key(settings, payment_id)
        return f"{base}/{payment_id}/qr.svg?key={key}", f"{base}/{payment_id}/qr.png?key={key}"

    return Upi(settings.payments.upi_vpa, settings.shop.project_name, pictures)


def _sandbox(settings: Settings, store: Store) -> Sandbox:
    chosen = settings.payments.payment_sandbox_secret.get_secret_value()
    page = f"{settings.shop.backend_base_url.rstrip('/')}{settings.shop.api_v1_prefix}/payments/sandbox/{{}}/challenge"
    return Sandbox(store, (chosen or _keyed(settings, "sandbox")).encode(), page)


def _keyed(settings: Settings, what: str) -> str:
    pepper = (rotating(settings.auth.token_hash_pepper) or [""])[0]
    return hmac.new(pepper.encode(), f"payments:{what}".encode(), hashlib.sha256).hexdigest()
