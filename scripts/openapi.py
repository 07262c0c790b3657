"""`make openapi`: write the OpenAPI document down, and say what has changed since it was last written."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from scripts.differences import changes, told
from truestyle.main import create_app
from truestyle.settings import Settings

SNAPSHOT = Path("docs/reference/openapi.json")


@cache
def document() -> dict[str, Any]:
    """The document of a store on default settings, whatever stands in this machine's environment."""
    return create_app(Settings.load(environ={}), work=False).openapi()


def text(of: dict[str, Any]) -> str:
    """One document, one text: sorted, and a line for each value."""
    return json.dumps(of, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it, from the top of the repository."""
    new = document()
    if SNAPSHOT.exists():
        found = changes(json.loads(SNAPSHOT.read_text()), new)
        sys.stdout.write(told(found) + "\n" if found else "Nothing has changed.\n")
    SNAPSHOT.write_text(text(new))


if __name__ == "__main__":
    main()
