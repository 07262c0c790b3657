"""From words to products, best first: exact before alike, then beginnings, then typing errors.

A product's score is its own: it depends on its words and the question, not on what else is sold, so that a cursor goes
on where it stood.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from truestyle.catalog.search.index import WEIGHTS, Index
from truestyle.catalog.search.words import Stems, Term, alike, terms

EXACT, ALIKE = 3, 2  # times the weight of the field
BEGINS_FROM = 2  # letters
MOST_ERRORS = 3  # words of a question that may be typing errors


@dataclass(frozen=True)
class Meant:
    """What a term turned out to mean: stems that are there, the likelier first."""

    said: tuple[tuple[int, Stems], ...]
    rows: int
    guessed: bool = False  # from a typing error, which takes its time


@dataclass(frozen=True)
class Match:
    """Who matches, in levels of falling score."""

    rows: int
    levels: tuple[tuple[int, int], ...]  # (score, products)


def match(index: Index, question: str, among: int, *, unfinished: bool = False) -> Match:
    """The products `among` which have most of the words asked for; `unfinished`: the last word is still being typed."""
    found, unknown = list[Meant](), 0
    for term in terms(question):
        meant = understood(index, term, among, guessing=unknown < MOST_ERRORS)
        unknown += sum(one.guessed for one in meant)
        found += meant
    if unfinished and question[-1:].isalnum() and (last := terms(question)[-1:]):
        beginnings = _there(index, ((ALIKE, (one,)) for one in index.begun(last[0].stems[-1])), among)
        if beginnings.rows:
            found[-1] = Meant((*found[-1].said, *beginnings.said), found[-1].rows | beginnings.rows)
    return Match(rows, _levels(index, found, rows)) if (rows := _most(found, among)) else Match(0, ())


def understood(index: Index, term: Term, among: int, *, guessing: bool = True) -> list[Meant]:
    """What is meant by a term; a phrase that nothing is called is taken word by word. `guessing`: at typing errors."""
    vocabulary, single = index.vocabulary, len(term.stems) == 1
    sounding = ((ALIKE, (one,)) for one in vocabulary.sounding(term.stems[0])) if single else ()
    meant = _there(index, [(EXACT, term.stems), *((ALIKE, one) for one in term.alike), *sounding], among)
    if meant.rows:
        return [meant]
    if not single:
        return [
            one
            for stem in term.stems
            for one in understood(index, Term((stem,), alike(stem)), among, guessing=guessing)
        ]
    word = term.stems[0]
    if len(word) >= BEGINS_FROM and (meant := _there(index, _with_alike(index.begun(word)), among)).rows:
        return [meant]
    for near in vocabulary.near(word) if guessing else ():
        meant = _there(index, _with_alike(near), among)
        if meant.rows:
            return [replace(meant, guessed=True)]
    return [Meant((), 0, guessed=True)]


def _with_alike(guessed: Iterable[str]) -> Iterator[tuple[int, Stems]]:
    for one in guessed:
        yield ALIKE, (one,)
        for other in alike(one):
            yield 1, other


def _there(index: Index, said: Iterable[tuple[int, Stems]], among: int) -> Meant:
    kept, rows = list[tuple[int, Stems]](), 0
    for quality, one in dict.fromkeys(said):
        theirs = among
        for stem in one:
            theirs &= index.anywhere(stem)
        if theirs:
            kept.append((quality, one))
            rows |= theirs
    return Meant(tuple(kept), rows)


def _most(found: Sequence[Meant], among: int) -> int:
    """The products that have as many of the words as any has."""
    having = [among] + [0] * len(found)  # at place n: at least n words
    for one in found:
        for count in range(len(found), 0, -1):
            having[count] |= having[count - 1] & one.rows
    return next((rows for rows in reversed(having[1:]) if rows), 0)


def _levels(index: Index, found: Sequence[Meant], rows: int) -> tuple[tuple[int, int], ...]:
    levels = {0: rows}
    for one in found:
        for field, weight in WEIGHTS.items():
            best = 0  # who is counted for this field already: the better meaning comes first
            for quality in sorted({quality for quality, _ in one.said}, reverse=True):
                theirs = 0
                for stems in (stems for each, stems in one.said if each == quality):
                    these = rows
                    for stem in stems:
                        these &= index.word(field, stem)
                    theirs |= these
                levels = _raised(levels, theirs & ~best, weight * quality)
                best |= theirs
    return tuple(sorted(levels.items(), reverse=True))


def _raised(levels: dict[int, int], who: int, by: int) -> dict[int, int]:
    if not who:
        return levels
    raised: dict[int, int] = {}
    for score, rows in levels.items():
        if inside := rows & who:
            raised[score + by] = raised.get(score + by, 0) | inside
        if outside := rows & ~who:
            raised[score] = raised.get(score, 0) | outside
    return raised
