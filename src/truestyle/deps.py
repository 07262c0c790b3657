"""What routes ask for in their signatures."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer, SecurityScopes

from truestyle.auth.errors import CrossSite, MfaSetupRequired, StepUpRequired, TokenInvalid
from truestyle.auth.gate import token_in
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.auth.service import Device
from truestyle.cart.service import TOKEN, Owner, new_token
from truestyle.infra.http.openapi import answers
from truestyle.kit import clock
from truestyle.kit.errors import Forbidden
from truestyle.kit.resource import IfMatch, read_version
from truestyle.kit.trail import Actor, ActorKind, act_as
from truestyle.orders.access import Holder
from truestyle.orders.placing import Repeat
from truestyle.shop import Shop
from truestyle.store import Store

CART_COOKIE = "ts_cart"
bearer = OAuth2PasswordBearer(
    "api/v1/auth/login",
    scheme_name="bearer",
    scopes={permission.value: permission.value.replace(":", " · ") for permission in Permission},
    auto_error=False,
    description="Access token from `POST /auth/login`.",
)
order_token = APIKeyHeader(
    name="X-Order-Token",
    scheme_name="order_token",
    auto_error=False,
    description="A guest's token of one order, from `POST /orders/lookup/verify`.",
)
OPTIONAL_SIGN_IN: dict[str, Any] = {"security": [{}]}  # appended to the scheme in OpenAPI


def shop_of(request: Request) -> Shop:
    """The running store."""
    shop: Shop = request.app.state.shop
    return shop


# Dependencies are `async def` even where they wait for nothing: FastAPI runs the others in threads.
async def _shop(request: Request) -> Shop:
    return shop_of(request)


async def _store(request: Request) -> Store:
    return shop_of(request).store


Bearer = Annotated[str | None, Depends(bearer)]


async def _identified(request: Request, scopes: SecurityScopes, _: Bearer) -> Caller:
    return _permitted(await _signed_in(request), scopes)


async def _caller(request: Request, scopes: SecurityScopes, _: Bearer) -> Caller:
    caller = await _signed_in(request)
    if caller.mfa_missing:
        raise MfaSetupRequired
    return _permitted(caller, scopes)


async def _stepped_up(request: Request, scopes: SecurityScopes, _: Bearer) -> Caller:
    caller = await _caller(request, scopes, None)
    await require_step_up(shop_of(request), caller)
    return caller


async def require_step_up(shop: Shop, caller: Caller) -> None:
    """Who has a second factor must have shown it again just now. Raises StepUpRequired."""
    # Never remembered: such routes are rare, and this must end on the second and begin at once everywhere.
    if caller.mfa and not await shop.store.sessions.stepped_up(caller.session_id, clock.now()):
        raise StepUpRequired


async def _signed_in(request: Request) -> Caller:
    raw = token_in(request.headers)
    if raw is None:
        raise TokenInvalid
    return await _known(request, raw)


def _permitted(caller: Caller, scopes: SecurityScopes) -> Caller:
    if not all(caller.may(scope) for scope in scopes.scopes):
        raise Forbidden
    return caller


async def _maybe_caller(request: Request, _: Bearer) -> Caller | None:
    raw = token_in(request.headers)
    if raw is None:
        return None
    return await _known(request, raw)


async def _known(request: Request, raw: str) -> Caller:
    state = request.scope["state"]
    caller: Caller = state.get("known") or await shop_of(request).keys.gate.caller(raw)
    state["caller"] = str(caller.user_id)
    act_as(Actor(ActorKind.USER, caller.user_id, state["request_id"]))
    return caller


def allowed(permission: str, *, step_up: bool = False) -> Any:
    """Only callers with this permission; OpenAPI shows it as a scope.

    `step_up`: those who have a second factor must have shown it again just now. The route declares `StepUpRequired`.
    """
    return Security(_stepped_up if step_up else _caller, scopes=[str(permission)])


SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def require_same_site(request: Request) -> None:
    """Raises CrossSite where a browser says that another site made this call. Other clients say nothing.

    A browser sends `Origin` with every POST, and `Sec-Fetch-Site` with every request to HTTPS; what is sent must fit.
    """
    settings = shop_of(request).settings
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None and origin in {settings.shop.backend_base_url.rstrip("/"), *settings.auth.cors_origins}:
        return  # ours by name, from whatever site it calls
    scheme = "https" if settings.production else request.url.scheme  # behind a TLS proxy we are asked by HTTP
    own = f"{scheme}://{request.headers.get('host', '')}"
    if origin not in {None, own} or site not in {None, "same-origin", "none"}:
        raise CrossSite


async def _owner(
    request: Request,
    response: Response,
    caller: Annotated[Caller | None, Depends(_maybe_caller)],
    x_cart_token: Annotated[str | None, Header(max_length=100, description="A guest's cart.")] = None,
) -> Owner:
    """Whose cart: the caller's, or a guest's; a new guest is given a token in the header and as a cookie."""
    if caller is not None:
        return Owner(user_id=caller.user_id)
    token = x_cart_token
    if token is None and CART_COOKIE in request.cookies:
        token = request.cookies[CART_COOKIE]
        if request.method not in SAFE:
            require_same_site(request)
    if token is None or TOKEN.fullmatch(token) is None:
        token = new_token()
    settings = shop_of(request).settings
    response.headers["x-cart-token"] = token
    response.set_cookie(
        CART_COOKIE,
        token,
        max_age=settings.shop.guest_cart_days * 86_400,
        httponly=True,
        secure=settings.auth.refresh_cookie_secure,
        samesite="lax",
    )
    return Owner(token=token)


async def _holder(
    request: Request, scopes: SecurityScopes, _: Bearer, token: Annotated[str | None, Depends(order_token)]
) -> Holder:
    if token is None or token_in(request.headers) is not None:
        return Holder(await _caller(request, scopes, None))
    order_id = shop_of(request).keys.tokens.read_order(token)
    act_as(Actor(ActorKind.GUEST, None, request.scope["state"]["request_id"]))
    return Holder(order_id=order_id)


def cart_token(request: Request) -> str | None:
    """The guest's cart token that came with a request, if any."""
    return request.headers.get("x-cart-token") or request.cookies.get(CART_COOKIE)


