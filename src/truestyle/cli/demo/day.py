"""What every act of the demo needs: requests that must answer as expected, and steps that are printed."""

import html
import re
import time
from pathlib import Path
from typing import Any

import httpx
from rich.markup import escape

from truestyle.cli.common import CommandFailedError, console

PREFIX = "/api/v1"
PATIENCE = 90  # seconds for what a worker does: a mail, an audit
Headers = dict[str, str]


class Day:
    """A shopper and the staff, one request after the other."""

    def __init__(self, client: httpx.Client, papers: Path | None) -> None:
        self.client = client
        self.papers = papers
        self.step = 0

    def act(self, title: str) -> None:
        """Print the heading of an act."""
        console.print(f"\n[bold]{title}[/]", highlight=False)

    def say(self, what: str, told: str) -> None:
        """Print a step."""
        self.step += 1
        console.print(f"[cyan]{self.step:>3}[/] {escape(what):<42} {escape(told)}", highlight=False, soft_wrap=True)

    def call(self, method: str, path: str, expected: int = 200, **request: Any) -> Any:
        """Send a request; its JSON. Raises CommandFailedError for any other status than expected."""
        answer = self.send(method, PREFIX + path, **request)
        if answer.status_code != expected:
            msg = f"{method} {path} answered {answer.status_code} instead of {expected}: {_reason(answer)}"
            raise CommandFailedError(msg)
        return answer.json() if answer.content else None

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request, whatever it answers. Raises CommandFailedError if nobody does."""
        try:
            return self.client.request(method, path, **request)
        except httpx.TransportError as error:
            msg = f"No store answers at {self.client.base_url}: {error or type(error).__name__}"
            raise CommandFailedError(msg) from error

    def signed_in(self, email: str, password: str, headers: Headers | None = None) -> Headers:
        """The headers of somebody with an account. Raises CommandFailedError where a second factor is asked for."""
        body = {"email": email, "password": password}
        token = self.call("POST", "/auth/login", json=body, headers=headers).get("access_token")
        self.client.cookies.clear()
        if token is None:
            msg = f"{email} has a second factor; the demo needs an administrator without one."
            raise CommandFailedError(msg)
        return {"Authorization": f"Bearer {token}"}

    def paper(self, path: str, who: Headers) -> tuple[dict[str, Any], str]:
        """An invoice or a credit note: its data, and what there is to tell of its PDF."""
        data = self.call("GET", path, headers={**who, "Accept": "application/json"})
        pdf = self.send("GET", PREFIX + path, headers=who)
        if not pdf.content.startswith(b"%PDF-"):
            msg = f"GET {path} answered {pdf.status_code}, and not with a PDF."
            raise CommandFailedError(msg)
        told = f"PDF of {len(pdf.content) / 1000:.0f} kB"
        if self.papers is not None:
            self.papers.mkdir(parents=True, exist_ok=True)
            file = self.papers / (data["number"].replace("/", "-") + ".pdf")
            file.write_bytes(pdf.content)
            told += f" in {file}"
        return data, told

    def mails(self, to: str) -> list[tuple[str, str]] | None:
        """Subject and address of the mail to somebody, the newest first; None where sent mail is not shown."""
        page = self.send("GET", "/dev/mail")
        if page.status_code != httpx.codes.OK:
            return None
        rows = rf'<td>{re.escape(html.escape(to))}<td>([^<]*)<td><a href="([^"]+)\.html"'
        return [(html.unescape(subject), link) for subject, link in re.findall(rows, page.text)]

    def wait(self, what: str, look: Any) -> Any:
        """What `look` finds, as soon as it finds something. Raises CommandFailedError when patience ends."""
        ends = time.monotonic() + PATIENCE
        while not (found := look()):
            if time.monotonic() > ends:
                msg = f"{what} did not come within {PATIENCE} seconds."
                raise CommandFailedError(msg)
            time.sleep(0.2)
        return found

    def require(self, true: bool, otherwise: str) -> None:
        """Raises CommandFailedError with the sentence `otherwise` unless it is true."""
        if not true:
            raise CommandFailedError(otherwise)


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['code']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return answer.text[:300] or "nothing is said"
