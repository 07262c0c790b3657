"""/dev/mail: the mail that was sent, and every kind of mail with made-up facts. Only where `MAIL_PAGE` is set."""

from email.message import EmailMessage
from typing import Literal

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from truestyle.infra.mail import Shown
from truestyle.kit.errors import NotFound
from truestyle.mail import writing
from truestyle.mail.samples import facts_of
from truestyle.settings import Settings

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
Form = Literal["html", "txt"]


def install(app: FastAPI, settings: Settings) -> None:
    """Add the pages."""

    def sent(request: Request) -> list[EmailMessage]:
        mailer = request.app.state.shop.mailer
        return list(mailer.mails) if isinstance(mailer, Shown) else []

    @app.get("/dev/mail", include_in_schema=False)
    async def list_mail(request: Request) -> HTMLResponse:
        mails = [
            {"date": one["date"], "to": one["to"], "subject": one["subject"], "key": _key(one)} for one in sent(request)
        ]
        page = writing.templates().get_template("_sent.html").render(mails=mails, kinds=writing.kinds())
        return HTMLResponse(page, headers=HEADERS)

    @app.get("/dev/mail/samples/{kind}.{form}", include_in_schema=False)
    async def sample_mail(kind: str, form: Form) -> Response:
        if kind not in writing.kinds():
            raise NotFound
        return _body(writing.write(settings, kind, "asha@example.com", facts_of(kind), "sample"), form)

    @app.get("/dev/mail/{key}.{form}", include_in_schema=False)
    async def one_mail(key: str, form: Form, request: Request) -> Response:
        for one in sent(request):
            if _key(one) == key:
                return _body(one, form)
        raise NotFound


def _key(mail: EmailMessage) -> str:
    return str(mail["message-id"]).strip("<>").partition("@")[0]


def _body(mail: EmailMessage, form: Form) -> Response:
    part = mail.get_body(("html",) if form == "html" else ("plain",))
    if part is None:
        raise NotFound
    kind = HTMLResponse if form == "html" else PlainTextResponse
    return kind(part.get_content(), headers=HEADERS)
