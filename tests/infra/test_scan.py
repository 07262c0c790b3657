"""The program that looks at files: what it says counts, and what it does not say is a no."""

import asyncio
import io
import os
import time
from pathlib import Path

import pytest

from truestyle.infra import scan
from truestyle.kit.errors import Unavailable

LARGE = b"x" * 3_000_000  # more than a pipe holds
SECONDS = 20


def script(folder: Path, words: str) -> str:
    path = folder / "scan.sh"
    path.write_text(f"#!/bin/sh\n{words}\n")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize("way", [(), ("{path}",), ("--file={path}",)])
@pytest.mark.parametrize(("content", "refused"), [(LARGE, False), (LARGE + b"EVIL" + LARGE, True)])
async def test_it_reads_the_file_and_decides(
    way: tuple[str, ...], content: bytes, refused: bool, tmp_path: Path
) -> None:
    command = script(
        tmp_path,
        'if grep -q EVIL "${1#--file=}"; then exit 1; else exit 0; fi'
        if way
        else "if grep -q EVIL; then exit 1; else exit 0; fi",
    )
    source = io.BytesIO(content)
    source.seek(17)  # it is read from its beginning, wherever it stands
    assert await scan.refuses([command, *way], source, SECONDS) is refused


async def test_it_need_not_read_all(tmp_path: Path) -> None:
    assert await scan.refuses([script(tmp_path, "exit 1")], io.BytesIO(LARGE), SECONDS)
    assert not await scan.refuses([script(tmp_path, "exit 0")], io.BytesIO(LARGE), SECONDS)


@pytest.mark.parametrize("words", ["exit 2", "exit 127", "kill -9 $$"])
async def test_whoever_breaks_refuses(words: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await scan.refuses([script(tmp_path, words)], io.BytesIO(b"x"), SECONDS)


async def test_what_cannot_be_started_refuses(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await scan.refuses([str(tmp_path / "nothing")], io.BytesIO(b"x"), SECONDS)


@pytest.mark.parametrize("reads", [False, True])
async def test_who_takes_too_long_refuses_and_is_ended_with_its_children(reads: bool, tmp_path: Path) -> None:
    words = f"echo $$ > {tmp_path}/pid; {'cat > /dev/null;' if reads else ''} sleep 60 & sleep 61; exit 0"
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await scan.refuses([script(tmp_path, words)], io.BytesIO(LARGE), 0.5)
    assert time.monotonic() - began < SECONDS
    group = int((tmp_path / "pid").read_text())
    for _ in range(100):  # the child is reaped by init, in its own time
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.05)
    pytest.fail("it still runs")


async def test_it_is_told_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_HASH_PEPPER", "not for programs")
    await scan.refuses([script(tmp_path, f"env > {tmp_path}/env")], io.BytesIO(b"x"), SECONDS)
    told = (tmp_path / "env").read_text()
    assert "PATH=" in told
    assert "PEPPER" not in told
