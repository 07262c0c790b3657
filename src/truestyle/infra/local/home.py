"""The data folder of a local store: who holds it, how to reach what runs there, and its secrets."""

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from truestyle.infra.local.server import LocalMongo

SECRETS = ("jwt_access_token_secret", "jwt_refresh_token_secret", "token_hash_pepper")


class AlreadyRunningError(RuntimeError):
    """A store runs on this folder already."""


class NoStoreError(RuntimeError):
    """No store was ever made in this folder."""


class Home:
    """A folder such as `.truestyle`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._running = self.folder / "running.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process. The kernel lets go when the process dies. Raises AlreadyRunningError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._close_to_others()
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                where = self.running().get("url", "another process")
                msg = f"A store is already running on {self.folder} ({where}). Stop it first, or give another --data."
                raise AlreadyRunningError(msg) from error
            try:
                yield
            finally:
                self._running.unlink(missing_ok=True)

    def _close_to_others(self) -> None:
        """Nobody else reads the data in a folder that was made by hand; but one that all share (/tmp) stays theirs."""
        mode = self.folder.stat().st_mode
        if mode & 0o077 and not mode & stat.S_ISVTX:
            with contextlib.suppress(PermissionError):  # a volume that belongs to somebody else
                self.folder.chmod(0o700)

    def announce(self, **facts: Any) -> None:
        """Say what runs here, for the other commands."""
        partial = self._running.with_suffix(".tmp")
        partial.write_text(json.dumps({"pid": os.getpid(), **facts}))
        partial.replace(self._running)

    def running(self) -> dict[str, Any]:
        """What was announced, or {}."""
        try:
            found = json.loads(self._running.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def made(self) -> bool:
        """Whether a MongoDB of ours has kept its files here."""
        return (self.folder / "mongo" / "WiredTiger").is_file()

    def require_store(self) -> None:
        """Raises NoStoreError where no store was made and none runs; nothing is made."""
        if not self.made and "mongo_uri" not in self.running():
            msg = f"There is no store in {self.folder}. Give its folder with --data (or TRUESTYLE_DATA)."
            raise NoStoreError(msg)

    @contextlib.contextmanager
    def database(self, *, make: bool = False) -> Iterator[str]:
        """The URI of the database of the store that runs here, or of one started for the time of the block.

        `make`: a new one where there is none. Raises NoStoreError otherwise, AlreadyRunningError.
        """
        if not make:
            self.require_store()
        try:
            with self.held():
                if not make and not self.made:  # what ran here on a database elsewhere was killed
                    self._running.unlink(missing_ok=True)
                    self.require_store()
                mongo = LocalMongo(self.folder)
                mongo.start()
                try:
                    yield mongo.uri
                finally:
                    mongo.stop()
        except AlreadyRunningError:
            uri = self.running().get("mongo_uri")
            if not isinstance(uri, str):
                raise
            yield uri

    def kept(self) -> dict[str, str]:
        """The secrets that were made here already; nothing is made."""
        try:
            found = json.loads((self.folder / "secrets.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def secrets(self) -> dict[str, str]:
        """Secrets of this store, made once, readable by the owner only, so that sign-ins survive a restart."""
        path = self.folder / "secrets.json"
        kept: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(path.read_text())
        missing = {name: secrets.token_urlsafe(48) for name in SECRETS if name not in kept}
        if missing:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept |= missing
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(kept, file)
        return kept

    def remember(self, **values: str) -> None:
        """Keep further secrets beside the others (the demo admin's generated password)."""
        kept = {**self.secrets(), **values}
        path = self.folder / "secrets.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept, file)
