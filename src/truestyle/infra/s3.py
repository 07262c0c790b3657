"""Bytes in an S3 bucket: Amazon's, or whatever speaks like it (MinIO, LocalStack, …).

obstore reads, lists, deletes and signs. Writing is one PUT of a known length to an address that it signed, streamed by
httpx: S3 keeps all of it or nothing, so there is no multipart upload that could be left behind half done.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, Literal

import httpx
import obstore
import structlog
from bson import ObjectId
from obstore.exceptions import BaseError
from obstore.store import S3Store
from pydantic import SecretStr

from truestyle.infra.storage import Held, StorageRefusedError
from truestyle.kit.errors import Unavailable

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import S3Config

FOLDER = "files/"
CONNECT = 1.0  # seconds
SILENCE = 4.0  # seconds without a byte
OPENING = 5.0  # seconds until S3 must have begun to answer, all tries together
TRIES = 3
PIECE = 64 * 1024  # bytes that are held of a file on its way
PAUSE = 0.1  # seconds before the second try; then twice as long
SIGNED_FOR = timedelta(minutes=5)
WHOLE = timedelta(hours=1)  # a slow client may take this long over a file
HOME = "us-east-1"  # the one region that a new bucket must not name
Method = Literal["GET", "HEAD", "PUT"]
log = structlog.get_logger("s3")


@dataclass(frozen=True)
class Bucket:
    """Which bucket, where, and with which key. Without a key: what the machine itself is given by AWS."""

    name: str
    region: str
    endpoint: str | None = None
    key_id: str | None = None
    secret: SecretStr | None = None
    token: SecretStr | None = None


class S3Storage:
    """Bytes in a bucket, under `files/<id>`."""

    name = "S3"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._store = connect(bucket)
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(SILENCE, connect=CONNECT))

    async def put(self, key: ObjectId, content: BinaryIO, size: int, content_type: str) -> None:
        """Store all `size` bytes under a new key, or nothing. Raises Unavailable."""
        address = await self._signed("PUT", _path(key))
        headers = {"content-type": content_type, "content-length": str(size)}
        pause, said = PAUSE, ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(pause)
                pause *= 2
            content.seek(0)
            try:
                answer = await self._http.put(address, content=_pieces(content), headers=headers)
            except httpx.TransportError as error:
                said = type(error).__name__
                if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):  # it hangs: who asks has waited enough
                    break
                continue
            if answer.is_success:
                return
            said = str(answer.status_code)
            if answer.status_code < 500:  # noqa: PLR2004 - asking again would be refused again
                break
        log.warning("s3_put_failed", error=said)
        raise Unavailable

    async def open(self, key: ObjectId, first: int = 0, last: int | None = None) -> AsyncIterator[bytes] | None:
        """The bytes from `first` to `last` in pieces, or None. Raises Unavailable."""
        end = None if last is None else last + 1
        asked: GetOptions = {"range": {"offset": first} if end is None else (first, end)}
        try:
            with _told():
                async with asyncio.timeout(OPENING):
                    found = await obstore.get_async(self._store, _path(key), options=asked)
        except FileNotFoundError:
            return None
        return _stream(found)

    async def remove(self, key: ObjectId) -> None:
        """Delete it, if it is there. Raises Unavailable."""
        try:
            with _told():
                async with asyncio.timeout(OPENING):
                    await obstore.delete_async(self._store, _path(key))
        except FileNotFoundError:
            return

    async def held(self) -> AsyncIterator[Held]:
        """Everything under `files/`, ascending: S3 lists by name, and names are ids. Raises Unavailable."""
        with _told():
            async for batch in obstore.list(self._store, FOLDER):
                for one in batch:
                    name = one["path"].removeprefix(FOLDER)
                    if ObjectId.is_valid(name):
                        yield Held(ObjectId(name), one["size"])

    async def find(self, key: ObjectId) -> Held | None:
        """Its size, or None. Raises Unavailable."""
        try:
            with _told():
                async with asyncio.timeout(OPENING):
                    facts = await obstore.head_async(self._store, _path(key))
        except FileNotFoundError:
            return None
        return Held(key, facts["size"])

    async def prepare(self, *, create: bool) -> None:
        """Look for the bucket; `create`: make it if there is none. Raises StorageRefusedError, Unavailable."""
        status = await self._ask("HEAD")
        if status == 404 and create:  # noqa: PLR2004
            status = await self._ask("PUT")
        if status in {401, 403}:
            msg = "S3_BUCKET_NAME: S3 refuses this key. It needs ListBucket, GetObject, PutObject and DeleteObject."
        elif status == 404:  # noqa: PLR2004
            msg = "S3_BUCKET_NAME names a bucket that does not exist. Create it, or mend the name."
        elif status in {301, 307, 400}:
            msg = "AWS_REGION is not the region of the bucket in S3_BUCKET_NAME."
        else:
            return
        raise StorageRefusedError(msg)

    async def ping(self) -> bool:
        """Whether the bucket answers."""
        try:
            return await self._ask("HEAD") == 200  # noqa: PLR2004
        except Unavailable:
            return False

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    async def _ask(self, method: Method) -> int:
        """The status of a request for the bucket itself, which obstore has no call for. Raises Unavailable."""
        region = self._bucket.region
        place = f"<LocationConstraint>{region}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
        content = body if method == "PUT" and region != HOME else None
        try:
            answer = await self._http.request(method, await self._signed(method, ""), content=content)
        except httpx.TransportError as error:
            raise Unavailable from error
        if answer.status_code >= 500:  # noqa: PLR2004
            raise Unavailable
        return answer.status_code

    async def _signed(self, method: Method, path: str) -> str:
        with _told():
            async with asyncio.timeout(OPENING):  # a machine's own key is fetched first
                return await obstore.sign_async(self._store, method, path, SIGNED_FOR)


def connect(bucket: Bucket) -> S3Store:
    """A bucket; nothing is asked of it before the first use."""
    config: S3Config = {"region": bucket.region, "disable_bulk_delete": True}
    if bucket.endpoint is None:
        config["virtual_hosted_style_request"] = "." not in bucket.name  # no certificate covers a dot
    else:
        config["endpoint"] = bucket.endpoint.rstrip("/")
    if bucket.key_id is not None and bucket.secret is not None:
        config["access_key_id"] = bucket.key_id
        config["secret_access_key"] = bucket.secret.get_secret_value()
    if bucket.token is not None:
        config["session_token"] = bucket.token.get_secret_value()
    return S3Store(
        bucket.name,
        config=config,
        client_options={
            "allow_http": (bucket.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT),
            "read_timeout": timedelta(seconds=SILENCE),
            "timeout": WHOLE,
        },
        retry_config={
            "max_retries": TRIES - 1,
            "retry_timeout": timedelta(seconds=OPENING),
            "backoff": {
                "init_backoff": timedelta(seconds=PAUSE),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
    )


def _path(key: ObjectId) -> str:
    return f"{FOLDER}{key}"


async def _stream(found: "GetResult") -> AsyncIterator[bytes]:
    with _told():
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)


async def _pieces(content: BinaryIO) -> AsyncIterator[bytes]:
    while piece := content.read(PIECE):
        yield piece


@contextmanager
def _told() -> Iterator[None]:
    """What S3 says becomes Unavailable; in the log its kind alone, because the words may quote keys."""
    try:
        yield
    except (BaseError, TimeoutError) as error:
        log.warning("s3_failed", error=type(error).__name__)
        raise Unavailable from error
