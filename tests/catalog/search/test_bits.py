"""Bitmaps against plain sets and lists."""

from hypothesis import given
from hypothesis import strategies as st

from truestyle.catalog.search.bits import FEW, Bits, Numbers, each, joined

slots = st.sets(st.integers(0, 2000), max_size=600)


@given(slots, slots)
def test_a_set_of_slots_is_a_set(added: set[int], dropped: set[int]) -> None:
    bits = Bits()
    for slot in added:
        bits.add(slot)
    assert (set(each(int(bits))), bits.size) == (added, len(added))
    for slot in added & dropped:
        bits.drop(slot)
    assert (set(each(int(bits))), bits.size) == (added - dropped, len(added - dropped))
    for slot in added & dropped:
        bits.add(slot)
    assert int(bits) == joined(added)


def test_many_slots_are_kept_as_a_bitmap_and_stay_the_same() -> None:
    bits = Bits()
    for slot in range(0, 10 * FEW, 3):
        bits.add(slot)
        assert int(bits).bit_count() == bits.size
    assert list(each(int(bits))) == list(range(0, 10 * FEW, 3))


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=300),
    st.integers(-1, 10**7 + 1),
    st.integers(-1, 10**7 + 1),
    st.data(),
)
def test_comparing_numbers_is_comparing_numbers(values: list[int], least: int, most: int, data: st.DataObject) -> None:
    numbers = Numbers()
    for slot, value in enumerate(values):
        numbers.put(slot, value)
    gone = data.draw(st.sets(st.sampled_from(range(len(values)))))
    for slot in gone:
        numbers.drop(slot, values[slot])
    kept = {slot: value for slot, value in enumerate(values) if slot not in gone}
    among = joined(set(kept))
    assert set(each(numbers.at_most(most, among))) == {slot for slot, value in kept.items() if value <= most}
    assert set(each(numbers.between(least, most, among))) == {s for s, value in kept.items() if least <= value <= most}
    assert set(each(numbers.between(least, None, among))) == {s for s, value in kept.items() if least <= value}
    assert numbers.span(among) == ((min(kept.values()), max(kept.values())) if kept else None)
