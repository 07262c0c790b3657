"""Schemathesis as an administrator: every operation at its bounds; those of `test_at_random.py`, too."""

import re

from fastapi import FastAPI

from tests.contract.driving import EXAMPLES, REST, Doorman, drive


def test_every_operation_at_the_bounds_of_its_parameters(doorman: Doorman, app: FastAPI) -> None:
    """In the usual run without the examples, which the random requests begin with, and the tables that are alike."""
    phases, only = (["examples", "coverage"], None) if EXAMPLES else (["coverage"], REST)
    found = drive(doorman, "admin", phases=phases, examples=1, only=only, brief=not EXAMPLES)
    assert found.all == []
    told = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    assert found.operations == {
        one for one in told if EXAMPLES or (not one.startswith("PATCH ") and re.match(REST, one.split()[1]))
    }
    assert found.unknown < found.requests / 10, "the run was not signed in"
