"""The parts of a running store, opened together and closed together."""

import asyncio
from datetime import timedelta
from typing import Self

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from truestyle.auth.codes import Codes
from truestyle.auth.gate import Gate
from truestyle.auth.lockout import Lockout
from truestyle.auth.mfa.service import Relocker
from truestyle.auth.passwords import Passwords
from truestyle.auth.service import Keys
from truestyle.auth.tokens import Tokens
from truestyle.catalog.search.live import feed_of
from truestyle.contact.repository import ContactMessages
from truestyle.dashboard import counting
from truestyle.events import handlers
from truestyle.infra import cache, mongo, sql
from truestyle.infra.box import Box
from truestyle.infra.cache import Cache
from truestyle.infra.limiter import Limiter
from truestyle.infra.mongo import Client
from truestyle.infra.oidc import Provider, Registration
from truestyle.infra.outbox import Worker
from truestyle.infra.push import Push
from truestyle.infra.redis import Breaker
from truestyle.infra.s3 import Bucket, S3Storage
from truestyle.infra.storage import GridFSStorage, Storage
from truestyle.kit import tasks
from truestyle.kit.errors import Unavailable
from truestyle.kit.repository import Database
from truestyle.kit.tables import AWAY
from truestyle.limiting import Limits
from truestyle.logs.repository import LogRows
from truestyle.logs.service import RequestLog
from truestyle.mail.service import mailer_for
from truestyle.orders.checkout import Till
from truestyle.seed import seed
from truestyle.setting_groups import rotating
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.store import Store
from truestyle.trail.chain import key_from
from truestyle.trail.service import Sealer
from truestyle.wallet.vault import Vault

MIGRATED_WITHIN, RETRIED_EVERY = 20.0, 5.0  # seconds
log = structlog.get_logger("shop")


