"""A backup on disk: a folder of parts, and a manifest that a key of the settings signs.

A part is the rows of one collection or table as BSON, one after the other, gzipped, and encrypted where there is a key.
Its file is named by what it is, never by what a manifest says, so no path is ever read from a backup. The content is
checked twice: as it is stored (before anything else is done with it) and as it was before.
"""

import hashlib
import hmac
import os
import re
import stat
import zlib
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from truestyle.infra.box import derived
from truestyle.infra.frames import Locking, NotOpenedError, unlocked

MANIFEST, SIGNATURE = "manifest.json", "manifest.hmac"
PIECE = 1024 * 1024  # bytes that are read of a file at a time
LARGEST_ROW = 16 * 1024 * 1024 + 16 * 1024  # bytes: what MongoDB allows, and its own margin
MOST_MANIFEST = 16 * 1024 * 1024
PACKED = 1  # of zlib's levels: half of the best one's gain in a fifth of its time
STORED = 0  # for what is packed already, as pictures are
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}")
BACKUP_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{24}")
HASH = r"^[0-9a-f]{64}$"
Count = Annotated[int, Field(ge=0)]


class BackupDamagedError(RuntimeError):
    """A backup that must not be used; the message says why."""


class _Exact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Exact):
    """One collection or table: how many rows, and what they and their file must be."""

    kind: Literal["mongo", "sql"]
    name: str = Field(pattern=f"^{NAME.pattern}$")
    rows: Count
    size: Count = Field(description="Bytes of the rows.")
    content: str = Field(pattern=HASH, description="SHA-256 of the rows, by id.")
    stored: Count = Field(description="Bytes of the file.")
    sha256: str = Field(pattern=HASH, description="SHA-256 of the file.")
    indexes: str = Field("[]", description="Extended JSON.")

    @property
    def label(self) -> str:
        """What it is, and what its file is named by."""
        return f"{self.kind}.{self.name}"


