"""What Razorpay's checkout gives the storefront's handler, brought back: the order need not wait for the webhook."""

from typing import TYPE_CHECKING, Annotated

from bson import ObjectId
from pydantic import StringConstraints

from truestyle.deps import ShopDep
from truestyle.infra.http.route import router
from truestyle.kit.documents import Body, example
from truestyle.kit.errors import Unavailable, responses
from truestyle.kit.types import Id
from truestyle.orders import paying, starting
from truestyle.payments.models import Payment, PaymentAnswer, PaymentType
from truestyle.payments.providers.base import ProviderAwayError, WebhookSignatureInvalid
from truestyle.payments.providers.razorpay import RazorpayProvider

if TYPE_CHECKING:
    from truestyle.shop import Shop

routes = router("/payments", tag="Payments")


class PaymentVerify(Body):
    """`razorpay_payment_id` and `razorpay_signature`, as the handler was given them."""

    razorpay_payment_id: Annotated[str, StringConstraints(pattern=r"^pay_[A-Za-z0-9]{1,40}$")]
    razorpay_signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    model_config = example({"razorpay_payment_id": "pay_DEXrnipqTmWVGE", "razorpay_signature": "0a" * 32})


async def verify(shop: "Shop", key: ObjectId, body: PaymentVerify) -> Payment:
    """Apply what the checkout says, if Razorpay signed it for this payment; the payment as it stands then.

    Who has the signature has paid, signed in or not; without it nobody learns whether there is such a payment. Raises
    WebhookSignatureInvalid, Unavailable: Razorpay is away, and its webhook will tell.
    """
    payment = await shop.store.payments.first({"_id": key})
    provider = shop.providers.get(PaymentType.RAZORPAY)
    ours = payment is not None and payment.provider == PaymentType.RAZORPAY and payment.provider_reference is not None
    if payment is None or not ours or not isinstance(provider, RazorpayProvider):
        raise WebhookSignatureInvalid
    charge = await starting.charge_of(shop.store, payment, await shop.store.orders.get(payment.order_id))
    reference = payment.provider_reference or ""
    try:
        state = await provider.attest(charge, reference, body.razorpay_payment_id, body.razorpay_signature)
    except ProviderAwayError as error:
        msg = "Razorpay does not answer just now. The payment is not lost: the order follows as soon as it does."
        raise Unavailable(msg) from error
    return await paying.settle(shop.store, state, provider=payment.provider)


@routes.post("/{payment_id}/verify", responses=responses(WebhookSignatureInvalid))
async def verify_payment(payment_id: Id, body: PaymentVerify, shop: ShopDep) -> PaymentAnswer:
    """Bring back what Razorpay's checkout gave the page; the signature is the proof, so guests may too."""
    verified = await verify(shop, payment_id, body)
    shop.worker.wake()
    return verified.answer()
