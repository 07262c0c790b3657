"""The first sheet of an .xlsx workbook as CSV text.

A workbook is an archive that a few kilobytes can blow up to more than the machine has: two cells in opposite corners
are enough. So it is read by a process of its own, which may use so much memory and time and no more; if it dies of it,
the file is refused. That process runs this file alone, so nothing of the store is imported at the top.
"""

import csv
import io
import os
import subprocess
import sys
import threading
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

ARCHIVE = b"PK\x03\x04"  # how .xlsx files begin
MOST_MEMORY = 2**30  # bytes of address space
MOST_SECONDS = 30
MOST_CHARACTERS = 200_000_000
DIGITS = 15  # that a spreadsheet keeps of a number
AT_ONCE = threading.BoundedSemaphore(2)
READ, REFUSED = 0, 3  # how the process ends; anything else is a death
MIDNIGHT = time()


class UnreadableSheetError(ValueError):
    """The file is no workbook that can be read; the message says why, as the end of a sentence."""


def is_archive(content: bytes) -> bool:
    """Whether it might be a workbook."""
    return content.startswith(ARCHIVE)


def to_csv(workbook: bytes) -> bytes:
    """The first sheet, UTF-8. Waits, so it belongs in a thread. Raises UnreadableSheetError."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    with AT_ONCE:
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-I", "-X", "utf8", __file__],
                input=workbook,
                capture_output=True,
                timeout=2 * MOST_SECONDS,
                env=kept,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = "is a workbook that takes too long to read; save it as CSV (UTF-8)"
            raise UnreadableSheetError(message) from error
    if done.returncode == REFUSED:
        message = "is no .xlsx workbook that can be read; save it as CSV (UTF-8)"
        raise UnreadableSheetError(message)
    if done.returncode != READ:
        message = "is a workbook that is too large to read; save it as CSV (UTF-8), or split it"
        raise UnreadableSheetError(message)
    return done.stdout


def _convert(workbook: bytes) -> str:
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - only in the process that reads

    opened = CalamineWorkbook.from_filelike(io.BytesIO(workbook))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for row in opened.get_sheet_by_index(0).iter_rows():
        writer.writerow([_text(cell) for cell in row])
        if out.tell() > MOST_CHARACTERS:
            raise MemoryError
    return out.getvalue()


def _text(cell: Any) -> str:
    """A cell as somebody would have typed it: a spreadsheet tells every number as a float."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return f"{Decimal(f'{cell:.{DIGITS}g}'):f}"
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == MIDNIGHT else cell).isoformat()
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def _confine() -> None:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    except (ValueError, OSError):  # macOS has no such limit; its time still ends
        return


def main() -> int:
    """Read a workbook from standard input and write CSV to standard output."""
    content = sys.stdin.buffer.read()
    _confine()
    try:
        text = _convert(content)
    except MemoryError:
        return 1
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it cannot be read
        return REFUSED
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    return READ


if __name__ == "__main__":
    sys.exit(main())
