"""The Store: every MongoDB repository, and the one place that commits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from truestyle.auth.mfa.repository import SecondFactors
from truestyle.auth.repository import Permissions, Revocations, RolePermissions, Roles, Sessions, Versions
from truestyle.auth.tries.repository import Failures, OneTimeCodes
from truestyle.backups.repository import BackupLogs, RestoreLogs
from truestyle.cart.repository import Carts, Wishlists
from truestyle.catalog.bulk.repository import ChangesetItems, Changesets
from truestyle.catalog.lookups import RESOURCES
from truestyle.catalog.products.repository import Products
from truestyle.cms.content import CONTENT
from truestyle.coupons.repository import Coupons, Redemptions
from truestyle.dashboard.repository import Counted, FigureBuyers, FigureProducts, Figures
from truestyle.exports.repository import Exports
from truestyle.files.repository import Files
from truestyle.hooks.repository import Deliveries, Endpoints, HookCursor
from truestyle.infra.feed import Marks
from truestyle.infra.maintenance import Maintenance
from truestyle.infra.mongo import Client
from truestyle.infra.outbox import Outbox
from truestyle.inventory.repository import Movements, Stocks
from truestyle.invoices.repository import CreditNotes, Invoices
from truestyle.jobs.repository import Jobs
from truestyle.kit import transactions
from truestyle.kit.documents import Document
from truestyle.kit.idempotency import Claims
from truestyle.kit.repository import Collection, Database
from truestyle.kit.resource import Declared, DeclaredTables
from truestyle.orders.repository import Counters, Orders
from truestyle.payments.repository import CreditBalances, CreditEntries, Payments, SandboxCharges, Webhooks
from truestyle.returns.repository import Returns
from truestyle.reviews.repository import Ratings, Reviews, Votes
from truestyle.schedules.repository import ScheduleRows
from truestyle.setting_groups import ShopSettings
from truestyle.shipping.carriers import Carrier
from truestyle.shipping.repository import Zones
from truestyle.shipping.table import Table
from truestyle.sitemap.repository import Sitemaps
from truestyle.trail.repository import Trail, TrailHead
from truestyle.upgrades.repository import Migrations
from truestyle.users.repository import Addresses, Users
from truestyle.wallet.repository import Cards, Upis

C = TypeVar("C", bound=Collection)
D = TypeVar("D", bound=Document)
Result = TypeVar("Result")
DECLARED = {resource.document: resource.repository() for resource in (*RESOURCES, *CONTENT)}


class Own(Generic[C]):
    """A collection of a store, made when it is first asked for: a transaction has a store and uses a few of seventy."""

    def __init__(self, kind: type[C]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        """Where it is kept once it is made."""
        self._name = name

    def __get__(self, store: "Store", owner: type) -> C:
        """It, within the store's transaction."""
        made = vars(store)[self._name] = self._kind(store.db, store.session)
        return made


class Store:
    """All collections, either plainly or inside one transaction (then it is called `tx`)."""

    zones = Own(Zones)
    users = Own(Users)
    addresses = Own(Addresses)
    sessions = Own(Sessions)
    revocations = Own(Revocations)
    failures = Own(Failures)
    codes = Own(OneTimeCodes)
    second_factors = Own(SecondFactors)
    roles = Own(Roles)
    permissions = Own(Permissions)
    role_permissions = Own(RolePermissions)
    versions = Own(Versions)
    products = Own(Products)
    changesets = Own(Changesets)
    changeset_items = Own(ChangesetItems)
    stock = Own(Stocks)
    movements = Own(Movements)
    carts = Own(Carts)
    wishlists = Own(Wishlists)
    orders = Own(Orders)
    payments = Own(Payments)
    webhooks = Own(Webhooks)
    sandbox = Own(SandboxCharges)
    credit = Own(CreditEntries)
    credit_balances = Own(CreditBalances)
    invoices = Own(Invoices)
    credit_notes = Own(CreditNotes)
    returns = Own(Returns)
    cards = Own(Cards)
    upis = Own(Upis)
    coupons = Own(Coupons)
    redemptions = Own(Redemptions)
    counters = Own(Counters)
    claims = Own(Claims)
    outbox = Own(Outbox)
    ratings = Own(Ratings)
    reviews = Own(Reviews)
    votes = Own(Votes)
    files = Own(Files)
    jobs = Own(Jobs)
    exports = Own(Exports)
    trail = Own(Trail)
    trail_head = Own(TrailHead)
    figures = Own(Figures)
    figure_products = Own(FigureProducts)
    figure_buyers = Own(FigureBuyers)
    counted = Own(Counted)
    marks = Own(Marks)
    schedules = Own(ScheduleRows)
    backup_logs = Own(BackupLogs)
    restore_logs = Own(RestoreLogs)
    maintenance = Own(Maintenance)
    sitemap = Own(Sitemaps)
    hooks = Own(Endpoints)
    hook_deliveries = Own(Deliveries)
    hook_cursor = Own(HookCursor)
    migrations = Own(Migrations)

    def __init__(
        self,
        client: Client,
        db: Database,
        shop: ShopSettings,
        session: AsyncClientSession | None = None,
        carrier: Carrier | None = None,
    ) -> None:
        self.client, self.db, self.shop, self.session = client, db, shop, session
        self.notes: list[Callable[[], None]] = []
        self.carrier: Carrier = carrier or Table(self.zones, shop.store_state)
        # Held by who draws an invoice's or note's number: those of one process need not conflict.
        self.drawing = asyncio.Lock()
        self.declared = DeclaredTables(db, session, DECLARED)

    def of(self, document: type[D]) -> Declared[D]:
        """The repository of a declared resource."""
        return self.declared.of(document)

    def collections(self) -> list[Collection]:
        """Every collection, for indexes and checks."""
        own: list[Collection] = [getattr(self, name) for name, one in vars(Store).items() if isinstance(one, Own)]
        return own + self.declared.collections()

    async def transaction(
        self, work: Callable[["Store"], Awaitable[Result]], *, deadline: float = transactions.DEADLINE
    ) -> Result:
        """Run `work(tx)` in a transaction and commit; inside one already, just run it.

        `work` may run again after a conflict, so it must change nothing but through `tx`. Raises Unavailable when
        conflicts do not end within `deadline` seconds.
        """
        if self.session is not None:
            return await work(self)

        afterwards: list[Callable[[], None]] = []

        async def inside(session: AsyncClientSession) -> Result:
            tx = Store(self.client, self.db, self.shop, session, self.carrier)
            afterwards.clear()  # of a try that came to nothing
            tx.notes = afterwards
            return await work(tx)

        result = await transactions.run(self.client, inside, deadline)
        for one in afterwards:
            one()
        return result

    def afterwards(self, act: Callable[[], None]) -> None:
        """Have something counted once the transaction is committed; at once where there is none. It must not fail."""
        if self.session is None:
            act()
        else:
            self.notes.append(act)
