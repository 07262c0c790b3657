"""A store of its own for each file here: what random requests leave behind is nobody else's business."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from schemathesis.python import asgi

from tests.conftest import make_settings
from tests.contract.driving import Doorman
from truestyle.main import create_app


@pytest.fixture(scope="module")
def doorman(
    mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Doorman]:
    """The app behind its doorman. Schemathesis runs it in an event loop of its own."""
    name = "contract_" + Path(str(request.node.path)).stem
    app = Doorman(create_app(make_settings(mongo_uri, tmp_path_factory.mktemp(name), mongo_db=name), work=False))
    yield app
    asgi.shutdown_lifespans()
