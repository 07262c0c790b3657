"""The pages for who comes from another backend say what holds: every row of their tables is checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import AliasChoices

from truestyle.aliases import ALIASES, shape
from truestyle.infra.http.paths import routes_of
from truestyle.setting_groups import GROUPS
from truestyle.shop import Shop

FOLDER = Path(__file__).parents[1] / "docs" / "coming-from"
PAGES = sorted(FOLDER.glob("*.md"))
PREFIX = "/api/v1"
OUTSIDE = " (outside the prefix)"
HERE = re.compile(r"(same|alias of `([^`]+)`|now `([^`]+)`|not yet: (\w.+))")
Route = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """One line of a table: `kind` of thing, its name there, and what the second column says of it."""

    page: str
    kind: str
    theirs: str
    outside: bool
    says: str
    ours: str | None

    def __str__(self) -> str:
        return f"{self.page}: {self.theirs}: {self.says}"

    def routes(self) -> Iterator[Route]:
        """Each method with its path, for their `GET PUT /x/{id}`."""
        yield from routes(self.theirs, outside=self.outside)


def routes(told: str, *, outside: bool = False) -> Iterator[Route]:
    *methods, path = told.split()
    for method in methods:
        yield method, ("" if outside else PREFIX) + shape(path)


def rows() -> Iterator[Row]:
    for page in PAGES:
        kind = None
        for line in page.read_text().splitlines():
            cells = [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not cells:
                kind = None
            elif kind is None:
                kind = cells[0].removeprefix("their ")
                assert kind in {"route", "router", "collection", "setting"}, (page.name, line)
            elif set(cells[0]) != {"-"}:
                theirs, here = (
                    re.fullmatch(r"`([^`]+)`(?: \(outside the prefix\))?", cells[0]),
                    HERE.fullmatch(cells[1]),
                )
                assert theirs, (page.name, line)
                assert here, (page.name, line)
                ours = here[2] or here[3]
                yield Row(page.name, kind, theirs[1], cells[0].endswith(OUTSIDE), here[1].split()[0], ours)


ROWS = list(rows())


def of(kind: str, says: str) -> list[Row]:
    return [one for one in ROWS if (one.kind, one.says) == (kind, says)]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Every name that a setting is read by, in capitals."""
    found = set()
    for group in GROUPS:
        for name, field in group.model_fields.items():
            alias = field.validation_alias
            found |= {str(one) for one in alias.choices} if isinstance(alias, AliasChoices) else {name}
    return {one.upper() for one in found}


@pytest.fixture
def answered(app: FastAPI) -> set[Route]:
    """Every method and path that is answered, documented or not."""
    return {(method, shape(one.path_format or "")) for one in routes_of(app) for method in one.methods or ()}


@pytest.fixture
def documented(app: FastAPI) -> set[Route]:
    return {(method.upper(), shape(path)) for path, told in app.openapi()["paths"].items() for method in told}


def test_there_is_a_page_for_each_of_the_five() -> None:
    assert len(PAGES) == 5
    assert {one.page for one in ROWS} == {page.name for page in PAGES}


def test_no_page_tells_a_thing_twice() -> None:
    told = [
        (one.page, one.kind, name) for one in ROWS for name in (one.routes() if one.kind == "route" else [one.theirs])
    ]
    assert sorted(map(str, told)) == sorted(map(str, set(told)))


def test_what_is_the_same_is_documented_under_that_name(answered: set[Route], documented: set[Route]) -> None:
    pages = {("GET", path) for path in ("/docs", "/redoc", "/openapi.json")} & answered  # of the document, so not in it
    assert [
        f"{row}: {one}" for row in of("route", "same") for one in row.routes() if one not in documented | pages
    ] == []


def test_every_alias_leads_where_the_page_says(answered: set[Route], documented: set[Route]) -> None:
    known = {(one.method, PREFIX + one.path): (one.to_method, PREFIX + one.to_path) for one in ALIASES}
    for row in of("route", "alias"):
        (theirs,), (ours,) = list(row.routes()), list(routes(row.ours or ""))
        assert known.get(theirs) == ours, str(row)
        assert theirs in answered, str(row)
        assert ours in documented, str(row)


def test_what_replaces_a_route_or_router_is_documented(documented: set[Route]) -> None:
    for row in of("route", "now") + of("router", "now"):
        (ours,) = routes(row.ours or "")
        assert ours in documented, str(row)


def test_what_is_not_there_yet_is_not_there(answered: set[Route], known: set[str], shop: Shop) -> None:
    """Fails when a feature arrives: then its rows become `same`, `alias of` or `now`."""
    arrived = [str(row) for row in of("route", "not") for one in row.routes() if one in answered]
    arrived += [str(row) for row in of("setting", "not") if row.theirs in known]
    collections = {one.name for one in shop.store.collections()}
    arrived += [str(row) for row in of("collection", "not") if row.theirs in collections]
    assert sorted(set(arrived)) == [], "is there now: change its rows in docs/coming-from"


def test_every_setting_is_read_by_that_name(known: set[str]) -> None:
    assert [str(row) for row in of("setting", "same") if row.theirs not in known] == []
    for row in of("setting", "alias"):
        choices = [
            [str(one).upper() for one in field.validation_alias.choices]
            for group in GROUPS
            for field in group.model_fields.values()
            if isinstance(field.validation_alias, AliasChoices)
        ]
        assert any(one[0] == row.ours and row.theirs in one[1:] for one in choices), str(row)


def test_every_collection_is_there(shop: Shop) -> None:
    collections = {one.name for one in shop.store.collections()}
    assert [str(row) for row in of("collection", "same") if row.theirs not in collections] == []
    assert [str(row) for row in of("collection", "now") if row.ours not in collections] == []


def test_every_alias_that_the_store_has_is_on_a_page() -> None:
    told = {one for row in of("route", "alias") for one in row.routes()}
    assert [one for one in ALIASES if (one.method, PREFIX + one.path) not in told] == []


def test_every_other_name_of_a_setting_is_on_a_page() -> None:
    told = {row.theirs for row in of("setting", "alias")}
    for group in GROUPS:
        for name, field in group.model_fields.items():
            if isinstance(field.validation_alias, AliasChoices):
                others = {str(one).upper() for one in field.validation_alias.choices} - {name.upper()}
                assert others <= told, name
