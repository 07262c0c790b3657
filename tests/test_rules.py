"""docs/reference/rules.md names a test for each rule: that test is there."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.test_security_page import named_in

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reference" / "rules.md"
RULES = [line.split(" | ") for line in PAGE.read_text().splitlines() if re.match(r"\| [^|]+ \| `", line)]
known = cache(named_in)


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one[0].removeprefix("| "))
def test_each_rule_has_its_test(rule: list[str]) -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", rule[1])
    assert named
    assert [one for one in named if one[1] not in known(TESTS / one[0])] == []


def test_there_are_rules() -> None:
    assert len(RULES) > 50
