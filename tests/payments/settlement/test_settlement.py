"""Settlement files against the ledger."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import ObjectId
from rich.console import Console

from tests import make
from truestyle.cli.common import CommandFailedError
from truestyle.cli.settling import settlement
from truestyle.kit.errors import ValidationFailed
from truestyle.payments.models import Entry, EntryKind, EntryState, Payment, PaymentStatus, PaymentType
from truestyle.payments.settlement.matching import check
from truestyle.payments.settlement.models import SettlementReport
from truestyle.payments.settlement.reading import Line, lines
from truestyle.shop import Shop
from truestyle.store import Store

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DASHBOARD = (
    "transaction_entity,entity_id,amount,currency,fee (exclusive tax),tax,debit,credit,payment_method,card_type,"
    "issuer_name,entity_created_at,payment_captured_at,payment_notes,refund_notes,arn,entity_description,order_id,"
    "order_receipt,order_notes,dispute_id,dispute_created_at,dispute_reason,settlement_id,settled_at,settlement_utr,"
    "settled_by"
)
RECON = (
    "entity_id,type,debit,credit,amount,currency,fee,tax,on_hold,settled,created_at,settled_at,settlement_id,"
    "description,notes,payment_id,settlement_utr,order_id,order_receipt,method,card_network,card_issuer,card_type"
)
STRIPE = (
    "automatic_payout_id,automatic_payout_effective_at_utc,balance_transaction_id,created_utc,currency,gross,fee,net,"
    "reporting_category,source_id,payment_intent_id,charge_id,description"
)


def csv_of(header: str, *rows: dict[str, Any]) -> str:
    names = header.split(",")
    return "\r\n".join([header, *(",".join(str(row.get(name, "")) for name in names) for row in rows)]) + "\r\n"


def paid(reference: str, rupees: str, *, minutes: int = 0, **more: Any) -> dict[str, Any]:
    """A payment as the dashboard's report has it: 2 % fee, 18 % tax on that, both left out where they do not matter."""
    moment = (NOON + timedelta(minutes=minutes, hours=5.5)).strftime("%d/%m/%Y %H:%M:%S")  # in India
    return {
        "transaction_entity": "payment",
        "entity_id": reference,
        "amount": rupees,
        "currency": "INR",
        "fee (exclusive tax)": "2.00",
        "tax": "0.36",
        "debit": "0.0",
        "credit": f"{float(rupees) - 2.36:.2f}",
        "entity_created_at": moment,
        "settlement_utr": "1568176960vxp0rj",
        **more,
    }


def given(reference: str, rupees: str, *, minutes: int = 0, **more: Any) -> dict[str, Any]:
    none = {"fee (exclusive tax)": "0", "tax": "0", "credit": "0", "debit": rupees}
    return paid(reference, rupees, minutes=minutes, **{"transaction_entity": "refund", **none, **more})


def entry(reference: str, amount: int, minutes: int = 0, **more: Any) -> Entry:
    kind = EntryKind.CAPTURE if amount > 0 else EntryKind.REFUND
    return Entry(kind=kind, amount=amount, reference=reference, at=NOON + timedelta(minutes=minutes), **more)


async def keep(store: Store, *ledger: Entry, provider: str = "razorpay") -> Payment:
    payment = Payment(
        order_id=ObjectId(),
        type=PaymentType(provider),
        provider=provider,
        status=PaymentStatus.PAID,
        amount=ledger[0].amount,
        reference=ledger[0].reference,
        provider_reference=f"order_{ledger[0].reference}",
        ledger=list(ledger),
    )
    await store.payments.write([payment])
    return payment


async def checked(store: Store, text: str, provider: PaymentType | None = None) -> SettlementReport:
    return await check(store, io.StringIO(text, newline=""), provider)


def told(report: SettlementReport) -> list[tuple[str, str | None, int | None, int | None]]:
    return [(one.kind, one.reference, one.settled, one.ledger) for one in report.differences]


