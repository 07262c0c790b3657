"""The machine that the store runs on: room on its disks, folders that can be written, a mongod that runs."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from truestyle.doctor.models import Finding, good, note, wrong
from truestyle.infra.local.finder import NoMongodError, find_mongod
from truestyle.settings import Settings

TIGHT, LITTLE = 1 << 30, 5 << 30  # bytes


def look(settings: Settings, *, brings_own: bool) -> Iterator[Finding]:
    """Everything about it."""
    places = {"TRUESTYLE_DATA": settings.data.truestyle_data, "BACKUP_BASE_PATH": settings.backups.backup_base_path}
    for name, folder in places.items():
        yield _folder(name, folder)
    if brings_own:
        yield _mongod(settings.data.truestyle_data)


def _folder(name: str, folder: Path) -> Finding:
    there = next(one for one in (folder.resolve(), *folder.resolve().parents) if one.exists())
    if not there.is_dir():
        return wrong("disk", f"{name} is in {there.name}, which is a file: name a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        return wrong("disk", f"{name} cannot be written by this user: give it to the user that runs the store.")
    free = shutil.disk_usage(there).free
    words = f"{free / (1 << 30):.1f} GB are free for {name}"
    if free < TIGHT:
        return wrong("disk", f"Only {words}: make room, or name a folder on a larger disk.")
    if free < LITTLE:
        return note("disk", f"{words}, which is little: make room soon.")
    return good("disk", f"{words}.")


def _mongod(folder: Path) -> Finding:
    try:
        found = find_mongod(folder / "cache")
    except NoMongodError as error:
        return wrong("mongod", str(error))
    return good("mongod", f"MongoDB {found.version} can be started here.")
