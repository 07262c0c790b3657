"""Logs: a line is a line, whatever a stranger puts into it."""

import subprocess
import sys

import pytest

from truestyle.infra import telemetry
from truestyle.kit.trail import Actor, ActorKind, acting

HOSTILE = "/a\\x1b[2J\\x1b[31m\\r\\nforged=1 \\u2028 end"
CODE = """
import structlog
from truestyle.infra import telemetry
telemetry.configure(json={json})
structlog.get_logger("x").info("request", path="{path}", other="plain – ü")
"""


@pytest.mark.parametrize("json", [True, False])
def test_nothing_in_a_value_makes_another_line_or_commands_the_terminal(json: bool) -> None:
    code = CODE.format(json=json, path=HOSTILE)
    env = {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True)  # noqa: S603
    told = done.stderr.decode()
    assert "forged=1" in told
    assert len(told.splitlines()) == 1, told
    assert not [one for one in told if not one.isprintable() and one != "\n"]
    assert json or "plain – ü" in told


def test_a_line_within_a_request_has_its_id() -> None:
    with acting(Actor(ActorKind.GUEST, request_id="r-1")):
        assert telemetry.whereabouts(None, "", {"event": "x"})["request_id"] == "r-1"
        assert telemetry.whereabouts(None, "", {"event": "x", "request_id": "own"})["request_id"] == "own"
    assert "request_id" not in telemetry.whereabouts(None, "", {"event": "x"})
