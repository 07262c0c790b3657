"""The written word: every link leads somewhere, every page can be found, and what it names exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from truestyle.aliases import shape
from truestyle.infra.http.paths import routes_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
ROUTE = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?]*)")
TABLES = DOCS / "coming-from"  # what its tables say has a test of its own


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The names that a browser knows the headings of a page by."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def links(page: Path) -> Iterator[str]:
    yield from (one for one in LINK.findall(BLOCK.sub("", page.read_text())) if "://" not in one)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_every_page_is_in_the_index() -> None:
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}
    assert [name_of(page) for page in DOCS.rglob("*.md") if page not in {*listed, DOCS / "README.md"}] == []
    assert "docs/README.md" in set(links(ROOT / "README.md"))


@pytest.mark.parametrize("page", [one for one in PAGES if one.name != "CHANGELOG.md"], ids=name_of)
def test_every_route_that_is_named_is_answered(page: Path, app: FastAPI) -> None:
    lines = [one for one in page.read_text().splitlines() if page.parent != TABLES or not one.startswith("|")]
    answered = {(method, shape(one.path_format or "")) for one in routes_of(app) for method in one.methods or ()}
    named = [(method, shape(path.rstrip("/") or "/")) for method, path in ROUTE.findall("\n".join(lines))]
    assert [one for one in named if not {one, (one[0], "/api/v1" + one[1])} & answered] == []


def test_an_address_in_a_page_is_not_a_machines() -> None:
    assert [name_of(page) for page in PAGES if re.search(r"/(home|root|Users|work|opt)/", page.read_text())] == []
