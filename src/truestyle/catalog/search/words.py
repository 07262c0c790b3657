"""Words: cut, folded and brought to one form, alike for what is sold and for what is asked. Synonyms are data.

Three forms of a word: as written in lower case without accents; its stem (`Dresses` → `dress`), which the index holds;
and its sound (`shalwar` → `salvar`), in which the many ways to write a Hindi word in Latin letters meet.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

MOST_WORDS = 8  # of a question; what is said beyond is not heard
LONGEST_WORD = 40  # characters
SOUNDS_FROM = 4  # letters: the sounds of shorter words meet too often by chance
Stems = tuple[str, ...]

_WORD = re.compile("[^\\W_][\\w\u0300-\u036f\u0900-\u0dff]*")
_APOSTROPHE = re.compile("['\u2018\u2019]s\\b|['\u2018\u2019]")
_ACCENT = re.compile("[\u0300-\u036f]")


def cut(text: str) -> list[str]:
    """The words of a text: lower case, without accents and without a genitive's 's."""
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", text.casefold()))
    plain = unicodedata.normalize("NFC", _APOSTROPHE.sub("", plain)).replace("_", " ")
    return [one[:LONGEST_WORD] for one in _WORD.findall(plain)]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Without the ending of a plural, a participle or a silent e. A word stays recognisable, not always a word."""
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004
        if word.endswith("ies"):
            word = word[:-3] + "y"
        elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
            word = word[:-2]
        else:
            word = word[:-1]
    if word.endswith("ed") and not word.endswith("eed") and len(word) > 5:  # noqa: PLR2004
        word = word[:-2]
    if word.endswith("e") and not word.endswith("ee") and len(word) > 4:  # noqa: PLR2004
        word = word[:-1]
    return word


_SOUNDS = (
    (re.compile("ph"), "f"),
    (re.compile("(?<=[bcdgjklmnprstvwz])h"), ""),
    (re.compile("ee|ii|ea"), "i"),
    (re.compile("oo"), "u"),
    (re.compile("ck|q|c"), "k"),
    (re.compile("w"), "v"),
    (re.compile("z"), "j"),
    (re.compile("y"), "i"),
    (re.compile(r"(.)\1+"), r"\1"),
)


@lru_cache(maxsize=50_000)
def sound(word: str) -> str:
    """How a word sounds, roughly."""
    for pattern, letters in _SOUNDS:
        word = pattern.sub(letters, word)
    return word


def pairs(text: str) -> list[tuple[str, str]]:
    """(stem, as written) of each word, in the text's order. Words that are one by our data (`t-shirt`) are one."""
    found, lexicon, at = list[tuple[str, str]](), _lexicon(), 0
    written = cut(text)
    parts = [*map(stem, written)]
    if lexicon.halves.isdisjoint(parts):
        return [*zip(parts, written, strict=True)]
    while at < len(parts):
        one = lexicon.compounds.get(tuple(parts[at : at + 2]))
        found.append((one, " ".join(written[at : at + 2])) if one else (parts[at], written[at]))
        at += 2 if one else 1
    return found


def stems(text: str) -> list[str]:
    """The stems of a text, in its order."""
    return [one for one, _ in pairs(text)]


label_pairs = lru_cache(maxsize=10_000)(pairs)  # of what many products share: brands, types, colours


@dataclass(frozen=True)
class Term:
    """One thing asked for: what was written (one or several stems), and what means the same."""

    stems: Stems
    alike: tuple[Stems, ...] = ()


def terms(text: str) -> list[Term]:
    """What a question asks for. Words that say nothing are dropped, unless there are no others."""
    lexicon, at = _lexicon(), 0
    parts = stems(text[:1000])[: 4 * MOST_WORDS]
    said = [one for one in parts if one not in lexicon.ignored] or parts
    found: list[Term] = []
    while at < len(said) and len(found) < MOST_WORDS:
        for length in range(lexicon.longest, 0, -1):
            key = tuple(said[at : at + length])
            if key in lexicon.alike or length == 1:
                found.append(Term(key, lexicon.alike.get(key, ())))
                at += len(key)
                break
    return list(dict.fromkeys(found))


def alike(one: str) -> tuple[Stems, ...]:
    """What means the same as a stem."""
    return _lexicon().alike.get((one,), ())


def known() -> Iterable[str]:
    """Every single stem that has others alike: a typing error may be one in these."""
    return [key[0] for key in _lexicon().alike if len(key) == 1]


@dataclass(frozen=True)
class _Lexicon:
    ignored: frozenset[str]
    halves: frozenset[str]  # with which a compound begins
    compounds: dict[Stems, str]
    alike: dict[Stems, tuple[Stems, ...]]
    longest: int


def _stemmed(phrase: str) -> Stems:
    return tuple(stem(one) for one in cut(phrase))


@cache
def _lexicon() -> _Lexicon:
    data = json.loads(resources.files("truestyle.catalog.search").joinpath("words.json").read_text("utf-8"))
    compounds = {_stemmed(two): one for two, one in data["one"].items()}

    def key(phrase: str) -> Stems:
        parts = _stemmed(phrase)
        return (compounds[parts],) if parts in compounds else parts

    meaning: dict[Stems, dict[Stems, None]] = {}
    for group in data["alike"]:
        keys = [key(phrase) for phrase in group]
        for one in keys:
            meaning.setdefault(one, {}).update(dict.fromkeys(other for other in keys if other != one))
    for phrase, others in data["also"].items():
        same = [key(phrase), *meaning.get(key(phrase), ())]
        for one in same:
            meaning.setdefault(one, {}).update(dict.fromkeys(key(other) for other in others if key(other) != one))
    return _Lexicon(
        frozenset(stem(one) for one in data["ignored"]),
        frozenset(key[0] for key in compounds),
        compounds,
        {one: tuple(others) for one, others in meaning.items() if others},
        max(len(one) for one in meaning),
    )


def within(one: str, other: str, most: int) -> bool:
    """Whether at most `most` letters are missing, too many, wrong, or changed with their neighbour."""
    if abs(len(one) - len(other)) > most:
        return False
    start, end = 0, min(len(one), len(other))
    while start < end and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    if most < 2:  # noqa: PLR2004 - what is left is at most one letter each, or two that changed places
        return max(len(one), len(other)) <= most or (most == 1 and len(one) == 2 and one == other[::-1])  # noqa: PLR2004
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, against in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return False
        before, last = last, now
    return last[-1] <= most


def errors_allowed(word: str) -> int:
    """How many typing errors a word of this length is forgiven."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2  # noqa: PLR2004
