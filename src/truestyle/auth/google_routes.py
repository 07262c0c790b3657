"""/auth/google: signing in with Google. Both are addresses that a browser goes to, not calls of a script."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.responses import RedirectResponse

from truestyle.auth import google
from truestyle.auth.answering import welcome
from truestyle.auth.errors import AccountSuspended, EmailNotVerified, NotLinked, OAuthStateInvalid
from truestyle.auth.models import MfaAsked, SignedIn
from truestyle.auth.service import CodeAsked
from truestyle.deps import DeviceDep, ShopDep
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.kit.errors import Unavailable, responses
from truestyle.shop import Shop

routes = router("/auth/google", tag="Auth")
NOT_SET_UP = "Signing in with Google is not set up here."
# These honest people may meet: they are told where they wanted to go. The rest are attacks and accidents: 400.
TOLD_THERE = (AccountSuspended, EmailNotVerified, NotLinked)
ELSEWHERE: dict[int | str, Any] = {
    302: {
        "description": "To where `Location` says.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to go on."}},
    }
}
Next = Annotated[
    str | None,
    Query(
        alias="next",
        max_length=1000,
        description="Where to go when signed in: a path of the shop, or an address below FRONTEND_URL or CORS_ORIGINS.",
    ),
]
Said = Annotated[str | None, Query(max_length=2000, description="From Google.")]


@routes.get("/login", status_code=302, response_class=RedirectResponse, responses=ELSEWHERE)
@limited(Limit.LOGIN)
async def google_login(shop: ShopDep, next_: Next = None) -> RedirectResponse:
    """Go to Google to sign in there; 503 where that is not set up."""
    place = google.target(shop.settings, next_)
    if shop.google is None:
        raise Unavailable(NOT_SET_UP)
    begun = await google.begin(shop.box, shop.google, place)
    answer = RedirectResponse(begun.address, 302)
    answer.set_cookie(
        shop.settings.google_cookie,
        begun.ticket,
        max_age=int(google.LIFE.total_seconds()),
        secure=shop.settings.auth.refresh_cookie_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@routes.get(
    "/callback",
    response_model=SignedIn | MfaAsked,
    responses={**responses(OAuthStateInvalid, *TOLD_THERE), **ELSEWHERE},
    openapi_extra={"x-any-query": True},
)
@limited(Limit.LOGIN)
async def google_callback(
    request: Request,
    response: Response,
    shop: ShopDep,
    device: DeviceDep,
    state: Said = None,
    code: Said = None,
    error: Said = None,
) -> SignedIn | MfaAsked | RedirectResponse:
    """Come back from Google: signed in, with the cookie, at `next`; without a `next`, answered as by login.

    An account with MFA gets no cookie yet: `next` has the token for `/auth/mfa/verify` in its fragment.
    """
    ticket = await google.use(shop.store, shop.box, request.cookies.get(shop.settings.google_cookie), state)
    if error is not None and ticket.next is not None:
        return _gone(shop, google.told(ticket.next, "access_denied"))
    if shop.google is None or not code:
        raise OAuthStateInvalid
    try:
        found = await google.finish(shop.store, shop.keys, shop.google, ticket, code, device)
    except TOLD_THERE as problem:
        if ticket.next is None:
            raise
        return _gone(shop, google.told(ticket.next, problem.code))
    if ticket.next is None:
        _drop(shop, response)
        return await welcome(found, request, response, shop)
    answer = _gone(shop, google.asked(ticket.next, found.token) if isinstance(found, CodeAsked) else ticket.next)
    await welcome(found, request, answer, shop)
    return answer


def _gone(shop: Shop, place: str) -> RedirectResponse:
    answer = RedirectResponse(place, 302)
    _drop(shop, answer)
    return answer


def _drop(shop: Shop, answer: Response) -> None:
    secure = shop.settings.auth.refresh_cookie_secure
    answer.delete_cookie(shop.settings.google_cookie, secure=secure, httponly=True, samesite="lax")
