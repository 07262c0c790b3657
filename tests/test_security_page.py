"""SECURITY.md: the command beside each promise runs a test that exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text()
ROWS = [row for row in TEXT.splitlines() if row.startswith("|") and not re.match(r"\|(-|\s*promise)", row)]


def named_in(path: Path) -> set[str]:
    """The names of its tests, those in classes too."""
    nodes = ast.walk(ast.parse(path.read_text()))
    found = {one.name for one in nodes if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in found if name.startswith("test_")}


def test_every_promise_has_a_command() -> None:
    assert len(ROWS) > 40
    assert [row for row in ROWS if not re.search(r"`uv run pytest tests/[^`]+` \|$", row)] == []


def test_every_test_that_is_named_exists() -> None:
    missing, named = [], 0
    for command in re.findall(r"`uv run pytest ([^`]+)`", TEXT):
        for one in command.split():
            name, _, test = one.partition("::")
            path, named = ROOT / name, named + 1
            if not path.is_file() or not named_in(path) or (test and test not in named_in(path)):
                missing.append(one)
    assert missing == []
    assert named > 60
