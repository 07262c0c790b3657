"""The catalogue as bitmaps: one for each value of each facet, and for each word of each field.

Pure: it is given rows and knows no database. A product has a slot, a number that its bits stand at.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from truestyle.catalog.search.bits import FEW, Bits, Numbers, each, spread
from truestyle.catalog.search.tree import Tree
from truestyle.catalog.search.vocabulary import Vocabulary
from truestyle.catalog.search.words import label_pairs, pairs

# What the index knows of a product, as MongoDB's projection.
FIELDS = (
    *("name", "slug", "brand", "categories.id", "product_type.id", "product_type.name", "product_type.slug"),
    *("occasions", "gender", "tags", "status", "vendor_id", "price", "discounted", "description", "sizes", "colors"),
    *("in_stock", "rating.average", "popularity", "sort_name"),
)
# A word counts by where it stands.
WEIGHTS = {"name": 8, "type": 6, "brand": 5, "category": 4, "tags": 4, "looks": 3, "description": 1}
WORDS = frozenset(f"word {field}" for field in WEIGHTS if field != "category")
FEW_CHOICES = 16  # slots: values of facets are counted with every question, so they are bitmaps sooner
RUPEES = (0, 250, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000, 15_000, 20_000, 30_000, 50_000, 100_000)
EDGES = tuple(one * 100 for one in RUPEES)  # paise: where price buckets begin
MOST_STARS = 4  # "4 and up" is the highest that ratings are counted from
MOST_BEGINNINGS = 30  # words that begin alike and are looked for
TITLES = ("word name", "word type", "word tags")
SORTS = ("price", "rating", "popularity", "name", "created_at")
SORTED_WHOLE = 2000  # hits that are sorted; of more, the order of all products is walked until the page is full
Key = tuple[Any, bytes, int]  # what a sort compares, the id, and the slot


class Value(Bits):
    """The products that have one value of a facet, or a word in a field."""

    __slots__ = ("kind", "label", "value")

    def __init__(self, kind: str, value: Any) -> None:
        super().__init__(FEW if kind in WORDS else FEW_CHOICES)
        self.kind, self.value, self.label = kind, value, ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a product."""

    id: ObjectId
    name: str
    slug: str
    values: tuple[Value, ...]
    price: int
    rating: int  # hundredths of stars
    popularity: int
    keys: tuple[Key, ...]  # by SORTS


class Order:
    """All products in one order, ties by id."""

    def __init__(self) -> None:
        self._rows: list[Key] = []

    def put(self, key: Key) -> None:
        """Add a product."""
        insort(self._rows, key)

    def drop(self, key: Key) -> None:
        """Take a product out."""
        del self._rows[bisect_left(self._rows, key)]

    def load(self, keys: Iterable[Key]) -> None:
        """All products at once."""
        self._rows = sorted(keys)

    def take(self, hits: int, *, down: bool, after: tuple[Any, bytes] | None = None) -> Iterator[int]:
        """The slots of `hits` in this order, those after (value, id) if that is given."""
        rows = self._rows
        if down:
            stop = len(rows) if after is None else bisect_left(rows, after)
            walked = (rows[at] for at in range(stop - 1, -1, -1))
        else:
            start = 0 if after is None else bisect_right(rows, (*after, float("inf")))
            walked = (rows[at] for at in range(start, len(rows)))
        text = bin(hits)[:1:-1]
        end = len(text)
        return (key[2] for key in walked if key[2] < end and text[key[2]] == "1")


class UnreadableError(Exception):
    """A row is not what a product is: somebody wrote it past the store."""


