"""/admin/settlements: what a gateway paid out, against the ledger."""

import io
from typing import Annotated, Literal

from fastapi import Form, UploadFile

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, allowed
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.payments.models import PaymentType
from truestyle.payments.settlement import matching
from truestyle.payments.settlement.models import SettlementReport

routes = router("/admin/settlements", tag="Dashboard")
Bookkeeper = Annotated[Caller, allowed(Permission.SETTLEMENTS_CHECK)]


@routes.post("")
@limited(Limit.EXPORT)
async def check_settlement(
    file: UploadFile,
    store: Db,
    _: Bookkeeper,
    provider: Annotated[
        Literal[PaymentType.STRIPE, PaymentType.RAZORPAY] | None,
        Form(description="Whose file it is; its columns tell, when this is left out."),
    ] = None,
) -> SettlementReport:
    """Match a gateway's settlement report (CSV) with the payment ledger; nothing is stored."""
    text = io.TextIOWrapper(file.file, encoding="utf-8-sig", newline="")
    try:
        return await matching.check(store, text, provider)
    finally:
        text.detach()  # the file is closed by who opened it
