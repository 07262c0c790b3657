"""What a credit note takes back of an invoice: pure, on paise.

Whole pieces are taken back at their frozen share of the line; a reduced price at the line's frozen rate. What was
credited before is known line by line, so that everything together is the invoice to the paisa, and never more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bson import ObjectId

from truestyle.invoices.models import CreditExceedsInvoice, PaperLine
from truestyle.kit import money
from truestyle.orders import tax
from truestyle.orders.models import LineTax, OrderItem
from truestyle.orders.shares import share

Key = ObjectId | None  # an item; None is shipping


@dataclass
class Done:
    """What was taken back of a line."""

    pieces: int = 0
    gross: int = 0
    cgst: int = 0
    igst: int = 0


@dataclass(frozen=True)
class Part:
    """What is to be taken back of a line: `gross` of it; the taxes of whole `pieces`, if that is what it is."""

    line: PaperLine
    pieces: int
    gross: int
    cgst: int | None = None
    igst: int | None = None
    discount: int = 0


def done(lines: Iterable[PaperLine]) -> dict[Key, Done]:
    """What earlier notes took back, by line."""
    found: dict[Key, Done] = {}
    for line in lines:
        one = found.setdefault(line.item_id, Done())
        one.pieces += line.quantity if line.item_id is not None else 0
        one.gross += line.line_total
        one.cgst += line.tax.cgst
        one.igst += line.tax.igst
    return found


def everything(lines: Sequence[PaperLine], before: Mapping[Key, Done]) -> list[Part]:
    """All that is left."""
    parts = []
    for line in lines:
        past = before.get(line.item_id, Done())
        pieces = line.quantity - past.pieces if line.item_id is not None else 0
        parts.append(Part(line, pieces, line.line_total - past.gross))
    return parts


def of_pieces(
    lines: Sequence[PaperLine],
    items: Mapping[ObjectId, OrderItem],
    wanted: Mapping[ObjectId, int],
    before: Mapping[Key, Done],
) -> list[Part]:
    """Whole pieces by item, less what their prices were reduced by before. Raises ValueError: more than there are."""
    parts = []
    known = {line.item_id: line for line in lines}
    for key, pieces in wanted.items():
        if pieces == 0:
            continue
        line, past = known.get(key), before.get(key, Done())
        if line is None:
            msg = f"the invoice has no item {key}"
            raise ValueError(msg)
        value = share(items[key], past.pieces, pieces)
        gross = min(value.gross, line.line_total - past.gross)
        parts.append(Part(line, pieces, gross, value.cgst, value.igst, value.discount))
    return parts


def of_amount(lines: Sequence[PaperLine], amount: int, before: Mapping[Key, Done]) -> list[Part]:
    """An amount spread over what is left of the goods by largest remainder; of shipping only what goes beyond them.

    Raises CreditExceedsInvoice.
    """
    left = [line.line_total - before.get(line.item_id, Done()).gross for line in lines]
    goods = [one if line.item_id is not None else 0 for one, line in zip(left, lines, strict=True)]
    of_goods = min(amount, sum(goods))
    if amount > sum(left):
        raise CreditExceedsInvoice
    parts = [Part(line, 0, one) for line, one in zip(lines, money.shares(of_goods, goods), strict=True)]
    beyond = amount - of_goods
    return [
        Part(part.line, 0, part.gross if part.line.item_id is not None else beyond)
        for part in parts
        if part.gross or (beyond and part.line.item_id is None)
    ]


def scaled(parts: Sequence[Part], amount: int) -> list[Part]:
    """The same pieces, of which only `amount` is taken back. Raises CreditExceedsInvoice."""
    weights = [one.gross for one in parts]
    if amount == sum(weights):
        return list(parts)
    if amount > sum(weights):
        raise CreditExceedsInvoice
    split = money.shares(amount, weights)
    return [Part(one.line, one.pieces, gross) for one, gross in zip(parts, split, strict=True)]


def after(before: Mapping[Key, Done], parts: Iterable[Part]) -> dict[Key, Done]:
    """What will have been taken back of each line, taxes aside."""
    found = {key: Done(one.pieces, one.gross) for key, one in before.items()}
    for part in parts:
        one = found.setdefault(part.line.item_id, Done())
        one.gross += part.gross
    return found


def joined(first: Sequence[Part], second: Sequence[Part]) -> list[Part]:
    """Both, with one part a line."""
    more = {one.line.item_id: one for one in second}
    both = []
    for one in first:
        other = more.pop(one.line.item_id, None)
        both.append(one if other is None else Part(one.line, one.pieces, one.gross + other.gross))
    return both + list(more.values())


def untaxed(line: PaperLine) -> PaperLine:
    """The same money, without taking tax back."""
    none = LineTax(rate=line.tax.rate, cgst=0, sgst=0, igst=0)
    return line.model_copy(update={"taxable_value": line.line_total, "tax": none})


def credited(part: Part, past: Done) -> PaperLine:
    """The line of the note. CGST and SGST stay equal; nothing is negative; the last part takes what is left."""
    line, gross = part.line, part.gross
    if past.gross + gross == line.line_total:
        cgst, igst = line.tax.cgst - past.cgst, line.tax.igst - past.igst
    elif part.cgst is not None and part.igst is not None:
        cgst, igst = part.cgst, part.igst
    else:
        inside = tax.split(gross, int(line.tax.rate), intra_state=not line.tax.igst)
        cgst, igst = inside.cgst, inside.igst
    # A paisa or two may have no room for the taxes that rounding left over.
    cgst = max(0, min(cgst, line.tax.cgst - past.cgst, gross // 2))
    igst = max(0, min(igst, line.tax.igst - past.igst, gross))
    return line.model_copy(
        update={
            "quantity": part.pieces if line.item_id is not None else 0,
            "discount": part.discount,
            "taxable_value": gross - 2 * cgst - igst,
            "tax": LineTax(rate=line.tax.rate, cgst=cgst, sgst=cgst, igst=igst),
            "line_total": gross,
        }
    )
