"""Invoices and credit notes as PDF: the same data, the same bytes."""

from importlib import resources
from typing import Any

from truestyle.infra import typesetting
from truestyle.infra.typesetting import shown
from truestyle.invoices.models import CreditNote, Invoice, PaperLine, Postal
from truestyle.invoices.series import day_of
from truestyle.kit.money import grouped

UNION_TERRITORIES = {"04", "26", "31", "35", "38"}  # those without a legislature: UTGST in place of SGST
PAYMENTS = {"cod": "Cash on delivery", "upi": "UPI", "card": "Card", "store_credit": "Store credit"}


async def pdf(paper: Invoice | CreditNote) -> bytes:
    """The PDF of an invoice or a credit note; always the same."""
    return await typesetting.in_turn(render, paper)


def render(paper: Invoice | CreditNote, **options: Any) -> bytes:
    """The PDF, in this thread. `options` are typst's, for looking at it in another format."""
    template = resources.files("truestyle.invoices").joinpath("paper.typ").read_bytes()
    return typesetting.compiled(template, data_of(paper), paper.issued_at, **options)


def data_of(paper: Invoice | CreditNote) -> dict[str, Any]:
    """What the template is given: texts as they are to be read, nothing to be worked out there."""
    note = isinstance(paper, CreditNote)
    every = [*paper.lines, paper.shipping] if paper.shipping else list(paper.lines)
    plain = isinstance(paper, CreditNote) and paper.commercial
    state_tax = "UTGST" if paper.place_of_supply.state_code in UNION_TERRITORIES else "SGST"
    return {
        "title": _title(paper),
        "number": paper.number or "",
        "day": _day(paper.issued_at),
        "seller": {
            **_postal(paper.seller),
            "legal_name": shown(paper.seller.legal_name),
            "contact": [one for one in (paper.seller.email, paper.seller.phone, paper.seller.website) if one],
        },
        "buyer": _postal(paper.buyer),
        "ship_to": _postal(paper.ship_to),
        "facts": _facts(paper),
        "note": {"reason": shown(paper.reason), "plain": plain} if isinstance(paper, CreditNote) else None,
        "inter_state": paper.inter_state,
        # Who is not registered may not collect GST (CGST Act, s. 32): their invoice shows none.
        "taxed": bool(paper.seller.gstin) and not plain,
        "registered": bool(paper.seller.gstin),
        "state_tax": state_tax,
        "lines": [_line(one, note=note) for one in every],
        "by_rate": _by_rate(every),
        "totals": {
            "taxable_value": grouped(paper.totals.taxable_value),
            "cgst": grouped(paper.totals.cgst),
            "sgst": grouped(paper.totals.sgst),
            "igst": grouped(paper.totals.igst),
            "discount": grouped(paper.totals.discount) if paper.totals.discount else "",
            "total": grouped(paper.totals.total),
        },
        "words": paper.amount_in_words,
    }


def _title(paper: Invoice | CreditNote) -> str:
    if isinstance(paper, CreditNote):
        return "Credit note"
    return "Tax invoice" if paper.seller.gstin else "Invoice"


def _facts(paper: Invoice | CreditNote) -> list[list[str]]:
    supply = paper.place_of_supply
    facts = [["Order", paper.order_number], ["Ordered on", _day(paper.ordered_at)]]
    if isinstance(paper, CreditNote):
        facts = [["Invoice", paper.invoice_number], ["Invoice date", _day(paper.invoiced_at)], *facts[:1]]
    else:
        facts.append(["Payment", PAYMENTS.get(paper.payment, "Prepaid")])
    if not paper.seller.gstin:
        return facts
    facts.append(["Place of supply", f"{supply.state} ({supply.state_code})" if supply.state_code else supply.state])
    facts.append(["Reverse charge", "Yes" if paper.reverse_charge else "No"])
    return facts


def _day(moment: Any) -> str:
    day = day_of(moment)
    return f"{day.day} {day:%B %Y}"


def _postal(one: Postal) -> dict[str, Any]:
    town = " ".join(filter(None, [one.city, one.pincode]))
    state = f"{one.state} ({one.state_code})" if one.state_code else one.state
    lines = [one.line1, one.line2, one.landmark, ", ".join(filter(None, [town, state]))]
    return {"name": shown(one.name), "lines": [shown(line) for line in lines if line], "gstin": one.gstin or ""}


def _line(line: PaperLine, *, note: bool) -> dict[str, Any]:
    details = " · ".join(shown(one) for one in (line.size, line.color, line.sku) if one)
    counted = f"{line.quantity} {line.uqc}" if line.quantity else ""
    return {
        "name": shown(line.name),
        "details": details if line.quantity or not note else " · ".join(filter(None, [details, "price reduced"])),
        "hsn": line.hsn_code or "",
        "quantity": counted,
        "unit_price": grouped(line.unit_price) if line.quantity else "",
        "discount": grouped(line.discount) if line.discount else "",
        "taxable_value": grouped(line.taxable_value),
        "rate": percent(line.tax.rate),
        "half_rate": percent(line.tax.rate, 2),
        "cgst": grouped(line.tax.cgst),
        "sgst": grouped(line.tax.sgst),
        "igst": grouped(line.tax.igst),
        "total": grouped(line.line_total),
    }


def _by_rate(lines: list[PaperLine]) -> list[dict[str, str]]:
    """The taxes summed by HSN code and rate."""
    sums: dict[tuple[str, int], list[int]] = {}
    for line in lines:
        one = sums.setdefault((line.hsn_code or "", int(line.tax.rate)), [0, 0, 0, 0])
        for at, amount in enumerate((line.taxable_value, line.tax.cgst, line.tax.sgst, line.tax.igst)):
            one[at] += amount
    return [
        {
            "hsn": hsn,
            "rate": percent(str(rate)),
            **{
                name: grouped(amount)
                for name, amount in zip(("taxable_value", "cgst", "sgst", "igst"), one, strict=True)
            },
            "tax": grouped(sum(one[1:])),
        }
        for (hsn, rate), one in sorted(sums.items())
    ]


def percent(rate: str, parts: int = 1) -> str:
    """A rate, or its half: ("5", 2) → "2.5 %"."""
    return f"{int(rate) / parts:g} %"
