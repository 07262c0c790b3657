"""Holding a settlement file against the payment ledger, both ways, a few hundred lines at a time."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from truestyle.payments.models import Entry, EntryKind, EntryState, Payment, PaymentType
from truestyle.payments.settlement.models import Difference, DifferenceKind, SettlementReport
from truestyle.payments.settlement.reading import Line, Unreadable, lines
from truestyle.store import Store

BATCH = 500
SHOWN = 1000
THROUGH_THE_GATEWAY = (None, "original")


@dataclass
class _Check:
    """A check under way."""

    report: SettlementReport
    seen: set[str] = field(default_factory=set)

    def differs(self, kind: DifferenceKind, message: str, **facts: object) -> None:
        self.report.difference_count += 1
        self.report.clean = False
        if len(self.report.differences) < SHOWN:
            self.report.differences.append(Difference.model_validate({"kind": kind, "message": message, **facts}))


async def check(store: Store, text: Iterable[str], provider: PaymentType | None = None) -> SettlementReport:
    """Match every line with the ledger, and the ledger of that time with the lines. Raises ValidationFailed.

    Reads only. The time is from the first to the last transaction of the file, by the gateway's clock.
    """
    dialect, found = await asyncio.to_thread(lines, text, provider)
    work = _Check(SettlementReport(provider=dialect.provider))
    while part := await asyncio.to_thread(lambda: list(islice(found, BATCH))):
        readable = [one for one in part if isinstance(one, Line)]
        for one in part:
            work.report.rows += 1
            if isinstance(one, Unreadable):
                work.differs(DifferenceKind.UNREADABLE, f"Row {one.row} {one.message}.", row=one.row)
        known = await store.payments.by_references([one.reference for one in readable if one.kind is not None])
        for line in readable:
            _add(work.report, line)
            if line.kind is not None:
                _match(work, line, known)
    await _missing(store, work)
    return work.report


def _add(report: SettlementReport, line: Line) -> None:
    """The figures of the file."""
    groups = {EntryKind.CAPTURE: report.payments, EntryKind.REFUND: report.refunds, None: report.other}
    group = groups[line.kind]
    group.count += 1
    group.amount += line.amount
    report.fees += line.fee
    report.tax += line.tax
    report.net += line.net
    if line.at is not None and line.kind is not None:
        report.first_at = min(report.first_at or line.at, line.at)
        report.last_at = max(report.last_at or line.at, line.at)


def _match(work: _Check, line: Line, known: list[Payment]) -> None:
    facts = {"row": line.row, "reference": line.reference, "settled": line.amount}
    if line.reference in work.seen:
        work.differs(DifferenceKind.TWICE, "It is in the file twice.", **facts)
        return
    work.seen.add(line.reference)
    provider = work.report.provider
    hits = [
        (payment, entry)
        for payment in known
        if payment.provider == provider
        for entry in payment.ledger
        if entry.reference == line.reference and entry.kind is line.kind
    ]
    if not hits:
        work.differs(DifferenceKind.MISSING_IN_LEDGER, f"The ledger has no such {line.kind}.", **facts)
        return
    payment, entry = hits[0]
    amount = sum(one.amount for _, one in hits)
    facts |= {"payment_id": payment.id, "order_id": payment.order_id, "ledger": amount}
    if line.currency != payment.currency:
        message = f"Settled in {line.currency}, not in {payment.currency}."
        work.differs(DifferenceKind.CURRENCY_DIFFERS, message, **facts)
    elif entry.state is not EntryState.DONE:
        work.differs(DifferenceKind.NOT_DONE, f"It is settled, and {entry.state} in the ledger.", **facts)
    elif amount != line.amount:
        work.differs(DifferenceKind.AMOUNT_DIFFERS, "The amounts differ.", **facts)
    else:
        work.report.matched += 1


async def _missing(store: Store, work: _Check) -> None:
    """What the ledger has of that time, and the file has not."""
    first, last = work.report.first_at, work.report.last_at
    if first is None or last is None:
        return
    async for payment in store.payments.moved_between(work.report.provider, first, last):
        for entry in payment.ledger:
            if first <= entry.at <= last and _went_through(entry) and entry.reference not in work.seen:
                work.differs(
                    DifferenceKind.MISSING_IN_SETTLEMENT,
                    f"The file has no such {entry.kind}.",
                    reference=entry.reference,
                    payment_id=payment.id,
                    order_id=payment.order_id,
                    ledger=entry.amount,
                )


def _went_through(entry: Entry) -> bool:
    """Whether the gateway moved the money, not the store's own books or somebody's bank."""
    return entry.state is EntryState.DONE and entry.to in THROUGH_THE_GATEWAY
