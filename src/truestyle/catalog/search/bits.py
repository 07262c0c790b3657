"""Sets of slots (a product's number in the index) and whole numbers, kept so that questions are one `&` or `|`.

A question works on plain Python ints as bitmaps: bit n is slot n. What is kept changes in place.
"""

from collections.abc import Iterator

FEW = 256  # slots that are kept one by one; beyond, as a bitmap


class Bits:
    """A set of slots."""

    __slots__ = ("_few", "_int", "_most", "_raw", "size")

    def __init__(self, few: int = FEW) -> None:
        self._most = few
        self.size = 0
        self._few: set[int] | None = set()
        self._raw = bytearray()
        self._int: int | None = None

    def add(self, slot: int) -> None:
        """Put a slot in that is not."""
        self.size += 1
        few = self._few
        if few is not None:
            few.add(slot)
            if self.size > self._most:
                self._few = None
                for one in few:
                    self._set(one)
            return
        self._set(slot)

    def _set(self, slot: int) -> None:
        at, raw = slot >> 3, self._raw
        if at >= len(raw):
            raw.extend(bytes(at + 1 - len(raw) + (at >> 3)))
        raw[at] |= 1 << (slot & 7)
        self._int = None

    def drop(self, slot: int) -> None:
        """Take a slot out that is in."""
        self.size -= 1
        if self._few is not None:
            self._few.discard(slot)
        else:
            self._raw[slot >> 3] &= ~(1 << (slot & 7))
            self._int = None

    def __int__(self) -> int:
        """The set as a bitmap."""
        if self._few is not None:
            return joined(self._few)
        if self._int is None:
            self._int = int.from_bytes(self._raw, "little")
        return self._int

    def among(self, rows: int, raw: bytes) -> int:
        """How many of its slots are in `rows`, which is also given as bytes (`spread`)."""
        if self._few is None:
            return (int(self) & rows).bit_count()
        end = len(raw) << 3
        return sum(raw[slot >> 3] >> (slot & 7) & 1 for slot in self._few if slot < end)


class Numbers:
    """A whole number from 0 up for each slot, bit by bit, so that a comparison is a few dozen operations on bitmaps."""

    def __init__(self) -> None:
        self._slices: list[Bits] = []

    def put(self, slot: int, number: int) -> None:
        """Note a slot's number; it must have none."""
        while number >> len(self._slices):
            self._slices.append(Bits(0))  # each is asked for with every comparison, so it is always a bitmap
        for place, one in enumerate(self._slices):
            if number >> place & 1:
                one.add(slot)

    def drop(self, slot: int, number: int) -> None:
        """Forget a slot's number."""
        for place, one in enumerate(self._slices):
            if number >> place & 1:
                one.drop(slot)

    def at_most(self, bound: int, among: int) -> int:
        """Those of the slots `among` whose number is at most `bound`."""
        if bound < 0:
            return 0
        if bound >> len(self._slices):
            return among
        less, same = 0, among
        for place in reversed(range(len(self._slices))):
            ones = int(self._slices[place])
            if bound >> place & 1:
                less |= same & ~ones
                same &= ones
            else:
                same &= ~ones
        return less | same

    def between(self, least: int | None, most: int | None, among: int) -> int:
        """Those of the slots `among` whose number is in the range; None leaves it open."""
        within = among if most is None else self.at_most(most, among)
        return within if least is None else within & ~self.at_most(least - 1, among)

    def span(self, among: int) -> tuple[int, int] | None:
        """The smallest and the largest number of the slots `among`."""
        if not among:
            return None
        low = high = 0
        lowest = highest = among
        for place in reversed(range(len(self._slices))):
            ones = int(self._slices[place])
            if without := lowest & ~ones:
                lowest = without
            else:
                low |= 1 << place
            if within := highest & ones:
                highest = within
                high |= 1 << place
        return low, high


def spread(bits: int) -> bytes:
    """A bitmap as bytes."""
    return bits.to_bytes((bits.bit_length() + 7) >> 3, "little")


def joined(slots: set[int]) -> int:
    """A few slots as a bitmap."""
    if not slots:
        return 0
    raw = bytearray((max(slots) >> 3) + 1)
    for one in slots:
        raw[one >> 3] |= 1 << (one & 7)
    return int.from_bytes(raw, "little")


def each(bits: int) -> Iterator[int]:
    """The slots of a bitmap, upwards."""
    text = bin(bits)[:1:-1]  # finding the next "1" in a string is as quick as it gets without C
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)
