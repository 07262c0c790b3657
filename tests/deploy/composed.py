"""compose.yaml as `docker compose` reads it: merged, its variables filled in."""

import base64
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose.yaml"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
# What deploy/compose/new_env.py would print, only always the same.
GIVEN = {
    "JWT_ACCESS_TOKEN_SECRET": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-access",
    "JWT_REFRESH_TOKEN_SECRET": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-refresh",
    "TOKEN_HASH_PEPPER": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-pepper",
    "BACKUP_ENC_KEY": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-backups",
    "CARD_ENC_KEY": base64.urlsafe_b64encode(b"k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A").decode(),
    "SEED_ADMIN_PASSWORD": "k2JH7f0PqYw9Zr3tVb8Nc5Xd",
    "POSTGRES_PASSWORD": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978",
    "AWS_ACCESS_KEY_ID": "k2JH7f0PqYw9Zr3tVb8N",
    "AWS_SECRET_ACCESS_KEY": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-s3",
}


def composed(given: dict[str, str] | None = None) -> dict[str, Any]:
    """The whole file. Raises KeyError with the name of a variable that must be given and is not."""
    known = GIVEN if given is None else given

    def filled(found: re.Match[str]) -> str:
        name, kind, words = found.groups()
        if known.get(name):
            return known[name]
        if kind == "?":
            raise KeyError(name)
        return words or ""

    read: dict[str, Any] = yaml.safe_load(VARIABLE.sub(filled, FILE.read_text()))
    return {name: value for name, value in read.items() if not name.startswith("x-")}


def environment_of(service: str) -> dict[str, str]:
    """What a service's process finds in its environment."""
    values = composed()["services"][service]["environment"]
    return {name: str(value) for name, value in values.items() if value is not None}