async def device(request: Request) -> Device:
    """Where a request comes from."""
    return Device((request.scope.get("client") or (None,))[0], request.headers.get("user-agent"))


async def _repeat(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(pattern=r"^[ -~]{1,255}$", description="The same key gives the same answer for 24 h."),
    ] = None,
) -> Repeat:
    return Repeat(idempotency_key, await request.body())


async def _if_match(if_match: IfMatch = None) -> int | None:
    return read_version(if_match)


PUBLIC = {"cache-control": "public, no-cache", "vary": "Authorization"}  # also for a Response made by its route


@answers({"304": "Not modified: `If-None-Match` named this answer's `ETag`."})
async def public_read(response: Response) -> None:
    """Marks an answer that everybody may keep, if they ask again whether it still holds."""
    response.headers.update(PUBLIC)


ShopDep = Annotated[Shop, Depends(_shop)]
Db = Annotated[Store, Depends(_store)]
MaybeCaller = Annotated[Caller | None, Depends(_maybe_caller)]
CartOwner = Annotated[Owner, Depends(_owner)]
RepeatDep = Annotated[Repeat, Depends(_repeat)]
DeviceDep = Annotated[Device, Depends(device)]
Version = Annotated[int | None, Depends(_if_match)]
PublicRead = Depends(public_read)
SignedInCaller = Annotated[Caller, allowed(Permission.ACCOUNT)]
# Whoever may deal with an order: its buyer or the staff, signed in, or the guest whose token names it.
OrderHolder = Annotated[Holder, Security(_holder, scopes=[Permission.ACCOUNT.value])]
# Also administrators who have yet to switch MFA on, where that is required: for that, and for signing out.
AnyCaller = Annotated[Caller, Security(_identified, scopes=[Permission.ACCOUNT.value])]