class Manifest(_Exact):
    """What a backup is."""

    format: Literal[1] = 1
    id: str = Field(pattern="^[0-9a-f]{24}$")
    store: str
    app_version: str
    schema_version: int
    scope: Literal["full", "collections"]
    taken_at: datetime
    encrypted: bool
    parts: list[Part]

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(one.rows for one in self.parts)

    @property
    def stored(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(one.stored for one in self.parts)

    def part(self, kind: str, name: str) -> Part | None:
        """One part, if it is in it."""
        return next((one for one in self.parts if (one.kind, one.name) == (kind, name)), None)


def file_of(folder: Path, label: str, *, encrypted: bool) -> Path:
    """Where a part is kept."""
    return folder / f"{label}.bson.gz{'.enc' if encrypted else ''}"


class PartWriter:
    """Writes one part. What is written is on the disk once `close` has returned."""

    def __init__(self, folder: Path, kind: Literal["mongo", "sql"], name: str, key: str | None, level: int) -> None:
        if NAME.fullmatch(name) is None:
            msg = f"A collection has a name that a backup cannot carry: {name!r}."
            raise BackupDamagedError(msg)
        self._kind, self._name = kind, name
        label = f"{kind}.{name}"
        self._file = file_of(folder, label, encrypted=key is not None).open("xb")
        self._sha, self._content = hashlib.sha256(), hashlib.sha256()
        self._rows = self._size = self._stored = 0
        self._packing = zlib.compressobj(level, zlib.DEFLATED, 31)
        self._locking = None if key is None else Locking(self._keep, key, label)

    def write(self, rows: bytes, count: int) -> None:
        """Add `count` rows of BSON. Raises OSError."""
        self._content.update(rows)
        self._size += len(rows)
        self._rows += count
        self._pass_on(self._packing.compress(rows))

    def close(self, indexes: str = "[]") -> Part:
        """Finish, and wait for the disk. Raises OSError."""
        self._pass_on(self._packing.flush())
        if self._locking is not None:
            self._locking.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Part(
            kind=self._kind,
            name=self._name,
            rows=self._rows,
            size=self._size,
            content=self._content.hexdigest(),
            stored=self._stored,
            sha256=self._sha.hexdigest(),
            indexes=indexes,
        )

    def abandon(self) -> None:
        """Let the file go, whatever is in it; its folder is to be removed."""
        self._file.close()

    def _pass_on(self, packed: bytes) -> None:
        if packed:
            (self._keep if self._locking is None else self._locking.write)(packed)

    def _keep(self, content: bytes) -> None:
        self._file.write(content)
        self._sha.update(content)
        self._stored += len(content)


def sign(folder: Path, manifest: Manifest, peppers: Sequence[str]) -> str:
    """Write the manifest and its signature, and wait for the disk; the manifest's SHA-256. Raises OSError."""
    content = manifest.model_dump_json(indent=1).encode()
    write_through(folder / MANIFEST, content)
    write_through(folder / SIGNATURE, f"{_signature(content, peppers[0])}\n".encode())
    sync(folder)
    return hashlib.sha256(content).hexdigest()


def read_manifest(folder: Path, peppers: Sequence[str]) -> Manifest:
    """The manifest, if it is signed by one of our keys. Raises BackupDamagedError."""
    content, said = _small(folder / MANIFEST), _small(folder / SIGNATURE).strip()
    if not any(hmac.compare_digest(said, _signature(content, one).encode()) for one in peppers):
        msg = (
            "The manifest is not signed by a key of this store: it was changed, or the backup was made with another "
            "TOKEN_HASH_PEPPER (in the data folder of `truestyle dev` it is in secrets.json). Nothing was touched."
        )
        raise BackupDamagedError(msg)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        msg = "The manifest is of a form that this release does not know. Nothing was touched."
        raise BackupDamagedError(msg) from error
    labels = [one.label for one in manifest.parts]
    if len(set(labels)) < len(labels):
        msg = "The manifest names a part twice. Nothing was touched."
        raise BackupDamagedError(msg)
    return manifest


def check_stored(folder: Path, manifest: Manifest) -> Generator[Part, None, None]:
    """Each part, after its file was found to be what was written. Raises BackupDamagedError."""
    for part in manifest.parts:
        sha, size = hashlib.sha256(), 0
        for piece in _file(folder, part, encrypted=manifest.encrypted):
            sha.update(piece)
            size += len(piece)
        if size != part.stored or not hmac.compare_digest(sha.hexdigest(), part.sha256):
            msg = f"The part {part.label} is not what was written: {size:,} of {part.stored:,} bytes, or changed."
            raise BackupDamagedError(msg)
        yield part


def rows_of(folder: Path, manifest: Manifest, part: Part, keys: Sequence[str]) -> Generator[list[bytes], None, None]:
    """The rows of a part, some at a time; at the end it is known that they are all. Raises BackupDamagedError."""
    content, size, rows, held = hashlib.sha256(), 0, 0, bytearray()
    for piece in _unpacked(folder, manifest, part, keys):
        content.update(piece)
        size += len(piece)
        held += piece
        if size > part.size:
            break
        found = _split(held, part)
        rows += len(found)
        if found:
            yield found
    if held or (size, rows, content.hexdigest()) != (part.size, part.rows, part.content):
        raise _wrong(part)


def _split(held: bytearray, part: Part) -> list[bytes]:
    """Take the whole rows off the beginning."""
    found, at = list[bytes](), 0
    while len(held) - at >= 4:  # noqa: PLR2004 - a BSON document begins with its length
        size = int.from_bytes(held[at : at + 4], "little")
        if not 5 <= size <= LARGEST_ROW:  # noqa: PLR2004 - the empty document
            raise _wrong(part)
        if len(held) - at < size:
            break
        found.append(bytes(held[at : at + size]))
        at += size
    del held[:at]
    return found


def _unpacked(folder: Path, manifest: Manifest, part: Part, keys: Sequence[str]) -> Iterator[bytes]:
    content = _file(folder, part, encrypted=manifest.encrypted)
    packing = zlib.decompressobj(31)
    try:
        for piece in unlocked(content, keys, part.label) if manifest.encrypted else content:
            waiting = piece
            while waiting:
                yield packing.decompress(waiting, PIECE)
                waiting = packing.unconsumed_tail
        while rest := packing.decompress(packing.unconsumed_tail, PIECE):
            yield rest
    except NotOpenedError as error:
        msg = f"The part {part.label} does not open with BACKUP_ENC_KEY. Nothing was touched."
        raise BackupDamagedError(msg) from error
    except zlib.error as error:
        raise _wrong(part) from error
    if not packing.eof:
        raise _wrong(part)


def _file(folder: Path, part: Part, *, encrypted: bool) -> Iterator[bytes]:
    path = file_of(folder, part.label, encrypted=encrypted)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                msg = f"The part {part.label} is no ordinary file."
                raise BackupDamagedError(msg)
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        msg = f"The part {part.label} cannot be read: {error.strerror}."
        raise BackupDamagedError(msg) from error


def _wrong(part: Part) -> BackupDamagedError:
    return BackupDamagedError(f"The rows of {part.label} are not the ones that were written.")


def _small(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(MOST_MANIFEST)
    except OSError as error:
        msg = f"{path.name} cannot be read ({error.strerror}): this is no backup, or not a whole one."
        raise BackupDamagedError(msg) from error


def _signature(content: bytes, pepper: str) -> str:
    return hmac.new(derived(pepper, b"truestyle backup manifest", 32), content, hashlib.sha256).hexdigest()


def write_through(path: Path, content: bytes) -> None:
    """Write a small file, and wait for the disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Wait until what was made, renamed or removed in a folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
