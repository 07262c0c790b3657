"""/auth: accounts and sessions."""

from typing import Annotated, Any, TypeVar

from fastapi import Query, Request, Response
from pydantic import ValidationError

from truestyle.auth import service
from truestyle.auth.answering import signed_in, welcome
from truestyle.auth.errors import (
    AccountLocked,
    AccountSuspended,
    CrossSite,
    InvalidCredentials,
    RefreshReused,
    TokenInvalid,
    TokenRevoked,
    WeakPassword,
)
from truestyle.auth.models import ChangePassword, Login, Message, MfaAsked, Refresh, SignedIn
from truestyle.deps import AnyCaller, Db, DeviceDep, ShopDep, SignedInCaller, require_same_site
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.problems import validation_failed
from truestyle.infra.http.route import is_json, router
from truestyle.kit import strictjson
from truestyle.kit.errors import Duplicate, UnsupportedMediaType, ValidationFailed, responses
from truestyle.users.models import Register, UserAnswer

routes = router("/auth", tag="Auth")
Model = TypeVar("Model", Login, Refresh)
BODIES = (Login, Refresh)  # read by hand: each route takes more than one kind of body
LOGIN = {
    "parameters": [  # read by what answers every sign-in, not by the route
        {
            "name": "x-cart-token",
            "in": "header",
            "required": False,
            "description": "A guest's cart, which comes along.",
            "schema": {"type": "string", "maxLength": 100},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Login"}},
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["username", "password"],
                    "properties": {
                        "username": {"type": "string", "format": "email", "maxLength": 254},
                        "password": {"type": "string", "minLength": 1, "maxLength": 128},
                        "grant_type": {"type": "string"},
                        "scope": {"type": "string"},
                    },
                }
            },
        },
    },
}
REFRESH_BODY = {
    "requestBody": {
        "required": False,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refresh"}}},
    }
}


@routes.post("/register", status_code=201, responses=responses(Duplicate, WeakPassword))
@limited(Limit.REGISTER)
async def register(body: Register, response: Response, shop: ShopDep) -> UserAnswer:
    """Open an account, with its cart and wishlist."""
    user = await service.register(shop.store, shop.keys, body)
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/users/{user.id}"
    return user.answer(shop.store.shop)


@routes.post(
    "/login",
    responses=responses(InvalidCredentials, AccountSuspended, AccountLocked, CrossSite),
    openapi_extra=LOGIN,
)
@limited(Limit.LOGIN)
async def login(request: Request, response: Response, shop: ShopDep, device: DeviceDep) -> SignedIn | MfaAsked:
    """Sign in with JSON, or with Swagger's form; an account with MFA is asked for a code next."""
    require_same_site(request)  # it sets the cookie: a stranger's page must not sign a visitor in as somebody else
    asked = await _credentials(request)
    found = await service.login(shop.store, shop.keys, asked.email, asked.password, device)
    return await welcome(found, request, response, shop)


@routes.post(
    "/token/refresh",
    responses=responses(TokenInvalid, TokenRevoked, RefreshReused, CrossSite),
    openapi_extra=REFRESH_BODY,
)
async def refresh_token(request: Request, response: Response, shop: ShopDep) -> SignedIn:
    """Exchange the refresh token for new tokens; it works once."""
    from_body = await _refresh_in_body(request)
    if from_body is None:
        require_same_site(request)
    token = from_body or request.cookies.get(shop.settings.refresh_cookie)
    if token is None:
        raise TokenInvalid
    issued = await service.refresh(shop.store, shop.keys, token)
    return signed_in(issued, request, response, shop, in_body=from_body is not None)


@routes.post("/logout", responses=responses(CrossSite))
async def logout(
    request: Request,
    response: Response,
    shop: ShopDep,
    caller: AnyCaller,
    everywhere: Annotated[bool, Query(description="End all of the account's sessions.")] = False,
) -> Message:
    """End this session, or all."""
    require_same_site(request)
    await service.logout(shop.store, shop.keys, caller, everywhere=everywhere)
    auth = shop.settings.auth
    response.delete_cookie(
        shop.settings.refresh_cookie,
        path=auth.refresh_cookie_path,
        secure=auth.refresh_cookie_secure,
        httponly=True,
        samesite=auth.refresh_cookie_samesite,
    )
    return Message(message="Signed out")


@routes.post("/change-password", responses=responses(InvalidCredentials, AccountLocked, WeakPassword))
@limited(Limit.LOGIN)
async def change_password(body: ChangePassword, shop: ShopDep, caller: SignedInCaller, device: DeviceDep) -> Message:
    """Set a new password; every other session ends."""
    await service.change_password(shop.store, shop.keys, caller, device, body.current_password, body.new_password)
    return Message(message="Password changed")


@routes.get("/me")
async def me(store: Db, caller: SignedInCaller) -> UserAnswer:
    """The account that is signed in."""
    return (await store.users.get(caller.user_id)).answer(store.shop)


async def _credentials(request: Request) -> Login:
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if is_json(request):
        try:
            values: Any = strictjson.loads(await request.body())
        except strictjson.MalformedJsonError as error:
            raise ValidationFailed(str(error), kind="json_invalid") from error
    elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        async with request.form(max_files=0, max_fields=20) as form:
            values = {"email": form.get("username"), "password": form.get("password")}
    else:
        raise UnsupportedMediaType
    return _read(Login, values)


async def _refresh_in_body(request: Request) -> str | None:
    body = await request.body()
    if not body.strip():
        return None
    if not is_json(request):
        raise UnsupportedMediaType
    try:
        return _read(Refresh, strictjson.loads(body)).refresh_token
    except strictjson.MalformedJsonError as error:
        raise ValidationFailed(str(error), kind="json_invalid") from error


def _read(model: type[Model], values: Any) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise validation_failed(_in_body(error)) from error


def _in_body(error: ValidationError) -> list[Any]:
    return [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