async def test_a_file_that_fits(store: Store) -> None:
    await keep(store, entry("pay_1", 100000), entry("rfnd_1", -30000, 30))
    await keep(store, entry("pay_2", 50050, 10))
    text = csv_of(
        DASHBOARD, paid("pay_1", "1000.00"), paid("pay_2", "500.5", minutes=10), given("rfnd_1", "300.0", minutes=30)
    )
    report = await checked(store, text)
    assert (report.provider, report.clean, report.rows, report.matched) == (PaymentType.RAZORPAY, True, 3, 3)
    assert (report.payments.count, report.payments.amount) == (2, 150050)
    assert (report.refunds.count, report.refunds.amount) == (1, -30000)
    assert (report.fees, report.tax) == (400, 72)
    assert report.net == 150050 - 400 - 72 - 30000
    assert (report.first_at, report.last_at) == (NOON, NOON + timedelta(minutes=30))
    assert report.differences == []


async def test_every_way_to_differ(store: Store) -> None:
    one = await keep(store, entry("pay_1", 100000), entry("rfnd_1", -30000, 1, state=EntryState.PENDING))
    await keep(store, entry("pay_2", 100000, 2))
    await keep(store, entry("pay_3", 100000, 3), entry("rfnd_3", -10000, 3))
    await keep(store, entry("pay_4", 100000, 4), provider="stripe")
    text = csv_of(
        DASHBOARD,
        paid("pay_1", "1000.00"),
        given("rfnd_1", "300.00", minutes=1),
        paid("pay_2", "999.99", minutes=2),
        paid("pay_2", "999.99", minutes=2),
        paid("pay_9", "12.00", minutes=3),
        paid("pay_4", "1000.00", minutes=4),
        paid("pay_5", "1000.00", currency="USD", minutes=5),
        paid("pay_6", "1.00", minutes=5, amount="a lot"),
        {
            "transaction_entity": "adjustment",
            "entity_id": "adj_1",
            "amount": "5.00",
            "currency": "INR",
            "debit": "5.00",
        },
    )
    report = await checked(store, text)
    assert told(report) == [
        ("unreadable", None, None, None),
        ("not_done", "rfnd_1", -30000, -30000),
        ("amount_differs", "pay_2", 99999, 100000),
        ("twice", "pay_2", 99999, None),
        ("missing_in_ledger", "pay_9", 1200, None),
        ("missing_in_ledger", "pay_4", 100000, None),
        ("missing_in_ledger", "pay_5", 100000, None),
        ("missing_in_settlement", "pay_3", None, 100000),
        ("missing_in_settlement", "rfnd_3", None, -10000),
    ]
    assert not report.clean
    assert report.differences[0].message == "Row 9 has no amount in amount."
    assert (report.differences[1].row, report.differences[1].payment_id) == (3, one.id)
    assert (report.rows, report.matched, report.difference_count) == (9, 1, 9)
    assert (report.other.count, report.other.amount) == (1, -500)


async def test_settled_in_another_currency(store: Store) -> None:
    await keep(store, entry("pay_1", 100000))
    report = await checked(store, csv_of(DASHBOARD, paid("pay_1", "1000.00", currency="USD")))
    assert told(report) == [("currency_differs", "pay_1", 100000, 100000)]


async def test_only_what_went_through_the_gateway_in_that_time_is_missed(store: Store) -> None:
    await keep(store, entry("pay_1", 100000))
    await keep(store, entry("pay_2", 100000, 60))
    await keep(store, entry("pay_before", 100000, -1))
    await keep(store, entry("pay_after", 100000, 61))
    await keep(
        store,
        entry("pay_3", 100000, 30),
        entry("credit", -1000, 31, to="store_credit"),
        entry("to a bank", -1000, 32, to="asha@okbank"),
        entry("waits", -1000, 33, state=EntryState.PENDING),
        entry("failed", 0, 34, state=EntryState.FAILED),
        entry("rfnd_3", -1000, 35, to="original"),
    )
    await keep(store, entry("pi_1", 100000, 30), provider="stripe")
    report = await checked(store, csv_of(DASHBOARD, paid("pay_1", "1000"), paid("pay_2", "1000", minutes=60)))
    assert told(report) == [
        ("missing_in_settlement", "pay_3", None, 100000),
        ("missing_in_settlement", "rfnd_3", None, -1000),
    ]


