"""Setting a table on paper, in a process of its own: a thousand rows take typst some 150 MB, which it keeps.

That process may compute for so long and no longer; it is given text, and reads nothing but the template.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import orjson

from truestyle.infra import typesetting

POOL = ThreadPoolExecutor(1, "printing")  # one at a time
MOST_SECONDS = 120


class TooMuchToPrintError(RuntimeError):
    """It takes longer than it may."""


def printed(data: Mapping[str, Any], moment: datetime) -> bytes:
    """The PDF. Waits, so it belongs in the POOL. Raises TooMuchToPrintError."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-X", "utf8", "-m", __name__],
            input=orjson.dumps({"data": data, "moment": int(moment.timestamp())}),
            capture_output=True,
            timeout=MOST_SECONDS,
            env=kept,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TooMuchToPrintError from error
    if done.returncode != 0:
        message = f"the table cannot be printed: {done.stderr[-500:].decode(errors='replace')}"
        raise RuntimeError(message)
    return done.stdout


def main() -> None:
    """Read what is to be printed from standard input and write a PDF to standard output."""
    asked = orjson.loads(sys.stdin.buffer.read())
    template = resources.files("truestyle.exports").joinpath("paper.typ").read_bytes()
    moment = datetime.fromtimestamp(asked["moment"], UTC)
    # Without tags: those of a large table are ten times as large as the table.
    sys.stdout.buffer.write(typesetting.compiled(template, asked["data"], moment, pdf_tags=False))


if __name__ == "__main__":
    main()
