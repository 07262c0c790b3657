"""Which kind of catalogue file it is, told by its header."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from truestyle.catalog.importing import own, shopify, table, woocommerce
from truestyle.catalog.importing.models import DialectName, Findings, ParsedProduct, Row
from truestyle.catalog.importing.table import Header

OPTIONS = ("size", "option1_value", "attribute1_value", "color")  # where an error in the options is shown


@dataclass(frozen=True)
class Dialect:
    """One kind of file: known by having all of `needed`, and none of `absent`."""

    name: DialectName
    needed: tuple[frozenset[str], ...]  # of each of these, one
    fields: Callable[[Iterable[str]], Mapping[str, str]]  # column → our name for it
    read: Callable[[Sequence[Row], Findings], list[ParsedProduct]]
    said: str  # for people

    def fits(self, columns: frozenset[str]) -> bool:
        """Whether a file with these columns is of this kind."""
        return all(not columns.isdisjoint(one) for one in self.needed)


def _known(fields: Mapping[str, str]) -> Callable[[Iterable[str]], Mapping[str, str]]:
    return lambda columns: {name: fields[name] for name in columns if name in fields}


def _all(*names: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({name}) for name in names)


DIALECTS = (
    Dialect(DialectName.OWN, _all(*own.NEEDED), _known(own.FIELDS), own.read, "ours: slug, sku and price"),
    Dialect(
        DialectName.WOOCOMMERCE,
        (*_all("type", "sku", "name"), frozenset({"regular price", "sale price"})),
        woocommerce.fields,
        woocommerce.read,
        "WooCommerce's: Type, SKU, Name and Regular price",
    ),
    Dialect(
        DialectName.SHOPIFY_LEGACY,
        _all("handle", "variant price"),
        _known(shopify.FIELDS),
        shopify.read,
        "Shopify's: Handle and Variant Price",
    ),
    Dialect(
        DialectName.SHOPIFY,
        (frozenset({"url handle", "handle", "title"}), *_all("price", "sku")),
        _known(shopify.FIELDS),
        shopify.read,
        "or URL handle, SKU and Price",
    ),
)


def detect(head: Header) -> Dialect:
    """The kind of a file. Raises ValidationFailed that names what was expected."""
    columns = frozenset(head.columns)
    found = next((one for one in DIALECTS if one.fits(columns)), None)
    if found is None:
        expected = "; ".join(one.said for one in DIALECTS)
        message = f"has a header of no known kind. The columns needed are: {expected}"
        raise table.refused(message)
    twice = sorted(head.twice() & found.fields(head.columns).keys())
    if twice:
        message = f"has columns that are there twice: {', '.join(twice)[:200]}"
        raise table.refused(message)
    return found


def parse(content: bytes) -> tuple[DialectName, int, list[ParsedProduct], Findings]:
    """The kind of a file, how many rows it has, its products, and what is to be told. Raises ValidationFailed."""
    head = table.header(content)
    dialect = detect(head)
    fields = dialect.fields(head.columns)
    written = dict(zip(head.columns, head.written, strict=True))
    columns: dict[str, str] = {}
    for column, name in fields.items():
        columns.setdefault(name, written[column])
    columns["options"] = next((columns[name] for name in OPTIONS if name in columns), "options")
    findings = Findings(columns)
    if head.note:
        findings.note(head.note)
    rows = [_row(record, fields) for record in table.records(head)]
    return dialect.name, len(rows), dialect.read(rows, findings), findings


def _row(record: table.Record, fields: Mapping[str, str]) -> Row:
    cells: dict[str, str] = {}
    for column, text in record.cells.items():
        name = fields.get(column)
        if name is not None:
            cells.setdefault(name, text)
    return Row(record.number, cells, record.amiss)
