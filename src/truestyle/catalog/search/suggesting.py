"""What may be meant by what somebody has typed so far."""

from collections.abc import Iterator
from itertools import islice

from truestyle.catalog.search.index import Index, Value
from truestyle.catalog.search.matching import match
from truestyle.catalog.search.models import Kind, Suggestion
from truestyle.catalog.search.words import cut, stem

PLACES = ((Kind.CATEGORY, 3), (Kind.BRAND, 3), (Kind.PRODUCT_TYPE, 3))


def suggestions(index: Index, question: str, among: int, most: int) -> list[Suggestion]:
    """At most `most`: words first, then categories, brands and product types called so, then products."""
    typed = cut(question)
    if not typed:
        return []
    matched = match(index, question, among, unfinished=True)
    found = [*islice(_words(index, question, typed, among), 4)]
    for kind, count in PLACES:
        found += islice(_called(index, kind, typed, among), count)
    products = (slot for _, rows in matched.levels for slot in index.take(rows, "popularity", down=True))
    for slot in islice(products, max(0, most - len(found))):
        entry = index.entry(slot)
        found.append(Suggestion(kind=Kind.PRODUCT, text=entry.name, slug=entry.slug, count=1))
    return found[:most]


def _words(index: Index, question: str, typed: list[str], among: int) -> Iterator[Suggestion]:
    """What was typed with its last word finished, the commonest first."""
    if not question[-1:].isalnum():
        return
    said = " ".join(typed[:-1])
    before = match(index, said, among).rows if said else among
    counted = []
    for word, rows in index.written(stem(typed[-1])):
        if count := (before & rows).bit_count():
            counted.append((-count, word))
    for count, word in sorted(counted):
        yield Suggestion(kind=Kind.WORDS, text=" ".join([*typed[:-1], word]), slug=None, count=-count)


def _called(index: Index, kind: Kind, typed: list[str], among: int) -> Iterator[Suggestion]:
    """Rows in whose name every typed word begins a word, the fullest first."""
    rows: list[tuple[str, str, int]] = []
    if kind is Kind.CATEGORY:
        rows = [
            (one.name, one.slug, index.having("category", index.tree.below([one.id])))
            for one in index.tree.branches.values()
            if _begins(one.name, typed)
        ]
    else:
        values: dict[str, Value] = index.kinds.get(kind, {})
        rows = [(one.label, one.value, int(one)) for one in values.values() if _begins(one.label, typed)]
    counted = sorted((-(theirs & among).bit_count(), name, slug) for name, slug, theirs in rows)
    return (Suggestion(kind=kind, text=name, slug=slug, count=-count) for count, name, slug in counted if count)


def _begins(name: str, typed: list[str]) -> bool:
    words = cut(name)
    return all(any(word.startswith(one) for word in words) for one in typed)
