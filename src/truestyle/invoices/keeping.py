"""The PDF of an invoice or credit note: made once, kept like any file, the same bytes for ever."""

import asyncio
import io
from collections.abc import Awaitable, Callable

from bson import ObjectId

from truestyle.files import service as files
from truestyle.files.models import File
from truestyle.infra.storage import Storage
from truestyle.invoices import typesetting
from truestyle.invoices.models import CreditNote, Invoice
from truestyle.kit.errors import NotFound
from truestyle.store import Store

Paper = Invoice | CreditNote
TYPE = "application/pdf"
_making: dict[ObjectId, asyncio.Task[File]] = {}


async def file_of(store: Store, storage: Storage, paper: Paper) -> File:
    """The file, made now if it is not there yet. Raises Unavailable."""
    if paper.pdf_id is not None:
        return await store.files.get(paper.pdf_id)
    making = _making.get(paper.id)
    if making is None:
        making = _making[paper.id] = asyncio.create_task(_make(store, storage, paper))
        making.add_done_callback(lambda _: _making.pop(paper.id, None))
    # Whoever asks for the same meanwhile waits for it too; who hangs up ends it for nobody.
    return await asyncio.shield(making)


async def content_of(store: Store, storage: Storage, paper: Paper) -> bytes:
    """The bytes of it. Raises Unavailable."""
    return await files.content(storage, await file_of(store, storage, paper))


async def _make(store: Store, storage: Storage, paper: Paper) -> File:
    made = await files.stage(
        store, storage, io.BytesIO(await typesetting.pdf(paper)), TYPE, public=False, owner_id=None
    )

    async def work(tx: Store) -> bool:
        if not await _keep(tx)(paper.id, made.id):
            return False
        await files.adopt(tx, made)
        return True

    def _keep(tx: Store) -> Callable[[ObjectId, ObjectId], Awaitable[bool]]:
        return tx.invoices.keep if isinstance(paper, Invoice) else tx.credit_notes.keep

    if await store.transaction(work):
        return made
    # Another process was sooner: theirs stays.
    await files.discard(storage, made)
    now = await (store.invoices if isinstance(paper, Invoice) else store.credit_notes).get(paper.id)
    if now.pdf_id is None:
        raise NotFound
    return await store.files.get(now.pdf_id)


def name_of(paper: Paper) -> str:
    """What the file is called when it is saved: `TS-2627-000001.pdf`."""
    if isinstance(paper, CreditNote) and paper.number is None:
        return f"refund-{paper.invoice_number.replace('/', '-')}.pdf"
    kind = "credit-note" if isinstance(paper, CreditNote) else "invoice"
    return f"{kind}-{str(paper.number).replace('/', '-')}.pdf"