class Shop:
    """Everything that routes and commands work with."""

    def __init__(self, settings: Settings) -> None:
        if settings.data.mongo_uri is None:
            msg = "MONGO_URI is not set. `truestyle dev` brings its own MongoDB."
            raise SettingsRefusedError(msg)
        self.settings = settings
        self.client: Client = mongo.connect(settings.data.mongo_uri)
        db = self.client[settings.data.mongo_db]
        self.store = Store(self.client, db, settings.shop)
        self.storage = _storage(settings, db)
        breaker = Breaker()
        self.cache: Cache = cache.connect(settings.data.redis_host, breaker)
        self.sql: AsyncEngine = sql.connect(
            settings.data.postgresql_uri or f"sqlite+aiosqlite:///{settings.data.truestyle_data / 'truestyle.sqlite3'}"
        )
        self.messages, self.logs = ContactMessages(self.sql, db), LogRows(self.sql, db)
        self.requests = RequestLog(self)
        self.push = Push(db)
        self.search = feed_of(self.store)
        self.mailer = mailer_for(settings.mail)
        peppers = rotating(settings.auth.token_hash_pepper)
        self.box = Box(peppers)
        self.vault = Vault(rotating(settings.auth.card_enc_key))
        tokens = Tokens(settings.auth)
        gate = Gate(self.store, tokens, self.cache, self.push, settings)
        lockout = Lockout(self.store.failures, tokens.hash, settings.limits)
        life = timedelta(days=settings.auth.refresh_token_expire_days)
        self.keys = Keys(
            tokens,
            Passwords(settings.auth.password_scheme),
            gate,
            lockout,
            Codes(peppers),
            self.box,
            life,
            verification_required=settings.auth.email_verification == "required",
        )
        self.google = _google(settings)
        self.limiter = Limiter(settings.data.redis_host, breaker)
        self.limits = Limits(settings.limits, gate, self.limiter)
        self.till = Till(self.store)
        self.sealer = Sealer(self.store, [key_from(one) for one in peppers])
        relocker = Relocker(self.store, self.box)
        chores = [self.sealer.seal, self.requests.expire, relocker.relock]
        self.worker = Worker(self.store.outbox, handlers(self), chores)
        self.ready = asyncio.Event()
        self._later: asyncio.Task[None] | None = None

    async def open(self, *, work: bool) -> Self:
        """Check MongoDB and start what runs in the background; `work`: deliver the outbox here too.

        Raises MongoRefusedError.
        """
        await mongo.require_replica_set(self.client)
        self.push.start()
        self.limiter.start()
        self.till.queue.start()
        self.requests.start()
        if work:
            self.worker.start()
        return self

    async def close(self) -> None:
        """Finish what waits, then let everything go."""
        if self._later is not None:
            await tasks.end(self._later)
        await self.till.queue.stop()
        await self.worker.stop()
        await self.requests.stop()
        await self.search.stop()
        await self.push.stop()
        self.keys.passwords.close()
        if self.google is not None:
            await self.google.close()
        await self.limiter.close()
        await self.cache.close()
        await self.sql.dispose()
        await self.storage.close()
        await self.client.close()

    async def prepare(self) -> None:
        """Indexes, tables, the bucket, roles, permissions and lookups; then the store is ready. Safe to run again.

        Raises StorageRefusedError. A storage or SQL that is merely away stops nobody from ordering.
        """
        await mongo.ensure_indexes(self.store.collections())
        await self._migrate_sql()
        try:
            await self.storage.prepare(create=not self.settings.production)
        except Unavailable:
            log.warning("storage_away", storage=self.storage.name)
        await seed.essentials(self)
        await counting.prepare(self.store)
        await self.store.versions.prepared()
        self.ready.set()

    async def _migrate_sql(self) -> None:
        """SQL that is away stops nothing: its tables are made as soon as it answers."""
        try:
            async with asyncio.timeout(MIGRATED_WITHIN):
                await sql.migrate(self.sql)
        except AWAY as error:
            log.warning("sql_not_migrated", error=type(error).__name__)
            self._later = asyncio.create_task(self._migrate_sql_later())

    async def _migrate_sql_later(self) -> None:
        while True:
            await asyncio.sleep(RETRIED_EVERY)
            try:
                await sql.migrate(self.sql)
            except AWAY:
                continue
            log.info("sql_migrated")
            return

    async def is_ready(self) -> bool:
        """Whether the store was prepared, here or by another process."""
        if not self.ready.is_set() and await self.store.versions.is_prepared():
            self.ready.set()
        return self.ready.is_set()

    async def migrate(self) -> int:
        """Create what indexes and tables are missing; the number of indexes. Raises Unavailable: SQL is away."""
        try:
            await sql.migrate(self.sql)
        except AWAY as error:
            msg = "The SQL database does not answer; look at POSTGRESQL_URI."
            raise Unavailable(msg) from error
        return await mongo.ensure_indexes(self.store.collections())


def _google(settings: Settings) -> Provider | None:
    """Google, if we are registered there."""
    google = settings.google
    if google.google_client_id is None or google.google_client_secret is None:
        return None
    secret = google.google_client_secret.get_secret_value()
    us = Registration(google.google_discovery_url, google.google_client_id, secret, settings.google_callback)
    return Provider(us)


def _storage(settings: Settings, db: Database) -> Storage:
    """Where the settings say that files are kept. Raises SettingsRefusedError."""
    files = settings.files
    if files.storage_backend == "gridfs":
        return GridFSStorage(db, settings.data.gridfs_bucket)
    if files.s3_bucket_name is None:
        msg = "S3_BUCKET_NAME must name the bucket, because STORAGE_BACKEND is `s3`."
        raise SettingsRefusedError(msg)
    return S3Storage(
        Bucket(
            files.s3_bucket_name,
            files.aws_region,
            files.s3_endpoint,
            files.aws_access_key_id,
            files.aws_secret_access_key,
            files.aws_session_token,
        )
    )
