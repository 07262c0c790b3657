"""`make client-python`, `make client-typescript`: clients made from the OpenAPI document that is written down.

What is made is not kept in the repository; `clients/` says by which generators, in which versions.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.openapi import SNAPSHOT

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "clients"
SAYS_NOTHING = {"npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false"}


DOCUMENT = "openapi.json"


class NotMadeError(RuntimeError):
    """A generator failed, or stumbled over something in the document; says what it said."""


def uv() -> list[str]:
    """The command of uv: the one that runs us, or the one on the path, or the module."""
    found = os.environ.get("UV") or shutil.which("uv")
    return [found] if found else ["python3", "-m", "uv"]


def python(target: Path = BUILD / "python") -> Path:
    """The Python client: the package `truestyle_client`, ready to be installed. Raises NotMadeError."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    document = for_clients(target, guests=True)
    ours = ROOT / "clients" / "python"
    words = _run(
        *uv(),
        *("tool", "run", "--with-requirements", str(ours / "requirements.txt"), "--from", "openapi-python-client"),
        *("openapi-python-client", "generate", "--path", str(document), "--meta", "uv", "--fail-on-warning"),
        *("--config", str(ours / "config.yaml"), "--output-path", str(target), "--overwrite"),
        folder=ROOT,
    )
    if "WARNING" in words:
        raise NotMadeError(words)
    return target


def for_clients(folder: Path, *, guests: bool = False) -> Path:
    """The document with one body an operation: where JSON is taken, clients need no form.

    openapi-python-client 0.29.1 forgets an import where there are two. `guests`: it wants a signed-in client where
    signing in is optional, unless nothing is said of it; such a client sends its token with every request anyway.
    """
    document = json.loads((ROOT / SNAPSHOT).read_text())
    for operations in document["paths"].values():
        for operation in operations.values():
            if guests and {} in operation.get("security", ()):
                del operation["security"]
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                operation["requestBody"]["content"] = {"application/json": content["application/json"]}
    written = folder / DOCUMENT
    written.write_text(json.dumps(document))
    return written


def typescript(target: Path = BUILD / "typescript", *examples: tuple[str, str]) -> Path:
    """The TypeScript client, checked and compiled, beside `examples`: names and texts. Raises NotMadeError."""
    generate(target)
    for name, text in examples:
        (target / "src" / name).write_text(text)
    _run("npm", "run", "--silent", "build", folder=target)
    return target


def generate(target: Path) -> None:
    """The sources of the TypeScript client, with what compiles them."""
    target.mkdir(parents=True, exist_ok=True)
    for made in ("src", "dist"):
        shutil.rmtree(target / made, ignore_errors=True)
    for one in (ROOT / "clients" / "typescript").iterdir():
        shutil.copy(one, target)
    if not (target / "node_modules").exists():
        _run("npm", "ci", "--no-progress", folder=target)
    for_clients(target)
    _run("npm", "run", "--silent", "generate", folder=target)


def _run(*command: str, folder: Path, **more: str) -> str:
    done = subprocess.run(  # noqa: S603 - the commands above
        command,
        cwd=folder,
        env={**os.environ, **SAYS_NOTHING, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMadeError(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def main() -> None:
    """Make the one that is named."""
    made = {"python": python, "typescript": typescript}[sys.argv[1]]()
    sys.stdout.write(f"{made.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
