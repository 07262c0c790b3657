"""The Store: every MongoDB repository, and the one place that commits."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from truestyle.auth.mfa.repository import SecondFactors
from truestyle.auth.repository import Permissions, Revocations, RolePermissions, Roles, Sessions, Versions
from truestyle.auth.tries.repository import Failures, OneTimeCodes
from truestyle.cart.repository import Carts, Wishlists
from truestyle.catalog.bulk.repository import ChangesetItems, Changesets
from truestyle.catalog.lookups import RESOURCES
from truestyle.catalog.products.repository import Products
from truestyle.cms.content import CONTENT
from truestyle.coupons.repository import Coupons, Redemptions
from truestyle.dashboard.repository import Counted, FigureBuyers, FigureProducts, Figures
from truestyle.files.repository import Files
from truestyle.infra.feed import Marks
from truestyle.infra.mongo import Client
from truestyle.infra.outbox import Outbox
from truestyle.inventory.repository import Movements, Stocks
from truestyle.jobs.repository import Jobs
from truestyle.kit import transactions
from truestyle.kit.documents import Document
from truestyle.kit.idempotency import Claims
from truestyle.kit.repository import Collection, Database
from truestyle.kit.resource import Declared, DeclaredTables
from truestyle.orders.repository import Counters, Orders
from truestyle.payments.repository import Payments
from truestyle.reviews.repository import Ratings, Reviews, Votes
from truestyle.setting_groups import ShopSettings
from truestyle.trail.repository import Trail, TrailHead
from truestyle.users.repository import Addresses, Users
from truestyle.wallet.repository import Cards, Upis

D = TypeVar("D", bound=Document)
Result = TypeVar("Result")
DECLARED = {resource.document: resource.repository() for resource in (*RESOURCES, *CONTENT)}


class Store:
    """All collections, either plainly or inside one transaction (then it is called `tx`)."""

    def __init__(
        self, client: Client, db: Database, shop: ShopSettings, session: AsyncClientSession | None = None
    ) -> None:
        self.client, self.db, self.shop, self.session = client, db, shop, session
        self.users = Users(db, session)
        self.addresses = Addresses(db, session)
        self.sessions = Sessions(db, session)
        self.revocations = Revocations(db, session)
        self.failures = Failures(db, session)
        self.codes = OneTimeCodes(db, session)
        self.second_factors = SecondFactors(db, session)
        self.roles = Roles(db, session)
        self.permissions = Permissions(db, session)
        self.role_permissions = RolePermissions(db, session)
        self.versions = Versions(db, session)
        self.declared = DeclaredTables(db, session, DECLARED)
        self.products = Products(db, session)
        self.changesets = Changesets(db, session)
        self.changeset_items = ChangesetItems(db, session)
        self.stock = Stocks(db, session)
        self.movements = Movements(db, session)
        self.carts = Carts(db, session)
        self.wishlists = Wishlists(db, session)
        self.orders = Orders(db, session)
        self.payments = Payments(db, session)
        self.cards = Cards(db, session)
        self.upis = Upis(db, session)
        self.coupons = Coupons(db, session)
        self.redemptions = Redemptions(db, session)
        self.counters = Counters(db, session)
        self.claims = Claims(db, session)
        self.outbox = Outbox(db, session)
        self.ratings = Ratings(db, session)
        self.reviews = Reviews(db, session)
        self.votes = Votes(db, session)
        self.files = Files(db, session)
        self.jobs = Jobs(db, session)
        self.trail = Trail(db, session)
        self.trail_head = TrailHead(db, session)
        self.figures = Figures(db, session)
        self.figure_products = FigureProducts(db, session)
        self.figure_buyers = FigureBuyers(db, session)
        self.counted = Counted(db, session)
        self.marks = Marks(db, session)

    def of(self, document: type[D]) -> Declared[D]:
        """The repository of a declared resource."""
        return self.declared.of(document)

    def collections(self) -> list[Collection]:
        """Every collection, for indexes and checks."""
        own = [one for one in vars(self).values() if isinstance(one, Collection)]
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

        async def inside(session: AsyncClientSession) -> Result:
            return await work(Store(self.client, self.db, self.shop, session))

        return await transactions.run(self.client, inside, deadline)