async def test_razorpays_recon_api_counts_in_paise_with_tax_in_the_fee(store: Store) -> None:
    await keep(store, entry("pay_1", 100000), entry("rfnd_1", -24250, 5))
    seconds = int(NOON.timestamp())
    text = csv_of(
        RECON,
        {"entity_id": "pay_1", "type": "payment", "debit": 0, "credit": 97640, "amount": 100000, "currency": "INR"}
        | {"fee": 2360, "tax": 360, "created_at": seconds},
        {"entity_id": "rfnd_1", "type": "refund", "debit": 24250, "credit": 0, "amount": 24250, "currency": "INR"}
        | {"fee": 0, "tax": 0, "created_at": seconds + 300},
        {"entity_id": "trf_1", "type": "transfer", "debit": 100, "credit": 0, "amount": 100, "currency": "INR"},
    )
    report = await checked(store, text)
    assert (report.clean, report.matched, report.fees, report.tax) == (True, 2, 2000, 360)
    assert (report.net, report.other.amount) == (97640 - 24250 - 100, -100)


async def test_stripes_payout_reconciliation(store: Store) -> None:
    await keep(store, entry("pi_1", 149900), entry("re_1", -50000, 9), provider="stripe")
    charge = {"reporting_category": "charge", "source_id": "ch_1", "payment_intent_id": "pi_1", "charge_id": "ch_1"}
    refund = {"reporting_category": "refund", "source_id": "re_1", "payment_intent_id": "pi_1", "charge_id": "ch_1"}
    text = csv_of(
        STRIPE,
        {**charge, "currency": "inr", "gross": "1499.00", "fee": "53.06", "net": "1445.94"}
        | {"created_utc": "2026-11-02 12:00:00", "description": "=cmd()"},
        {**refund, "currency": "inr", "gross": "-500.00", "fee": "0.00", "net": "-500.00"}
        | {"created_utc": "2026-11-02 12:09:00"},
        {"reporting_category": "payout", "source_id": "po_1", "currency": "inr", "gross": "-945.94", "net": "-945.94"},
    )
    report = await checked(store, text)
    assert (report.provider, report.clean, report.matched) == (PaymentType.STRIPE, True, 2)
    assert (report.payments.amount, report.refunds.amount, report.fees) == (149900, -50000, 5306)
    assert (report.other.count, report.other.amount, report.net) == (1, -94594, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no settlement report that we know"),
        ("a,b\n1,2\n", "is no settlement report that we know"),
        (STRIPE.replace(",payment_intent_id", "") + "\n", "it lacks: payment_intent_id"),
        (DASHBOARD + ",amount\n", "has a column twice"),
    ],
)
def test_what_is_no_settlement_file(text: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        lines(io.StringIO(text))
    assert message in caught.value.members["errors"][0]["msg"]


def test_a_file_of_the_other_gateway() -> None:
    with pytest.raises(ValidationFailed):
        lines(io.StringIO(DASHBOARD + "\n"), PaymentType.STRIPE)


@pytest.mark.parametrize(
    ("written", "paise"),
    [
        ("1499.00", 149900),
        ("1499", 149900),
        ("1499.5", 149950),
        ("1,499.00", 149900),
        ("0.01", 1),
        ("1.5000", 150),
        ("", 0),
    ],
)
def test_rupees(written: str, paise: int) -> None:
    row = {name: f'"{value}"' for name, value in paid("pay_1", "1.00", amount=written).items()}
    _, found = lines(io.StringIO(csv_of(DASHBOARD, row), newline=""))
    [line] = found
    assert isinstance(line, Line)
    assert line.amount == paise


@pytest.mark.parametrize("written", ["1.005", "1e3", "₹1", "१", "0x1", "1.0.0", "--1", "NaN", "9" * 13])
def test_what_is_no_amount_is_told(written: str) -> None:
    _, found = lines(io.StringIO(csv_of(DASHBOARD, paid("pay_1", "1.00", amount=written)), newline=""))
    [line] = found
    assert not isinstance(line, Line)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-02T17:30:00", NOON),
        ("2026-11-02T12:00:00+00:00", NOON),
        ("02/11/2026 17:30:00", NOON),
        (str(int(NOON.timestamp())), NOON),
        ("some day", None),
        ("", None),
    ],
)
def test_times(written: str, moment: datetime | None) -> None:
    row = paid("pay_1", "1.00", entity_created_at=written)
    _, found = lines(io.StringIO(csv_of(DASHBOARD, row), newline=""))
    [line] = found
    assert isinstance(line, Line)
    assert line.at == moment


