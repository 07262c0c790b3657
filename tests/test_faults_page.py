"""docs/guides/faults.md: its table names every test of faults, and only tests that are there."""

import re
from pathlib import Path

from tests.test_security_page import named_in

ROOT = Path(__file__).parents[1]
ROWS = [row for row in (ROOT / "docs/guides/faults.md").read_text().splitlines() if row.startswith("| ")][1:]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "\n".join(ROWS))
# What must be survived, by a word of its row each.
SURVIVED = (
    *("checkout", "provider", "refund", "returns", "restore", "mid-job", "at random"),
    *("absent at the start", "gone in mid-request", "of three, killed under load"),
    *("Redis, dead, hung, emptied, full of rubbish", "PostgreSQL", "SQLite", "S3, dead or hung"),
    *(
        "SMTP, refusing",
        "SMTP, slow",
        "SMTP, dropping after DATA",
        "full when an upload",
        "full in a backup",
        "SIGTERM",
    ),
)


def test_every_fault_has_a_test_that_is_there() -> None:
    assert [row for row in ROWS if not re.search(r"`tests/[\w/]+\.py::\w+`[^|]*\|$", row)] == []
    assert [f"{path}::{name}" for path, name in NAMED if name not in named_in(ROOT / path)] == []
    breaks = [row.split("|")[1] for row in ROWS]
    assert [one for one in SURVIVED if not any(one in said for said in breaks)] == []


def test_every_test_of_faults_is_in_the_table() -> None:
    there = {
        (f"tests/faults/{path.name}", name)
        for path in (ROOT / "tests/faults").glob("test_*.py")
        for name in named_in(path)
    }
    assert sorted(there - set(NAMED)) == []
    assert len(there) > 20
