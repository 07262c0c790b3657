"""The parts of a running store, opened together and closed together."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import pymongo
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from truestyle import observing
from truestyle.auth.codes import Codes
from truestyle.auth.gate import Gate
from truestyle.auth.lockout import Lockout
from truestyle.auth.mfa.service import Relocker
from truestyle.auth.passwords import Passwords
from truestyle.auth.service import Keys
from truestyle.auth.tokens import Tokens
from truestyle.backups import restoring
from truestyle.catalog.search.live import feed_of
from truestyle.contact.repository import ContactMessages
from truestyle.dashboard import counting
from truestyle.events import handlers
from truestyle.hooks import sending
from truestyle.infra import cache, mongo, sql, tracing
from truestyle.infra.box import Box
from truestyle.infra.cache import Cache
from truestyle.infra.limiter import Limiter
from truestyle.infra.maintenance import Door
from truestyle.infra.mongo import Client
from truestyle.infra.oidc import Provider, Registration
from truestyle.infra.outbox import Chore, Worker
from truestyle.infra.outward import Outward
from truestyle.infra.pulse import Pool, Pulse
from truestyle.infra.push import Push
from truestyle.infra.redis import Breaker
from truestyle.infra.shelf import Shelf
from truestyle.infra.storage import GridFSStorage, Storage
from truestyle.kit import tasks
from truestyle.kit.errors import Unavailable
from truestyle.kit.repository import Database
from truestyle.kit.tables import AWAY
from truestyle.limiting import Limits
from truestyle.logs.repository import LogRows
from truestyle.logs.service import RequestLog
from truestyle.mail.service import mailer_for
from truestyle.orders.till import Till
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import Provider as PaymentProvider
from truestyle.payments.providers.chosen import providers_for
from truestyle.recurring import recurring
from truestyle.schedules.service import Scheduler
from truestyle.seed import seed
from truestyle.setting_kinds import rotating
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shipping.table import SUBJECT, Table
from truestyle.store import Store
from truestyle.trail.chain import key_from
from truestyle.trail.service import Sealer
from truestyle.upgrades import service as upgrades
from truestyle.upgrades.models import Progress, Standing, StoreRefusedError, silent
from truestyle.upgrades.registry import MIGRATIONS
from truestyle.wallet.vault import Vault

if TYPE_CHECKING:
    from truestyle.infra.attic import Attic
    from truestyle.infra.s3 import Bucket

MIGRATED_WITHIN, RETRIED_EVERY = 20.0, 5.0  # seconds
GOODBYE = 1.0  # seconds for MongoDB to hear that our sessions have ended, which it finds out anyway
log = structlog.get_logger("shop")


class Shop:
    """Everything that routes and commands work with. `reads_only`: nothing is written by being open."""

    def __init__(self, settings: Settings, *, reads_only: bool = False) -> None:
        if settings.data.mongo_uri is None:
            msg = "MONGO_URI is not set. `truestyle dev` brings its own MongoDB."
            raise SettingsRefusedError(msg)
        self.settings = settings
        self._traces = observing.begin(settings)
        self.pool = Pool()
        self.client: Client = mongo.connect(
            settings.data.mongo_uri, [self.pool, *([tracing.Commands()] if tracing.on() else [])]
        )
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
        self.door = Door(self.store.maintenance, self.push)
        self.attic = _attic(settings)
        self.zones = Table(self.store.zones, settings.shop.store_state, lambda: self.push.version(SUBJECT))
        self.store.carrier = self.zones
        self.search = feed_of(self.store, marked=not reads_only)
        self.push.on_restore(self.search.anew)
        public = [one.name for one in self.store.collections() if one.public]
        self.shelf = Shelf(db, public, settings.data.page_cache_bytes)
        self.search.applied = self.shelf.wrote  # lists are made of the mirror, which may hear later than the shelf
        self.push.on_restore(self.shelf.clear)
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
        self.till.queue.around = tracing.Batches()
        self.pulse = Pulse(self.pool, {"pages": self.shelf, "values": self.cache, "tokens": gate})
        self.providers: Mapping[PaymentType, PaymentProvider] = providers_for(settings, self.store)
        self.sealer = Sealer(self.store, [key_from(one) for one in peppers])
        self.outward = _outward(settings)
        self.manners = sending.Manners()
        self.scheduler = Scheduler(self.store, recurring(self))
        self.worker = Worker(self.store.outbox, handlers(self), self._chores(), held=lambda: restoring.held(self))
        self.ready = asyncio.Event()
        self._later: asyncio.Task[None] | None = None

    def _chores(self) -> list[Chore]:
        return [
            self.sealer.seal,
            Relocker(self.store, self.box).relock,
            sending.Relocker(self.store, self.box).relock,
            *self.scheduler.standing(),
            self.scheduler.look,
        ]

    async def open(self, *, work: bool) -> Self:
        """Check MongoDB and start what runs in the background; `work`: deliver the outbox here too.

        Raises MongoRefusedError.
        """
        await mongo.require_replica_set(self.client)
        self.push.start()
        self.shelf.start()
        self.limiter.start()
        self.till.queue.start()
        self.requests.start()
        self.pulse.start()
        if work:
            self.worker.start()
        return self

    async def close(self) -> None:
        """Finish what waits, then let everything go."""
        if self._later is not None:
            await tasks.end(self._later)
        await asyncio.gather(self.till.queue.stop(), self.worker.stop())
        await self.requests.stop()
        await self.search.stop()
        await self.shelf.stop()
        await self.push.stop()
        self.keys.passwords.close()
        for provider in set(self.providers.values()):
            await provider.close()
        if self.google is not None:
            await self.google.close()
        self.outward.close()
        await self.limiter.close()
        await self.cache.close()
        await self.sql.dispose()
        await self.storage.close()
        with pymongo.timeout(GOODBYE):
            await self.client.close()
        await self.pulse.stop()
        if self._traces:
            await tracing.stop()

    async def prepare(self, *, migrate: bool = False) -> None:
        """Indexes, tables, the bucket, roles, permissions and lookups; then the store is ready. Safe to run again.

        `migrate`: bring data of an earlier release up, too; else an operator says when. Raises StorageRefusedError,
        StoreRefusedError: the data is of another release. A storage or SQL that is merely away stops nobody from
        ordering. A restore whose process died is finished, or undone, first.
        """
        if not await restoring.opened(self):
            log.warning("store_stays_closed")
        found = await self.standing()
        if found.newer is not None or not (migrate or found.fresh):
            require(found)
        await self.lay_out()
        if found.waiting:
            await upgrades.run(self.store, MIGRATIONS)
        try:
            await self.storage.prepare(create=not self.settings.production)
        except Unavailable:
            log.warning("storage_away", storage=self.storage.name)
        await seed.essentials(self)
        await counting.prepare(self.store)
        await self.store.versions.prepared()
        self.ready.set()

    async def lay_out(self) -> None:
        """Indexes and tables, whatever release the data is of: all that a backup needs to be restored."""
        await mongo.ensure_indexes(self.store.collections())
        await self._migrate_sql()

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

    async def standing(self) -> Standing:
        """Whether the data is of this release."""
        return await upgrades.standing(self.store, MIGRATIONS)

    async def is_ready(self) -> bool:
        """Whether the store was prepared, here or by another process."""
        if not self.ready.is_set() and await self.store.versions.is_prepared():
            self.ready.set()
        return self.ready.is_set()

    async def migrate(self, progress: Progress = silent, *, again: bool = False) -> dict[str, int]:
        """Create what indexes and tables are missing, and migrate the data; how many rows each migration changed.

        `again`: also with those that are done. Raises Unavailable (SQL is away, or a backup is being restored),
        StoreRefusedError: the data is of a newer release.
        """
        if not await restoring.opened(self):
            msg = "A backup is being restored. Try again when that is done."
            raise Unavailable(msg)
        found = await self.standing()
        if found.newer is not None:
            require(found)
        try:
            await sql.migrate(self.sql)
        except AWAY as error:
            msg = "The SQL database does not answer; look at POSTGRESQL_URI."
            raise Unavailable(msg) from error
        await mongo.ensure_indexes(self.store.collections())
        changed = await upgrades.run(self.store, MIGRATIONS, progress, again=again)
        await counting.prepare(self.store)
        return changed


def require(found: Standing) -> None:
    """Raises StoreRefusedError: this release must not serve these data."""
    if found.wrong is not None:
        raise StoreRefusedError(found.wrong)


def _outward(settings: Settings) -> Outward:
    """How webhooks are sent."""
    hooks = settings.hooks
    return Outward(
        seconds=hooks.webhook_timeout_seconds, https_only=settings.production, local=hooks.webhook_allow_local
    )


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
    from truestyle.infra.s3 import S3Storage  # noqa: PLC0415 - heavy, and only for who keeps files in a bucket

    return S3Storage(_bucket(settings, files.s3_bucket_name))


def _attic(settings: Settings) -> "Attic | None":
    """Where copies of backups are kept, if anywhere."""
    name = settings.backups.backup_s3_bucket
    if name is None:
        return None
    from truestyle.infra.attic import Attic  # noqa: PLC0415 - as above

    return Attic(_bucket(settings, name))


def _bucket(settings: Settings, name: str) -> "Bucket":
    from truestyle.infra.s3 import Bucket  # noqa: PLC0415 - as above

    files = settings.files
    key, secret, token = files.aws_access_key_id, files.aws_secret_access_key, files.aws_session_token
    return Bucket(name, files.aws_region, files.s3_endpoint, key, secret, token)
