"""/auth: what needs a mail in between (confirming an address, a forgotten password, another address), and sessions."""

from typing import Annotated

from fastapi import Path
from starlette.convertors import StringConvertor, register_url_convertor

from truestyle.auth import mailed, service
from truestyle.auth.errors import AccountLocked, InvalidCredentials, OtpExpired, OtpInvalid, WeakPassword
from truestyle.auth.models import (
    Code,
    EmailCode,
    EmailOnly,
    LinkToken,
    Message,
    NewEmail,
    Purpose,
    ResetByCode,
    ResetByToken,
    SessionAnswer,
)
from truestyle.deps import Db, DeviceDep, ShopDep, SignedInCaller
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.kit.errors import Duplicate, NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.shop import Shop
from truestyle.users.models import UserAnswer

routes = router("/auth", tag="Auth")


class LinkConvertor(StringConvertor):
    """The segment with a token: never `resend`, which is a path of its own."""

    regex = "(?!resend$)[^/]+"


register_url_convertor("link", LinkConvertor())
SENT = Message(message="If there is such an account, a mail is on its way.")


async def _ask(shop: Shop, purpose: Purpose, email: str) -> Message:
    await mailed.ask(shop.store, purpose, email)
    shop.worker.wake()
    return SENT


@routes.post("/verify-email", responses=responses(OtpInvalid, OtpExpired))
@limited(Limit.OTP)
async def verify_email(body: EmailCode, shop: ShopDep) -> Message:
    """Confirm an e-mail address with the code that was mailed."""
    await mailed.verify_by_code(shop.store, shop.keys, body.email, body.code)
    return Message(message="Address confirmed")


@routes.post("/verify-email/resend", status_code=202)
@limited(Limit.OTP)
async def resend_verification(body: EmailOnly, shop: ShopDep) -> Message:
    """Have the mail sent again; the answer is the same for every address."""
    return await _ask(shop, Purpose.VERIFY, body.email)


@routes.get("/verify-email/{token:link}", responses=responses(OtpInvalid, OtpExpired))
@limited(Limit.OTP)
async def verify_email_by_link(
    token: Annotated[LinkToken, Path(description="As it stands in the link.")], shop: ShopDep
) -> Message:
    """Confirm an e-mail address by the link that was mailed."""
    await mailed.verify_by_token(shop.store, shop.keys, token)
    return Message(message="Address confirmed")


@routes.post("/forgot-password/request", status_code=202)
@limited(Limit.OTP)
async def request_password_reset(body: EmailOnly, shop: ShopDep) -> Message:
    """Have a code and a link mailed; the answer is the same for every address."""
    return await _ask(shop, Purpose.RESET, body.email)


@routes.post("/forgot-password/verify", responses=responses(OtpInvalid, OtpExpired, WeakPassword))
@limited(Limit.OTP)
async def reset_password(body: ResetByCode | ResetByToken, shop: ShopDep) -> Message:
    """Set a new password with the code or the link; every session ends."""
    if isinstance(body, ResetByCode):
        await mailed.reset_by_code(shop.store, shop.keys, body.email, body.otp, body.new_password)
    else:
        await mailed.reset_by_token(shop.store, shop.keys, body.token, body.new_password)
    return Message(message="Password changed")


@routes.post("/change-email", status_code=202, responses=responses(InvalidCredentials, AccountLocked))
@limited(Limit.LOGIN)
async def change_email(body: NewEmail, shop: ShopDep, caller: SignedInCaller, device: DeviceDep) -> Message:
    """Have a code sent to a new address; the old one is told."""
    await mailed.ask_for_another_address(shop.store, shop.keys, caller, device, body.new_email, body.password)
    shop.worker.wake()
    return Message(message="If the address is free, a mail is on its way.")


@routes.post("/change-email/confirm", responses=responses(OtpInvalid, OtpExpired, Duplicate))
@limited(Limit.OTP)
async def confirm_new_email(body: Code, shop: ShopDep, caller: SignedInCaller) -> UserAnswer:
    """Change the address with the code that went there."""
    return (await mailed.confirm_address(shop.store, shop.keys, caller, body.code)).answer(shop.store.shop)


@routes.get("/sessions")
async def list_sessions(
    store: Db, caller: SignedInCaller, query: Annotated[PageQuery, paging("-created_at", "created_at")]
) -> Page[SessionAnswer]:
    """The devices that the caller is signed in on."""
    return (await service.sessions(store, caller, query)).page()


@routes.delete("/sessions/{session_id}", status_code=204, responses=responses(NotFound))
async def end_session(session_id: Id, shop: ShopDep, caller: SignedInCaller) -> None:
    """Sign a device out; its access token ends too."""
    await service.end_session(shop.store, shop.keys, caller, session_id)
