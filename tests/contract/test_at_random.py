"""Schemathesis at random and in sequences, as everybody; and at the bounds, as who is not an administrator.

`make contract` asks for more: every operation as everybody, with as many examples as `CONTRACT_EXAMPLES` says.
"""

import os

import pytest

from tests.contract.driving import Doorman, drive

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "0"))
# In the usual run, two of the declared tables stand for all of them: they are the same code.
OWN = "/(auth|users|user-address|address|cart|cart-items|wishlist-items|checkout|orders|files)(/|$)"
OTHERS = "[a-z]+-status|payment-types|occasions|cards-.|hero.*|how.*|testimonials|about|policies|faq|terms"
REST = f"^/(?!api/v1/({OTHERS})(/|$))"
USUAL = {"admin": (2, REST), "customer": (2, OWN), "nobody": (1, OWN)}


@pytest.mark.parametrize("who", USUAL)
def test_random_requests(doorman: Doorman, who: str) -> None:
    examples, only = (EXAMPLES, None) if EXAMPLES else USUAL[who]
    assert drive(doorman, who, phases=["examples", "fuzzing"], examples=examples, only=only).all == []


def test_one_after_another(doorman: Doorman) -> None:
    found = drive(doorman, "admin", phases=["stateful"], examples=EXAMPLES or 3)
    assert found.all == []
    assert found.requests > 50


@pytest.mark.parametrize("who", ["customer", "nobody"])
def test_what_shoppers_do_at_the_bounds(doorman: Doorman, who: str) -> None:
    assert drive(doorman, who, phases=["coverage"], examples=1, only=None if EXAMPLES else OWN).all == []
