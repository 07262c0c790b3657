"""/auth/mfa and /auth/step-up: the second factor."""

from typing import Annotated

from fastapi import Request, Response

from truestyle.auth.answering import welcome_in
from truestyle.auth.errors import (
    AccountLocked,
    AccountSuspended,
    CrossSite,
    InvalidCredentials,
    MfaInvalid,
    StepUpRequired,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
)
from truestyle.auth.mfa import service
from truestyle.auth.mfa.models import (
    MfaDisable,
    MfaSetup,
    MfaStatus,
    MfaVerify,
    Proof,
    RecoveryCodes,
    SteppedUp,
    TotpCode,
)
from truestyle.auth.models import Caller, Message, SignedIn
from truestyle.auth.permissions import Permission
from truestyle.deps import AnyCaller, DeviceDep, ShopDep, SignedInCaller, allowed, require_same_site
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.kit.errors import InUse, NotFound, responses
from truestyle.kit.types import Id

routes = router(tag="Auth")
Helper = Annotated[Caller, allowed(Permission.USERS_WRITE, step_up=True)]


@routes.get("/auth/mfa")
async def mfa_status(shop: ShopDep, caller: AnyCaller) -> MfaStatus:
    """Whether one's account asks for codes, and how many recovery codes are left."""
    return await service.status(shop.store, shop.keys, caller)


@routes.post("/auth/mfa/setup", responses=responses(InUse))
@limited(Limit.OTP)
async def set_up_mfa(shop: ShopDep, caller: AnyCaller) -> MfaSetup:
    """A new secret for an authenticator app, as text, address and QR code; it counts once it is enabled."""
    return await service.set_up(shop.store, shop.keys, caller)


@routes.post("/auth/mfa/enable", responses=responses(MfaInvalid))
@limited(Limit.OTP)
async def enable_mfa(body: TotpCode, shop: ShopDep, caller: AnyCaller) -> RecoveryCodes:
    """Ask for codes from now on; the recovery codes are shown this once, and every other session ends."""
    codes = await service.enable(shop.store, shop.keys, caller, body.code)
    return RecoveryCodes(recovery_codes=codes)


@routes.post("/auth/mfa/disable", responses=responses(InvalidCredentials, MfaInvalid, AccountLocked))
@limited(Limit.OTP)
async def disable_mfa(body: MfaDisable, shop: ShopDep, caller: SignedInCaller, device: DeviceDep) -> Message:
    """Ask for no codes any more; every other session ends."""
    await service.disable(shop.store, shop.keys, caller, device, body.password, body.code)
    return Message(message="MFA is off")


@routes.post("/auth/mfa/recovery-codes", responses=responses(MfaInvalid, AccountLocked))
@limited(Limit.OTP)
async def renew_recovery_codes(body: Proof, shop: ShopDep, caller: SignedInCaller) -> RecoveryCodes:
    """New recovery codes, shown this once; the old ones are void."""
    codes = await service.renew_codes(shop.store, shop.keys, caller, body.code)
    return RecoveryCodes(recovery_codes=codes)


@routes.post(
    "/auth/mfa/verify",
    responses=responses(
        MfaInvalid,
        TokenInvalid,
        TokenExpired,
        TokenRevoked,
        InvalidCredentials,
        AccountSuspended,
        CrossSite,
        AccountLocked,
    ),
)
@limited(Limit.OTP)
async def verify_mfa(
    body: MfaVerify, request: Request, response: Response, shop: ShopDep, device: DeviceDep
) -> SignedIn:
    """The second half of signing in: the token that it answered, and a code."""
    require_same_site(request)  # it sets the cookie
    issued = await service.verify(shop.store, shop.keys, body.mfa_token, body.code, device)
    return await welcome_in(issued, request, response, shop)


@routes.post("/auth/step-up", responses=responses(MfaInvalid, TokenRevoked, AccountLocked))
@limited(Limit.OTP)
async def step_up(body: Proof, shop: ShopDep, caller: SignedInCaller) -> SteppedUp:
    """Show a fresh code, for ten minutes of what asks for one: this session, and no other."""
    return SteppedUp(stepped_up_until=await service.step_up(shop.store, shop.keys, caller, body.code))


@routes.delete("/users/{user_id}/mfa", status_code=204, responses=responses(NotFound, StepUpRequired))
async def remove_user_mfa(user_id: Id, shop: ShopDep, helper: Helper) -> None:
    """Switch off the MFA of somebody who lost phone and recovery codes; all their sessions end."""
    await service.take_away(shop.store, shop.keys, helper, user_id)