class Index:
    """What is sold, ready to be asked."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.tree = Tree(self.vocabulary)
        self.kinds: dict[str, dict[Any, Value]] = {}
        self.price, self.rating = Numbers(), Numbers()
        self.orders = {sort: Order() for sort in SORTS}
        self._slots: dict[ObjectId, int] = {}
        self._entries: list[Entry | None] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """How many products are known."""
        return len(self._slots)

    def put(self, row: Mapping[str, Any], *, sort: bool = True) -> None:
        """Add or replace a product; without `sort` the orders wait for `sort_all`. Raises UnreadableError."""
        key = row["_id"]
        slot = self._slots.get(key)
        if slot is None:
            slot = self._free.pop() if self._free else len(self._entries)
            if slot == len(self._entries):
                self._entries.append(None)
        old = self._entries[slot]
        try:
            new = self._entry(row, slot)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if old is None:
                self._free.append(slot)
            raise UnreadableError from error
        self._entries[slot], self._slots[key] = new, slot
        if old is None:
            for value in new.values:
                value.add(slot)
        else:
            self._revalue(slot, set(old.values), set(new.values))
        if old is None or (old.price, old.rating) != (new.price, new.rating):
            if old is not None:
                self.price.drop(slot, old.price)
                self.rating.drop(slot, old.rating)
            self.price.put(slot, new.price)
            self.rating.put(slot, new.rating)
        if sort:
            self._sort(old, new)

    def _revalue(self, slot: int, was: set[Value], now: set[Value]) -> None:
        for value in now - was:
            value.add(slot)
        for value in was - now:
            self._forsake(value, slot)

    def drop(self, key: ObjectId) -> None:
        """Forget a product, if it is known."""
        slot = self._slots.pop(key, None)
        if slot is None:
            return
        old = self.entry(slot)
        self._entries[slot] = None
        self._free.append(slot)
        for value in old.values:
            self._forsake(value, slot)
        self.price.drop(slot, old.price)
        self.rating.drop(slot, old.rating)
        self._sort(old, None)

    def sort_all(self) -> Iterator[None]:
        """Put all products in order, one order a step: after `put` without `sort`."""
        entries = [one for one in self._entries if one is not None]
        for at, order in enumerate(self.orders.values()):
            order.load(one.keys[at] for one in entries)
            yield

    def entry(self, slot: int) -> Entry:
        """The product at a slot."""
        found = self._entries[slot]
        if found is None:
            raise KeyError(slot)
        return found

    def having(self, kind: str, values: Iterable[Any]) -> int:
        """The products that have any of the values."""
        found, there = 0, self.kinds.get(kind, {})
        for value in values:
            if value in there:
                found |= int(there[value])
        return found

    def counts(self, kind: str, rows: int) -> dict[Any, int]:
        """How many of these products have each value."""
        raw = spread(rows)
        return {value: one.among(rows, raw) for value, one in self.kinds.get(kind, {}).items()}

    def word(self, field: str, stem: str) -> int:
        """The products with a word in a field."""
        if field == "category":
            return self.having("category", self.tree.below(self.tree.called(stem)))
        return self.having(f"word {field}", (stem,))

    def anywhere(self, stem: str) -> int:
        """The products with a word in any field."""
        found = 0
        for field in WEIGHTS:
            found |= self.word(field, stem)
        return found

    def begun(self, beginning: str) -> list[str]:
        """The stems that begin so, the commonest first."""
        kinds = [self.kinds[kind] for kind in WORDS if kind in self.kinds]

        def uses(stem: str) -> int:
            return sum(there[stem].size for there in kinds if stem in there) + len(self.tree.called(stem))

        found = sorted(self.vocabulary.beginning(beginning), key=lambda stem: (-uses(stem), stem))
        return found[:MOST_BEGINNINGS]

    def written(self, beginning: str) -> Iterator[tuple[str, int]]:
        """Words that begin so, as they are written in names, types and tags, and the products with them there."""
        for stem in self.begun(beginning):
            found = [value for kind in TITLES if (value := self.kinds.get(kind, {}).get(stem))]
            if found:
                rows = 0
                for value in found:
                    rows |= int(value)
                yield min((value.label for value in found), key=lambda one: (len(one), one)), rows

    def take(self, hits: int, sort: str, *, down: bool, after: tuple[Any, bytes] | None = None) -> Iterator[int]:
        """The slots of `hits` in an order, those after (value, id) if that is given."""
        if hits.bit_count() > SORTED_WHOLE:
            return self.orders[sort].take(hits, down=down, after=after)
        at = SORTS.index(sort)
        few = Order()
        few.load(self.entry(slot).keys[at] for slot in each(hits))
        return few.take(hits, down=down, after=after)

    def _entry(self, row: Mapping[str, Any], slot: int) -> Entry:
        key, price, rating = row["_id"], row["price"], round(row["rating"]["average"] * 100)
        mark = key.binary
        kinds, values = self.kinds, dict[Value, None]()
        for kind, value, label in _values(row):
            found = kinds[kind].get(value) if kind in kinds else None
            if found is None:
                found = self._new(kind, value, label)
            found.label = label
            values[found] = None
        for kind, words in _words(row):
            there = kinds.get(kind, {})
            for stem, written in words:
                found = there.get(stem) or self._new(kind, stem, written)
                if len(written) < len(found.label):
                    found.label = written
                values[found] = None
        keys = (price, rating, row["popularity"], row["sort_name"], 0)
        return Entry(
            key,
            row["name"],
            row["slug"],
            tuple(values),
            price,
            rating,
            row["popularity"],
            tuple((one, mark, slot) for one in keys),
        )

    def _new(self, kind: str, value: Any, label: str) -> Value:
        there = self.kinds.setdefault(kind, {})
        found = there.get(value)
        if found is None:
            found = there[value] = Value(kind, value)
            found.label = label
            if kind in WORDS:
                self.vocabulary.enter(value)
        return found

    def _forsake(self, value: Value, slot: int) -> None:
        value.drop(slot)
        if not value.size:
            del self.kinds[value.kind][value.value]
            if value.kind in WORDS:
                self.vocabulary.leave(value.value)

    def _sort(self, old: Entry | None, new: Entry | None) -> None:
        for at, order in enumerate(self.orders.values()):
            was, now = old and old.keys[at], new and new.keys[at]
            if was != now:
                if was:
                    order.drop(was)
                if now:
                    order.put(now)


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """(kind, value, label) of everything that a product is found by, but words."""
    yield "status", row["status"], ""
    yield "vendor", row["vendor_id"], ""
    brand, type_ = row["brand"], row.get("product_type")  # parts of null are not there
    for kind, named in (
        ("brand", [brand] if brand else []),
        ("product_type", [type_] if type_ else []),
        ("occasion", row["occasions"]),
    ):
        for one in named:
            yield kind, one["slug"], one["name"]
            yield f"{kind} id", one["id"], ""
    for one in row["categories"]:
        yield "category", one["id"], ""
    if row["gender"]:
        yield "gender", row["gender"], row["gender"].capitalize()
    for tag in row["tags"]:
        yield "tag", tag, tag
    for label in row["sizes"]:
        yield "size", label.casefold(), label
    for label in row["colors"]:
        yield "color", label.casefold(), label
    yield "band", EDGES[bisect_right(EDGES, row["price"]) - 1], ""
    yield "stars", min(MOST_STARS, round(row["rating"]["average"] * 100) // 100), ""
    yield "in_stock", row["in_stock"], ""
    yield "discounted", row["discounted"], ""


def _words(row: Mapping[str, Any]) -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    """The words of each field that has words of its own: (kind, its stems with how they are written)."""
    brand, type_ = row["brand"], row.get("product_type")
    looks = [*row["colors"], *(one["name"] for one in row["occasions"]), row["gender"] or ""]
    yield "word name", pairs(row["name"])
    yield "word type", label_pairs(type_["name"]) if type_ else ()
    yield "word brand", label_pairs(brand["name"]) if brand else ()
    yield "word tags", label_pairs(" ".join(row["tags"]))
    yield "word looks", label_pairs(" ".join(looks))
    yield "word description", pairs(row["description"])