def test_a_short_record_and_a_torn_file() -> None:
    _, found = lines(io.StringIO(f'{DASHBOARD}\npayment,pay_1\n\n"never closed' + "x" * 200_000))
    first, second = found
    assert not isinstance(first, Line)
    assert (first.row, first.message) == (2, "has 2 cells where the header has 27")
    assert not isinstance(second, Line)
    assert "cannot be read from here on" in second.message


async def test_every_query_has_an_index(store: Store) -> None:
    queries: list[dict[str, Any]] = [
        {"ledger.reference": {"$in": ["pay_1", "pay_2"]}},
        {"provider": "razorpay", "ledger": {"$elemMatch": {"at": {"$gte": NOON, "$lte": NOON}}}},
    ]
    for where in queries:
        plan = await store.db["payments"].find(where).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


async def test_many_lines_are_matched_in_parts(store: Store) -> None:
    payments = [
        Payment(
            order_id=ObjectId(),
            type=PaymentType.RAZORPAY,
            provider="razorpay",
            amount=100,
            ledger=[entry(f"pay_{n}", 100)],
        )
        for n in range(1203)
    ]
    await store.payments.write(payments)
    report = await checked(store, csv_of(DASHBOARD, *(paid(f"pay_{n}", "1.00") for n in range(1203))))
    assert (report.clean, report.rows, report.matched) == (True, 1203, 1203)


async def test_the_first_thousand_differences_are_told_and_all_counted(store: Store) -> None:
    report = await checked(store, csv_of(DASHBOARD, *(paid(f"pay_{n}", "1.00") for n in range(1010))))
    assert (len(report.differences), report.difference_count) == (1000, 1010)


async def sent(client: httpx.AsyncClient, person: make.Person, content: bytes, **form: str) -> httpx.Response:
    files = {"file": ("settlement.csv", content, "text/csv")}
    return await client.post("/admin/settlements", files=files, data=form, headers=person.headers)


async def test_over_http(client: httpx.AsyncClient, store: Store, staff: make.Person, shopper: make.Person) -> None:
    payment = await keep(store, entry("pay_1", 100000))
    content = b"\xef\xbb\xbf" + csv_of(DASHBOARD, paid("pay_1", "999.00")).encode()
    answer = await sent(client, staff, content, provider="razorpay")
    assert answer.status_code == 200
    report = answer.json()
    assert (report["clean"], report["payments"]) == (False, {"count": 1, "amount": "999.00"})
    assert report["differences"] == [
        {
            "kind": "amount_differs",
            "row": 2,
            "reference": "pay_1",
            "payment_id": str(payment.id),
            "order_id": str(payment.order_id),
            "settled": "999.00",
            "ledger": "1000.00",
            "message": "The amounts differ.",
        }
    ]
    assert (await sent(client, shopper, content)).status_code == 403
    for bad in (b"", b"a,b\n", b"\xff\xfe\x00", b"PK\x03\x04"):
        refused = await sent(client, staff, bad)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
    assert (await sent(client, staff, content, provider="stripe")).status_code == 422
    assert (await sent(client, staff, content, provider="cod")).status_code == 422
    assert (await store.payments.get(payment.id)).version == 1


async def test_on_the_command_line(shop: Shop, store: Store, tmp_path: Path) -> None:
    await keep(store, entry("pay_1", 100000))
    path, screen = tmp_path / "settlement.csv", Console(record=True, width=40, file=io.StringIO())
    path.write_text(csv_of(DASHBOARD, paid("pay_1", "1000.00")))
    assert await settlement(shop, path, None, console=screen)
    assert "1 rows, 1 matched" in " ".join(screen.export_text(clear=False).split())
    path.write_text(csv_of(DASHBOARD, paid("pay_[1]", "1000.00")))
    assert not await settlement(shop, path, PaymentType.RAZORPAY, console=screen)
    words = screen.export_text()
    assert "missing_in_ledger" in words
    assert "row 2: missing_in_ledger pay_[1]  settled 1000.00, ledger –\n" in words  # whole, to be copied
    path.write_text("nothing\n")
    with pytest.raises(CommandFailedError):
        await settlement(shop, path, None, console=screen)
