"""/reset-password: where the link in a mail leads when the shop has no page of its own (`FRONTEND_URL`).

The token is in the fragment of the address, which no server sees and no log has.
"""

import base64
import hashlib
import re
from html import escape
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse


def install(app: FastAPI, prefix: str) -> None:
    """Add the page."""
    text = (Path(__file__).parent / "pages" / "reset_password.html").read_text(encoding="utf-8")
    page = text.replace('<html lang="en">', f'<html lang="en" data-api="{escape(prefix)}">')
    policy = (
        f"default-src 'none'; script-src {_digest(page, 'script')}; style-src {_digest(page, 'style')}; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy, "referrer-policy": "no-referrer", "cache-control": "no-cache"}

    @app.get("/reset-password", include_in_schema=False)
    async def reset_password_page() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)


def _digest(page: str, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    content = found[1] if found else ""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
