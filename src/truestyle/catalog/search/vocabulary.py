"""Every word that the catalogue uses, found by its sound, its beginning, or nearly."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice

from truestyle.catalog.search.words import SOUNDS_FROM, errors_allowed, known, sound, within

MOST_BEGINNINGS = 500  # words that begin alike and are looked at
MOST_REMEMBERED = 1000  # questions for near words


class Vocabulary:
    """Stems by how they are spelled; one that is used no more is forgotten."""

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}
        self._sorted: list[str] = []
        self._near: dict[str, list[set[str]]] = {}  # until a word comes or goes
        self._by_length: dict[int, dict[str, tuple[int, set[str]]]] = {}  # spelling → (its letters, stems)
        for one in known():
            self.enter(one)

    def enter(self, stem: str) -> None:
        """One more field uses it."""
        uses = self._uses[stem] = self._uses.get(stem, 0) + 1
        if uses == 1:
            self._near.clear()
            insort(self._sorted, stem)
            for spelling in _spellings(stem):
                of_length = self._by_length.setdefault(len(spelling), {})
                of_length.setdefault(spelling, (_letters(spelling), set()))[1].add(stem)

    def leave(self, stem: str) -> None:
        """One field less uses it."""
        self._uses[stem] -= 1
        if self._uses[stem]:
            return
        self._near.clear()
        del self._uses[stem]
        del self._sorted[bisect_left(self._sorted, stem)]
        for spelling in _spellings(stem):
            of_length = self._by_length[len(spelling)]
            of_length[spelling][1].discard(stem)
            if not of_length[spelling][1]:
                del of_length[spelling]

    def sounding(self, stem: str) -> set[str]:
        """The other stems that sound like this one."""
        spelling = sound(stem)
        if len(spelling) < SOUNDS_FROM:
            return set()
        return self._by_length.get(len(spelling), {}).get(spelling, (0, set[str]()))[1] - {stem}

    def beginning(self, letters: str) -> list[str]:
        """Stems that begin so."""
        first = bisect_left(self._sorted, letters)
        return [one for one in islice(self._sorted, first, first + MOST_BEGINNINGS) if one.startswith(letters)]

    def near(self, stem: str) -> list[set[str]]:
        """The stems that this one may be a typing error for: those at one letter, and if it is long, at two."""
        if stem not in self._near:
            while len(self._near) >= MOST_REMEMBERED:
                del self._near[next(iter(self._near))]
            self._near[stem] = self._found_near(stem)
        return self._near[stem]

    def _found_near(self, stem: str) -> list[set[str]]:
        most = errors_allowed(stem)
        tried = {stem, sound(stem)} if len(sound(stem)) >= SOUNDS_FROM else {stem}
        found: list[set[str]] = []
        for errors in range(1, most + 1):
            level: set[str] = set()
            for spelling in tried:
                for other in self._about(spelling, errors):
                    level |= other
            found.append(level.difference({stem}, *found))
        return found

    def _about(self, spelling: str, errors: int) -> Iterator[set[str]]:
        letters = _letters(spelling)
        for length in range(len(spelling) - errors, len(spelling) + errors + 1):
            for other, (theirs, stems) in self._by_length.get(length, {}).items():
                # An error changes at most one letter for one other: a cheap look before the careful one.
                if (letters ^ theirs).bit_count() <= 2 * errors and within(spelling, other, errors):
                    yield stems


def _spellings(stem: str) -> set[str]:
    """How it may be meant; numbers are what they are."""
    return set() if any(letter.isdigit() for letter in stem) else {stem, sound(stem)}


def _letters(word: str) -> int:
    """Which letters a word has, as bits."""
    found = 0
    for letter in word:
        found |= 1 << (ord(letter) & 63)
    return found
