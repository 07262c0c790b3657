"""Words: how they are cut, what they sound like, and which errors are forgiven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truestyle.catalog.search.vocabulary import Vocabulary
from truestyle.catalog.search.words import MOST_WORDS, cut, errors_allowed, sound, stem, stems, terms, within


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hand-block Printed KURTA!", ["hand", "block", "printed", "kurta"]),
        ("Men's Lounge", ["men", "lounge"]),
        ("Éclat à-la", ["eclat", "a", "la"]),
        ("snake_case", ["snake", "case"]),
        ("\uff4b\uff55\uff52\uff54\uff41", ["kurta"]),
        ("\u0938\u093e\u095c\u0940 60s", ["\u0938\u093e\u0921\u093c\u0940", "60s"]),
        ("\U0001f457 ... \u2014", []),
    ],
)
def test_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert cut(text) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kurtas", "kurta"),
        ("dresses", "dress"),
        ("sarees", "saree"),
        ("blouses", "blouse"),
        ("printed", "print"),
        ("striped", "stripes"),
        ("jutties", "jutty"),
        ("watches", "watch"),
    ],
)
def test_plural_and_participle_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize("one", ["dress", "khadi", "saree", "linen", "lined", "jeans", "is", "bus", "red"])
def test_a_stem_is_not_cut_too_short(one: str) -> None:
    assert len(stem(one)) >= len(one) - 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("shalwar", "salwar"),
        ("saree", "sari"),
        ("kurtha", "kurta"),
        ("dupata", "dupatta"),
        ("phulkari", "fulkari"),
        ("sherwani", "shervani"),
        ("kolapuri", "kolhapuri"),
        ("ajrak", "ajrakh"),
        ("jooti", "jutti"),
    ],
)
def test_spellings_of_one_word_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)


def test_kurti_is_no_kurta_and_a_skirt_no_shirt() -> None:
    assert sound("kurti") != sound("kurta")
    assert sound("skirt") != sound("shirt")


def test_two_words_may_be_one() -> None:
    assert stems("a T-Shirt and a t shirt") == ["a", "tshirt", "and", "a", "tshirt"]


def test_at_most_so_many_words_are_heard_and_none_twice() -> None:
    assert len(terms(" ".join(f"w{at}" for at in range(10_000)))) == MOST_WORDS
    assert len(terms("kurta kurta KURTAS")) == 1
    assert [one.stems for one in terms("the saree for my wedding")] == [("saree",), ("wedding",)]
    assert [one.stems for one in terms("the")] == [("the",)]


def plain_distance(one: str, other: str) -> int:
    """Insertions, deletions, changes and swaps of neighbours, by the book."""
    rows = [[max(a, b) if not min(a, b) else 0 for b in range(len(other) + 1)] for a in range(len(one) + 1)]
    for a in range(1, len(one) + 1):
        for b in range(1, len(other) + 1):
            change = rows[a - 1][b - 1] + (one[a - 1] != other[b - 1])
            rows[a][b] = min(rows[a - 1][b] + 1, rows[a][b - 1] + 1, change)
            if a > 1 and b > 1 and (one[a - 1], one[a - 2]) == (other[b - 2], other[b - 1]):
                rows[a][b] = min(rows[a][b], rows[a - 2][b - 2] + 1)
    return rows[-1][-1]


letters = st.text("abk", max_size=8)


@given(letters, letters, st.integers(0, 3))
def test_within_is_the_plain_distance(one: str, other: str, most: int) -> None:
    assert within(one, other, most) == (plain_distance(one, other) <= most)


@given(st.sets(st.text("abk", min_size=4, max_size=9), max_size=20), st.text("abk", min_size=4, max_size=9))
def test_the_vocabulary_finds_every_near_word(words: set[str], asked: str) -> None:
    vocabulary = Vocabulary()
    for one in words:
        vocabulary.enter(one)
    expected = {one for one in words - {asked} if plain_distance(one, asked) <= errors_allowed(asked)}
    found = set().union(*vocabulary.near(asked))
    assert expected <= found | vocabulary.sounding(asked)
    for one in words:
        vocabulary.leave(one)
    assert not set().union(*vocabulary.near(asked)) & words
    assert not words & set(vocabulary.beginning(asked[:2]))
