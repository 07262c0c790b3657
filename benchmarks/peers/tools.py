"""What the comparison takes from the other benchmarks, named in one place."""

from scripts.clients import uv

from benchmarks import stock
from benchmarks.processes import PREFIX, environment, serving, settings_of, working
from benchmarks.stock import ADDRESS, CLOTHS, COLOURS, GARMENTS, PLENTY
from truestyle.bench import load
from truestyle.bench.load import CONNECTIONS, GENERATOR, LoadFailedError
from truestyle.bench.processes import yardstick
from truestyle.bench.wire import Ask, Connection

__all__ = [
    "ADDRESS",
    "CLOTHS",
    "COLOURS",
    "CONNECTIONS",
    "GARMENTS",
    "GENERATOR",
    "PLENTY",
    "PREFIX",
    "Ask",
    "Connection",
    "LoadFailedError",
    "environment",
    "load",
    "serving",
    "settings_of",
    "stock",
    "uv",
    "working",
    "yardstick",
]
