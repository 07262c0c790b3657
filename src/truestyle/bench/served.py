"""The store as `truestyle bench` serves it: whatever it is asked, its database is only read.

A process of its own (`python -m truestyle.bench.served --port 8123`) with the settings of its environment. It prepares
nothing, delivers no outbox and writes no marks; what else would write is off by the settings that it is given.
"""

import argparse

import uvicorn

from truestyle.cli.serving import UVICORN
from truestyle.infra import telemetry
from truestyle.main import create_app
from truestyle.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m truestyle.bench.served", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    telemetry.configure(json=True)
    app = create_app(Settings.load(), work=False, prepared=True, reads_only=True)
    uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **UVICORN)).run()


if __name__ == "__main__":
    main()
