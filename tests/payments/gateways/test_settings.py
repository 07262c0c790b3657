"""A gateway is set up whole, or not at all; its secrets are in no text."""

from typing import Any

import pytest

from tests.payments.gateways.conftest import razorpay_settings, stripe_settings
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.gateways import gateways
from truestyle.setting_gateways import GatewaySettings, wrong_gateways
from truestyle.settings import Settings, SettingsRefusedError

WHOLE: dict[str, Any] = {**stripe_settings("https://api.stripe.com"), **razorpay_settings("https://api.razorpay.com")}
SECRETS = ("stripe_secret_key", "stripe_webhook_secret", "razorpay_key_secret", "razorpay_webhook_secret")
NAMES = [name for name in WHOLE if not name.endswith("_base")]


def wrong_with(more: dict[str, Any], *, production: bool = True) -> list[str]:
    return wrong_gateways(GatewaySettings.model_validate({**WHOLE, **more}), production=production)


def test_whole_or_not_at_all() -> None:
    assert wrong_with({}) == []
    assert wrong_gateways(GatewaySettings.model_validate({}), production=True) == []
    assert list(gateways(GatewaySettings.model_validate({}))) == []


async def test_what_is_set_up_is_offered() -> None:
    found = list(gateways(GatewaySettings.model_validate(WHOLE)))
    assert [one.type for one in found] == [PaymentType.STRIPE, PaymentType.RAZORPAY]
    for one in found:
        await one.close()


@pytest.mark.parametrize("name", NAMES)
def test_half_set_is_refused(name: str) -> None:
    told = wrong_with({name: "" if name.endswith("webhook_secret") else None})
    assert len(told) == 1
    assert told[0].startswith(f"{name.upper()} must be set, because ")


@pytest.mark.parametrize("value", ["your_key", "sk_test_your_key_here", "whsec_xxxx", "change-me", "rzp_placeholder"])
@pytest.mark.parametrize("name", SECRETS)
def test_placeholders_are_refused(name: str, value: str) -> None:
    told = wrong_with({name: value})
    assert [one.split()[0] for one in told] == [name.upper()]
    assert value not in told[0]


@pytest.mark.parametrize("name", ["stripe_api_base", "razorpay_api_base"])
def test_keys_are_not_sent_in_clear(name: str) -> None:
    assert wrong_with({name: "http://127.0.0.1:1"}) == [f"{name.upper()} must begin with https:// in production."]
    assert wrong_with({name: "http://127.0.0.1:1"}, production=False) == []


def test_a_gateway_for_cards_that_is_not_set_up_is_refused() -> None:
    settings = Settings.load(environ={}, card_gateway="stripe")
    with pytest.raises(SettingsRefusedError) as caught:
        settings.require_safe()
    assert "CARD_GATEWAY is stripe, whose keys are not set." in str(caught.value)


def test_secrets_are_in_no_text() -> None:
    settings = GatewaySettings.model_validate(WHOLE)
    plain = [str(WHOLE[name]).split(",")[0] for name in SECRETS]
    text = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert [one for one in plain if one in text] == []
    with pytest.raises(SettingsRefusedError) as caught:
        Settings.load(environ={}, **{**WHOLE, "stripe_publishable_key": "sk_live_by_mistake"})
    assert "sk_live_by_mistake" not in str(caught.value)
