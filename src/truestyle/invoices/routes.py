"""/orders/{order_id}/invoice and /orders/{order_id}/credit-notes."""

from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, OrderHolder, ShopDep, allowed
from truestyle.files.serving import respond
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.invoices import gstr1, keeping, reading
from truestyle.invoices.gstr1 import Table
from truestyle.invoices.keeping import Paper
from truestyle.invoices.models import InvoiceAnswer, InvoiceNotIssued, NoteAnswer, NoteList
from truestyle.kit.documents import Answer
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.types import Id

routes = router("/orders", tag="Invoices")
admin = router("/admin/gst", tag="Invoices")
Reader = Annotated[Caller, allowed(Permission.ORDERS_READ)]
CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string", "format": "binary"}}}
PDF: dict[str, Any] = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
Accept = Annotated[
    str | None, Header(max_length=1000, description="`application/json` for the data; otherwise the PDF is sent.")
]


def _both(model: type[Answer]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "As PDF, or its data as JSON.", "model": model, "content": PDF},
        206: {"description": "The part that `Range` asked for.", "content": PDF},
        304: {"description": "Not modified."},
    }


@routes.get(
    "/{order_id}/invoice",
    response_model=None,
    responses={**_both(InvoiceAnswer), **responses(NotFound, InvoiceNotIssued)},
)
async def get_invoice(
    order_id: Id, request: Request, shop: ShopDep, holder: OrderHolder, accept: Accept = None
) -> Response:
    """The invoice of an order, from the moment it is packed."""
    invoice = await reading.invoice_of(shop.store, holder, order_id)
    return await _sent(request, shop, invoice, reading.invoice_answer(invoice) if reading.wants_json(accept) else None)


@routes.get("/{order_id}/credit-notes", responses=responses(NotFound))
async def list_credit_notes(order_id: Id, store: Db, holder: OrderHolder) -> NoteList:
    """What was taken back of an order's invoice, oldest first."""
    return await reading.notes_of(store, holder, order_id)


@routes.get(
    "/{order_id}/credit-notes/{note_id}",
    response_model=None,
    responses={**_both(NoteAnswer), **responses(NotFound)},
)
async def get_credit_note(
    order_id: Id, note_id: Id, request: Request, shop: ShopDep, holder: OrderHolder, accept: Accept = None
) -> Response:
    """A credit note."""
    note = await reading.note_of(shop.store, holder, order_id, note_id)
    return await _sent(request, shop, note, reading.note_answer(note) if reading.wants_json(accept) else None)


@admin.get("/gstr1", response_class=Response, responses={200: {"description": "The table.", "content": CSV}})
@limited(Limit.EXPORT)
async def export_gstr1(
    store: Db,
    _: Reader,
    month: Annotated[str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="Like `2026-11`, in India.")],
    table: Annotated[Table, Query(description="Which table of the return.")] = Table.B2CS,
) -> Response:
    """A table of a month's GSTR-1 as CSV, in the columns of the GST offline tool."""
    parts = gstr1.export(store, table, gstr1.month_of(month))
    headers = {"content-disposition": f'attachment; filename="gstr1-{month}-{table.value}.csv"'}
    return StreamingResponse(parts, headers=headers, media_type="text/csv; charset=utf-8")


async def _sent(request: Request, shop: ShopDep, paper: Paper, data: Answer | None) -> Response:
    if data is not None:
        answer = Response(data.model_dump_json(), media_type="application/json")
    else:
        file = await keeping.file_of(shop.store, shop.storage, paper)
        answer = await respond(request, shop.storage, file, public=False)
        answer.headers["content-disposition"] = f'inline; filename="{keeping.name_of(paper)}"'
    answer.headers["vary"] = "Accept, Authorization, X-Order-Token"
    return answer
