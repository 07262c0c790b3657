"""What every way of signing in answers: tokens with the cookie, or the question for a code."""

from fastapi import Request, Response

from truestyle.auth.models import MfaAsked, SignedIn
from truestyle.auth.service import CodeAsked, Issued
from truestyle.auth.tokens import MFA_LIFE
from truestyle.cart import service as carts
from truestyle.deps import cart_token
from truestyle.shop import Shop


async def welcome(found: Issued | CodeAsked, request: Request, response: Response, shop: Shop) -> SignedIn | MfaAsked:
    """Of what `let_in` found. Who is in gets the guest's cart and the cookie."""
    if isinstance(found, CodeAsked):
        return MfaAsked(mfa_token=found.token, expires_in=int(MFA_LIFE.total_seconds()))
    return await welcome_in(found, request, response, shop)


async def welcome_in(issued: Issued, request: Request, response: Response, shop: Shop) -> SignedIn:
    """For a new session: the guest's cart comes along."""
    await carts.merge(shop.store, issued.user.id, cart_token(request))
    return signed_in(issued, request, response, shop)


def signed_in(issued: Issued, request: Request, response: Response, shop: Shop, *, in_body: bool = False) -> SignedIn:
    """The tokens of a session. `in_body`: the client keeps no cookies, and gets none."""
    auth = shop.settings.auth
    mobile = request.headers.get("x-client", "").lower() == "mobile"
    if not in_body:
        response.set_cookie(
            shop.settings.refresh_cookie,
            issued.refresh,
            max_age=auth.refresh_cookie_max_age_days * 86_400,
            path=auth.refresh_cookie_path,
            secure=auth.refresh_cookie_secure,
            httponly=True,
            samesite=auth.refresh_cookie_samesite,
        )
    return SignedIn(
        access_token=issued.access,
        expires_in=int(shop.keys.tokens.life.total_seconds()),
        user=issued.user.answer(shop.store.shop),
        refresh_token=issued.refresh if mobile or in_body else None,
    )
