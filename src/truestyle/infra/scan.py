"""A program that looks at files before they are kept, as ClamAV's `clamdscan` does."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

import structlog

from truestyle.kit.errors import Unavailable

CLEAN, REFUSED = 0, 1
PLACE = "{path}"
PIECE = 64 * 1024  # bytes
AT_ONCE = 4  # programs that look at files at one time
KNOWN = ("PATH", "HOME", "LANG", "TMPDIR")  # of our environment, which holds secrets, the program gets these alone
log = structlog.get_logger("scan")
_turns = asyncio.Semaphore(AT_ONCE)


async def refuses(command: Sequence[str], content: BinaryIO, seconds: float) -> bool:
    """Whether the program refuses the file, which it gets on its stdin, or where its arguments say `{path}`.

    Raises Unavailable when it can say neither within `seconds`: what nobody looked at is not kept.
    """
    content.seek(0)
    try:
        async with asyncio.timeout(seconds), _turns:
            code = await _asked(command, content)
    except TimeoutError as error:
        log.warning("scan_took_too_long", seconds=seconds)
        raise Unavailable from error
    except OSError as error:
        log.exception("scan_not_started")
        raise Unavailable from error
    if code not in {CLEAN, REFUSED}:
        log.warning("scan_failed", exit_code=code)
        raise Unavailable
    return code == REFUSED


async def _asked(command: Sequence[str], content: BinaryIO) -> int:
    if not any(PLACE in one for one in command):
        return await _run(command, content)
    with tempfile.NamedTemporaryFile(prefix="truestyle-scan-") as file:
        shutil.copyfileobj(content, file, PIECE)
        file.flush()
        return await _run([one.replace(PLACE, file.name) for one in command], None)


async def _run(command: Sequence[str], content: BinaryIO | None) -> int:
    """Its exit code; when we are cancelled it is ended, with all that it started."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=quiet if content is None else asyncio.subprocess.PIPE,
        stdout=quiet,
        stderr=quiet,
        env={name: value for name, value in os.environ.items() if name in KNOWN},
        start_new_session=True,
    )
    try:
        if content is not None:
            await _feed(process, content)
        return await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _feed(process: asyncio.subprocess.Process, content: BinaryIO) -> None:
    pipe = process.stdin
    if pipe is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # it may have seen enough
        while piece := content.read(PIECE):
            pipe.write(piece)
            await pipe.drain()
    pipe.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        await pipe.wait_closed()
