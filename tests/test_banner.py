"""What `truestyle dev` prints once the store is open."""

import io

import pytest
from rich.console import Console

from truestyle.cli import serving
from truestyle.settings import Settings


@pytest.mark.parametrize("served", [True, False])
def test_the_banner_names_metrics_where_they_are_served(served: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(record=True, width=100, file=io.StringIO())
    monkeypatch.setattr(serving, "console", screen)
    settings = Settings.load(environ={}, metrics_enabled=served)
    serving._welcome("http://127.0.0.1:8000", settings, {}, 1.0)  # noqa: SLF001 - else a whole store opens for a line
    assert ("http://127.0.0.1:8000/metrics" in screen.export_text()) is served
