"""Secrets that are planted in a store, and the search for them wherever they have no business."""

import base64
import html
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import bson
import httpx
from bson import json_util

from truestyle.kit.repository import Database

NOWHERE = re.compile(r"(?!)")


def forms(secret: str) -> list[str]:
    """A secret as it may stand in a text: in clear, hex, base64 wherever it begins, escaped for a URL, JSON, HTML."""
    raw = secret.encode()
    found = {secret, raw.decode("latin-1"), raw.hex(), raw.hex().upper()}
    found |= {quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret), ascii(secret)[1:-1]}
    found |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # what stands before it shifts it; the first and last signs hold something else too
            whole = encode(b"\0" * before + raw).decode().rstrip("=")
            found.add(whole[0 if before == 0 else before + 1 : -1 if (before + len(raw)) % 3 else None])
    return sorted(one for one in found if len(one) > 5)


@dataclass(frozen=True)
class Secret:
    """One of them; `at`: the paths whose answers it is for."""

    name: str
    value: str
    at: re.Pattern[str] = NOWHERE

    def within(self, text: str) -> bool:
        """Whether the text has it in some form. Six digits may be part of any number, so they stand alone."""
        found = forms(self.value)
        if self.value.isdecimal():
            found.remove(self.value)
            if re.search(rf"(?<![\w.]){self.value}(?![\w.])", text, re.ASCII):
                return True
        return any(form in text for form in found)


@dataclass
class Planted:
    """What was planted, and every answer so far."""

    secrets: list[Secret] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)  # path, and all of the answer as text

    def plant(self, name: str, value: str, at: str | None = None) -> str:
        """Another secret, which must be long enough to be told from chance."""
        assert len(value) >= 6, value
        self.secrets.append(Secret(name, value, re.compile(at) if at else NOWHERE))
        return value

    async def saw(self, answer: httpx.Response) -> None:
        """A hook of the client."""
        await answer.aread()
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.multi_items())
        self.answers.append((answer.request.url.path, f"{answer.status_code}\n{head}\n\n{answer.text}"))

    def in_answers(self) -> list[str]:
        """Secrets in answers that they are not for."""
        return [
            f"{one.name} in the answer of {path}"
            for one in self.secrets
            for path, text in self.answers
            if not one.at.search(path) and one.within(text)
        ]

    def in_texts(self, texts: dict[str, str]) -> list[str]:
        """Secrets in texts that have none: logs, exports, dumps."""
        return [f"{one.name} in {where}" for one in self.secrets for where, text in texts.items() if one.within(text)]


async def dumped(db: Database) -> dict[str, str]:
    """Every collection: its rows as BSON and as extended JSON, where bytes are base64."""
    found = {}
    for name in await db.list_collection_names():
        rows = await db[name].find({}).to_list()
        found[f"collection {name}"] = "\n".join(
            json_util.dumps(row) + bson.encode(row).decode("latin-1") for row in rows
        )
    return found


def files_of(folder: Path) -> dict[str, str]:
    """Every file in a folder as it is on disk; SQLite's keep what was changed or deleted too."""
    return {one.name: one.read_bytes().decode("latin-1") for one in folder.rglob("*") if one.is_file()}
