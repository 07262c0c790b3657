"""Schemathesis as an administrator: every operation at its bounds, then at random, then one after another."""

from fastapi import FastAPI

from tests.contract.driving import Doorman, drive


def test_every_operation_at_the_bounds_of_its_parameters(doorman: Doorman, app: FastAPI) -> None:
    found = drive(doorman, "admin", phases=["examples", "coverage"], examples=1)
    assert found.all == []
    assert len(found.operations) == sum(len(methods) for methods in app.openapi()["paths"].values())
    assert found.unknown < found.requests / 10, "the run was not signed in"
