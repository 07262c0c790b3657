"""Schemathesis at random and in sequences, as everybody; and at the bounds, as who is not an administrator.

`make contract` asks for more: every operation as everybody, with as many examples as `CONTRACT_EXAMPLES` says.
"""

import pytest

from tests.contract.driving import EXAMPLES, REST, Doorman, drive

OWN = "/(auth|users|user-address|address|cart|cart-items|wishlist-items|checkout|orders|files)(/|$)"
USUAL = {"admin": (2, REST), "customer": (2, OWN), "nobody": (1, OWN)}


@pytest.mark.parametrize("who", USUAL)
def test_random_requests(doorman: Doorman, who: str) -> None:
    examples, only = (EXAMPLES, None) if EXAMPLES else USUAL[who]
    phases = ["examples", "fuzzing"]
    assert drive(doorman, who, phases=phases, examples=examples, only=only, brief=not EXAMPLES).all == []


def test_one_after_another(doorman: Doorman) -> None:
    found = drive(doorman, "admin", phases=["stateful"], examples=EXAMPLES or 3, brief=not EXAMPLES)
    assert found.all == []
    assert found.requests > 50


@pytest.mark.parametrize("who", ["customer", "nobody"])
def test_what_shoppers_do_at_the_bounds(doorman: Doorman, who: str) -> None:
    only = None if EXAMPLES else OWN
    assert drive(doorman, who, phases=["coverage"], examples=1, only=only, brief=not EXAMPLES).all == []
