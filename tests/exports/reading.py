"""Reading what came out."""

import csv
import io
from typing import Any

from httpx import AsyncClient, Response
from python_calamine import CalamineWorkbook

from tests import make

Rows = list[dict[str, str]]


async def ask(client: AsyncClient, who: make.Person, subject: str, **body: Any) -> Response:
    return await client.post(f"/admin/export/{subject}", json={"format": "csv", **body}, headers=who.headers)


async def rows(client: AsyncClient, who: make.Person, subject: str, **body: Any) -> Rows:
    """The rows of a CSV file."""
    answer = await ask(client, who, subject, **body)
    assert answer.status_code == 200, answer.text
    return of_csv(answer.content)


def of_csv(content: bytes) -> Rows:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def of_xlsx(content: bytes) -> list[dict[str, Any]]:
    head, *found = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    return [dict(zip(map(str, head), row, strict=True)) for row in found]
