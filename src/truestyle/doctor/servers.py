"""Each server that the store needs, asked for real: there, of the right kind, in time, and with what we put there."""

import asyncio
import io
from collections.abc import AsyncIterator
from itertools import chain
from urllib.parse import urlsplit

from bson import ObjectId
from pymongo.errors import PyMongoError
from redis.exceptions import AuthenticationError
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy.exc import SQLAlchemyError

from truestyle.doctor.models import Finding, good, note, wrong
from truestyle.infra import mongo, sql
from truestyle.infra.cache import RedisCache
from truestyle.infra.mail import NOT_TAKEN, SmtpMailer
from truestyle.infra.mongo import MongoRefusedError, Server
from truestyle.infra.redis import TIMEOUT, failures
from truestyle.infra.storage import StorageRefusedError
from truestyle.kit.errors import Unavailable
from truestyle.kit.tables import AWAY
from truestyle.mail.service import mailer_for
from truestyle.shop import Shop

OLDEST_MONGO, OLDEST_REDIS = (6, 0), 6
LONGEST_TRANSACTION = 15  # seconds; a checkout whose process died holds its stock for as long
SKEWED, TOO_SKEWED = 2.0, 30.0  # seconds
ROOM, TIGHT = 0.15, 0.05  # parts of a disk
NAMED = 5
PROBE = b"the doctor was here"


async def database(shop: Shop) -> list[Finding]:
    """MongoDB, its indexes and this release's rows in it."""
    try:
        server = await mongo.examine(shop.client, shop.store.db)
    except MongoRefusedError as error:
        return [wrong("mongo", str(error))]
    except PyMongoError as error:
        return [wrong("mongo", f"MongoDB does not answer as it should ({type(error).__name__}): look at its log.")]
    words = ".".join(map(str, server.version))
    found = _about(shop, server)
    if not any(one.part == "mongo" for one in found):
        found.append(good("mongo", f"MongoDB {words} answers, as a replica set."))
    return [*found, *await _contents(shop)]


def _about(shop: Shop, server: Server) -> list[Finding]:
    found, production = list[Finding](), shop.settings.production
    if server.version < OLDEST_MONGO:
        found.append(
            wrong("mongo", f"MongoDB is {'.'.join(map(str, server.version))}: 6.0 or newer is needed, upgrade it.")
        )
    if server.away:
        names = ", ".join(server.away)
        found.append(wrong("mongo", f"A member of the replica set is away ({names}): bring it back, or take it out."))
    if server.arbiters:
        found.append(
            note("mongo", "The replica set has an arbiter: when a member dies no majority can write; add a member.")
        )
    if production and server.hosts == 1:
        found.append(note("mongo", "The replica set has one member: when it dies the store stands; add two more."))
    limit = server.transaction_seconds
    if limit is not None and limit > LONGEST_TRANSACTION:
        mend = "db.adminCommand({setParameter: 1, transactionLifetimeLimitSeconds: 5})"
        says = f"transactionLifetimeLimitSeconds is {limit}: a dead checkout holds stock for as long; run {mend}."
        found.append((wrong if production else note)("mongo", says))
    if server.write_concern != "majority":
        found.append(wrong("mongo", "Writes are not acknowledged by a majority: remove `w` from MONGO_URI."))
    side = "ahead of" if server.ahead > 0 else "behind"
    if abs(server.ahead) > SKEWED:
        kind = wrong if abs(server.ahead) > TOO_SKEWED else note
        says = f"MongoDB's clock is {abs(server.ahead):.0f} s {side} this machine's: let both follow NTP."
        found.append(kind("clock", says))
    if server.free is not None and server.free < ROOM:
        kind = wrong if server.free < TIGHT else note
        found.append(
            kind("disk", f"MongoDB's disk is {100 * (1 - server.free):.0f} % full: make room, or give it a larger one.")
        )
    return found


async def _contents(shop: Shop) -> list[Finding]:
    standing = await shop.standing()
    if standing.wrong is not None and not standing.fresh:
        return [wrong("migrations", standing.wrong)]
    missing = [f"{one.name}.{name}" for one in shop.store.collections() for name in await one.missing_indexes()]
    if missing:
        some = ", ".join(missing[:NAMED]) + (", …" if len(missing) > NAMED else "")
        says = f"{len(missing)} indexes are missing ({some}): run `truestyle migrate`."
        return [wrong("migrations", says)]
    if not await shop.store.versions.is_prepared():
        return [
            wrong(
                "migrations",
                "This database was not prepared for this release: run `truestyle migrate` and `truestyle seed`.",
            )
        ]
    return [good("migrations", "Every index is there, and the rows of this release.")]


