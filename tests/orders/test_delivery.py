"""The place of supply: where the goods go, as GST's lists name it (IGST Act, s. 10(1)(ca))."""

import pytest

from truestyle.orders.delivery import place_of_supply


@pytest.mark.parametrize(
    ("named", "pincode", "place"),
    [
        ("Karnataka", "560038", "KARNATAKA"),
        ("karnataka ", "560038", "KARNATAKA"),
        (None, "560038", "KARNATAKA"),
        ("Kerala", "560038", "KARNATAKA"),  # the PIN is not in Kerala
        ("Uttarakhand", "244924", "UTTARAKHAND"),  # this one is in two states: the buyer knows which
        ("Uttaranchal", "244924", "UTTARAKHAND"),
        ("Uttar Pradesh", "244924", "UTTAR PRADESH"),
        ("Kerala", "999999", "KERALA"),  # nobody knows it, so the address is what there is
    ],
    ids=str,
)
def test_the_state_whose_tax_it_is(named: str | None, pincode: str, place: str) -> None:
    assert place_of_supply(named, pincode) == place


@pytest.mark.parametrize("named", [None, "Kerala"], ids=str)
def test_where_the_buyer_does_not_say_which_of_two_one_of_them_is_taken(named: str | None) -> None:
    assert place_of_supply(named, "244924") in {"UTTARAKHAND", "UTTAR PRADESH"}
