"""The guide's way of checking a signature works on what the store really sends, and refuses the rest."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hooks.conftest import Hooks
from tests.hooks.receiver import Receiver

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "webhooks.md").read_text()


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    return str(found)


def verified() -> Callable[..., bool]:
    names: dict[str, Any] = {}
    exec(block("python"), names)  # noqa: S102 - our own page
    found: Callable[..., bool] = names["verified"]
    return found


async def test_a_receiver_in_python(receiver: Receiver, hooks: Hooks) -> None:
    made = await hooks.add(receiver.url(), ["order.placed"])
    second = (await hooks.post(f"/{made['id']}/secret", {"overlap_hours": 1})).json()
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    [got] = receiver.got
    check, header = verified(), got.headers["truestyle-signature"]
    assert check(made["secret"], header, got.body)
    assert check(second["secret"], header, got.body)
    assert not check("whsec_another", header, got.body)
    assert not check(made["secret"], header, got.body + b" ")
    moment = header.partition(",")[0].removeprefix("t=")
    later = header.replace(moment, str(int(moment) + 1))
    assert not check(made["secret"], later, got.body)  # the time is signed
    assert not check(made["secret"], header, got.body, tolerance=-1)
    for nonsense in ("", "t=", "v1=", f"t={moment}", f"t={int(time.time())},v1=\u20ac", "t=x,v1=y"):
        assert not check(made["secret"], nonsense, got.body)


async def test_a_receiver_in_javascript(receiver: Receiver, hooks: Hooks, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    made = await hooks.add(receiver.url(), ["order.placed"])
    await hooks.post(f"/{made['id']}/ping")
    await hooks.work()
    [got] = receiver.got
    (tmp_path / "body").write_bytes(got.body)
    script = tmp_path / "check.mjs"
    script.write_text(
        block("js")
        + """
import { readFileSync } from "node:fs"
const [secret, header, file] = process.argv.slice(2)
const body = readFileSync(file)
console.log(verified(secret, header, body), verified("whsec_x", header, body), verified(secret, header + "0", body))
console.log(verified(secret, header, Buffer.concat([body, Buffer.from(" ")])), verified(secret, "", body))
"""
    )
    command = [node, str(script), made["secret"], got.headers["truestyle-signature"], str(tmp_path / "body")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: ASYNC221, S603 - ours, and a moment
    assert done.stdout.split() == ["true", "false", "false", "false", "false"]