async def tables(shop: Shop) -> list[Finding]:
    """The SQL side."""
    name = "PostgreSQL" if shop.sql.dialect.name == "postgresql" else "SQLite"
    try:
        behind = bool(await sql.waiting(shop.sql))
    except (*AWAY, SQLAlchemyError, OSError) as error:
        mend = "look at POSTGRESQL_URI" if name == "PostgreSQL" else "look at TRUESTYLE_DATA and who may write there"
        return [wrong("sql", f"{name} does not answer ({type(error).__name__}), so no log row is kept: {mend}.")]
    if behind:
        return [wrong("sql", f"The tables in {name} are not of this release: run `truestyle migrate`.")]
    return [good("sql", f"{name} answers, with the tables of this release.")]


async def cache(shop: Shop) -> list[Finding]:
    """Redis, if there is one."""
    if not isinstance(shop.cache, RedisCache):
        if shop.settings.production:
            says = "REDIS_HOST is unset: each process has a cache and limits of its own; set it if there are several."
            return [note("redis", says)]
        return [good("redis", "No Redis is set: this process keeps its own cache.")]
    began = asyncio.get_running_loop().time()
    try:
        version = await shop.cache.version()
    except failures() as error:
        return [wrong("redis", _trouble(error))]
    took = (asyncio.get_running_loop().time() - began) * 1000
    if int(version.split(".")[0]) < OLDEST_REDIS:
        return [wrong("redis", f"Redis is {version}: 6.0 or newer is needed, upgrade it.")]
    return [good("redis", f"Redis {version} answers in {took:.0f} ms.")]


def _trouble(error: Exception) -> str:
    if isinstance(error, AuthenticationError):
        return "Redis refuses our name or password: mend them in REDIS_HOST."
    if isinstance(error, TimeoutError | RedisTimeout):
        return f"Redis does not answer within {TIMEOUT * 1000:.0f} ms, so it is left alone: look what keeps it busy."
    return f"Redis cannot be reached ({type(error).__name__}): look at REDIS_HOST, and whether it runs."


async def storage(shop: Shop) -> list[Finding]:
    """Where files are: a few bytes are written, read and deleted."""
    key = ObjectId()
    try:
        await shop.storage.prepare(create=False)
        await shop.storage.put(key, io.BytesIO(PROBE), len(PROBE), "text/plain")
        try:
            back = await _bytes(await shop.storage.open(key))
        finally:
            await shop.storage.remove(key)
    except StorageRefusedError as error:
        return [wrong("storage", str(error))]
    except (Unavailable, PyMongoError, OSError) as error:
        name = shop.storage.name
        return [
            wrong(
                "storage", f"{name} takes no files ({type(error).__name__}): look whether it runs and may be written."
            )
        ]
    if back != PROBE:
        return [wrong("storage", f"{shop.storage.name} gave back other bytes than it was given: look at its disks.")]
    return [good("storage", f"{shop.storage.name} keeps files and gives them back.")]


async def _bytes(pieces: AsyncIterator[bytes] | None) -> bytes | None:
    return None if pieces is None else bytes(chain.from_iterable([piece async for piece in pieces]))


async def mail(shop: Shop) -> list[Finding]:
    """The SMTP server: it answers, and takes our name and password."""
    mailer = mailer_for(shop.settings.mail.model_copy(update={"mail_page": False}))
    if not isinstance(mailer, SmtpMailer):
        return [note("mail", "Mail is only logged: set MAIL_BACKEND=smtp and MAIL_SERVER to send it.")]
    where = f"{shop.settings.mail.mail_server}:{shop.settings.mail.mail_port}"
    trouble = await mailer.trouble()
    if trouble is None:
        return [good("mail", f"The mail server at {where} answers, and takes our name.")]
    if trouble == NOT_TAKEN:
        return [wrong("mail", f"The mail server at {where} refuses MAIL_USERNAME and MAIL_PASSWORD: mend them.")]
    return [
        wrong(
            "mail",
            f"The mail server at {where} cannot be talked to ({trouble}): look at MAIL_SERVER, MAIL_PORT and TLS.",
        )
    ]


async def collector(shop: Shop) -> list[Finding]:
    """Where traces go, if any go."""
    ours = shop.settings.observing
    if not ours.otel_enabled:
        return []
    place = urlsplit(ours.otel_exporter_otlp_endpoint)
    port = place.port or (443 if place.scheme == "https" else 80)
    try:
        async with asyncio.timeout(2):
            _, line = await asyncio.open_connection(place.hostname, port)
    except (OSError, TimeoutError) as error:
        says = f"No collector of traces answers at {place.hostname}:{port} ({type(error).__name__}): "
        return [wrong("traces", f"{says}look at OTEL_EXPORTER_OTLP_ENDPOINT, or unset OTEL_ENABLED.")]
    line.close()
    return [good("traces", f"A collector of traces answers at {place.hostname}:{port}.")]
