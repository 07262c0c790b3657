"""`make reference`: every page that is written from the code. A test holds them to it."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
from typer.main import get_command

from scripts.openapi import document
from truestyle.auth.permissions import GRANTS, Permission
from truestyle.cli import reference
from truestyle.cli.app import app
from truestyle.kit.errors import Problem

FOLDER = Path("docs/reference")
PREFIX = "/api/v1"
NEVER = {"internal_error"}  # of the 500 that nobody should see
INSIDE = ("Base of ", "Never answered")  # how classes say that they are not answered as they are
BY = "This page is written from the code by `make reference`."
Told = dict[str, Any]


def operations() -> str:
    """Every operation of the API, by tag."""
    told = document()
    lines = [
        "# Operations",
        "",
        f"Paths are below `{PREFIX}`, but for `/` and `/health*`. Bodies, answers and errors of each: `/docs` and",
        "`/redoc` of a running store, or [the OpenAPI document](openapi.json). Who may: *anyone*, or who holds the",
        "named [permission](permissions.md) (`account:own`: everybody with an account); *or a guest*: without signing",
        "in too.",
        BY,
    ]
    found: dict[str, list[str]] = defaultdict(list)
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            row = f"| `{method.upper()} {path.removeprefix(PREFIX)}` | {_cell(one['summary'])} | {_who(one)} |"
            found[one["tags"][0]].append(row)
    for tag in told["tags"]:
        lines += ["", f"## {tag['name']}", "", tag["description"], "", "| operation | | who |", "|---|---|---|"]
        lines += found[tag["name"]]
    return "\n".join(lines) + "\n"


def _who(operation: Told) -> str:
    needs = operation.get("security", [])
    scopes = sorted({scope for need in needs for scopes in need.values() for scope in scopes})
    if not needs:
        return "anyone"
    words = ", ".join(f"`{one}`" for one in scopes) or "signed in"
    return f"{words}, or a guest" if {} in needs or len(needs) > 1 else words


def errors() -> str:
    """Every error code, with what it means and where it can come from."""
    lines = [
        "# Errors",
        "",
        "Every error is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):",
        "",
        "```json",
        '{"type": "about:blank", "title": "Conflict", "status": 409, "detail": "There is not enough stock.",',
        ' "code": "insufficient_stock", "instance": "/api/v1/cart/add", "request_id": "…"}',
        "```",
        "",
        "`code` is stable; `detail` is for people and may change. A `validation_error` lists what is wrong in",
        "`errors`, each with `loc`, `msg` and `type`. Some codes add members of their own. 429 and 503 say in",
        "`Retry-After` when to come again.",
        BY,
    ]
    codes: dict[int, dict[str, list[type[Problem]]]] = defaultdict(lambda: defaultdict(list))
    for one in _problems():
        if one.code not in NEVER:
            codes[one.status][one.code].append(one)
    for status in sorted(codes):
        lines += ["", f"## {status} {HTTPStatus(status).phrase}", "", "| `code` | means |", "|---|---|"]
        for code, kinds in sorted(codes[status].items()):
            meanings = dict.fromkeys(_sentence(one) for one in sorted(kinds, key=lambda one: one.__name__))
            lines.append(f"| `{code}` | {_cell(' Or: '.join(meanings))} |")
    return "\n".join(lines) + "\n"


def _problems(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for one in of.__subclasses__():
        if one.__module__.startswith("truestyle.") and not any(words in (one.__doc__ or "") for words in INSIDE):
            yield one
        yield from _problems(one)


def _sentence(problem: type[Problem]) -> str:
    return " ".join((problem.__doc__ or problem.detail).split("\n\n")[0].split())


def permissions() -> str:
    """Every permission, which built-in role holds it, and what it opens."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for path, methods in document()["paths"].items():
        for method, one in methods.items():
            for scope in {scope for need in one.get("security", []) for each in need.values() for scope in each}:
                wanted[scope].append(f"`{method.upper()} {path.removeprefix(PREFIX)}`")
    roles = list(GRANTS)
    lines = [
        "# Permissions",
        "",
        "Which of the built-in roles holds what when a store is new; roles and grants are data and can be changed",
        f"([how](../concepts/permissions.md)). {BY}",
        "",
        f"| permission | {' | '.join(roles)} |",
        f"|---|{'---|' * len(roles)}",
    ]
    lines += [f"| `{one}` | {' | '.join('✓' if one in GRANTS[role] else '' for role in roles)} |" for one in Permission]
    lines += [
        "",
        "## What each opens",
        "",
        "Some open more than they name here: others' rows, where the rest is one's own.",
    ]
    for one in Permission:
        opens = ", ".join(wanted[one]) or "Nothing by itself; it is looked at inside."
        lines += ["", f"### {one}", "", opens]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command of `truestyle`."""
    lines = ["# Commands", "", f"What `truestyle --help` says. {BY}"]
    for name, command in _commands("truestyle", get_command(app)):
        lines += ["", f"## {name}", "", _cell(" ".join((command.help or "").split()))]
        usage = " ".join([name, *command.collect_usage_pieces(click.Context(command))])
        lines += ["", "```console", usage, "```"]
        rows = [row for row in (_parameter(one) for one in command.params) if row]
        if rows:
            lines += ["", "| | default | |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    for child, one in sorted((below or {}).items()):
        yield from _commands(f"{name} {child}", one)


def _parameter(one: Any) -> str | None:
    if one.name in {"help", "install_completion", "show_completion"}:
        return None
    option = one.param_type_name == "option"
    names = ", ".join(f"`{each}`" for each in (*one.opts, *one.secondary_opts)) if option else f"`{one.name.upper()}`"
    plain = (
        one.default is None
        or callable(one.default)
        or one.default is False
        or not isinstance(one.default, str | int | Path)
    )
    default = "" if plain else f"`{one.default}`"
    return f"| {names} | {default} | {_cell(getattr(one, 'help', None) or '')} |"


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)


PAGES: dict[str, Callable[[], str]] = {
    "operations.md": operations,
    "errors.md": errors,
    "permissions.md": permissions,
    "commands.md": commands,
}


def main() -> None:
    """Write them all, from the top of the repository."""
    reference.main()
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
        sys.stdout.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
