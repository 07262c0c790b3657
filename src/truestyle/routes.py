"""Every router, once, in the order the docs show it."""

from fastapi import APIRouter

from truestyle import health
from truestyle.auth import google_routes, mailed_routes, rbac_routes
from truestyle.auth import routes as auth
from truestyle.auth.mfa import routes as mfa
from truestyle.backups import routes as backups
from truestyle.cart import routes as cart
from truestyle.cart import wish_routes
from truestyle.catalog import categories
from truestyle.catalog.bulk import routes as bulk
from truestyle.catalog.exporting import routes as exporting
from truestyle.catalog.importing import routes as importing
from truestyle.catalog.lookups import RESOURCES
from truestyle.catalog.products import picture_routes
from truestyle.catalog.products import routes as products
from truestyle.catalog.search import routes as search
from truestyle.cms.content import CONTENT
from truestyle.contact import routes as contact
from truestyle.coupons import routes as coupons
from truestyle.dashboard import routes as dashboard
from truestyle.deps import Db, MaybeCaller, PublicRead, allowed
from truestyle.exports import routes as exports
from truestyle.files import routes as files
from truestyle.hooks import routes as hooks
from truestyle.infra.http.route import router
from truestyle.infra.http.table import Table
from truestyle.invoices import routes as invoices
from truestyle.jobs import routes as jobs
from truestyle.kit import resource_routes
from truestyle.logs import routes as logs
from truestyle.orders import line_routes
from truestyle.orders import routes as orders
from truestyle.outbox import routes as outbox
from truestyle.payments import refund_routes as refunds
from truestyle.payments import routes as payments
from truestyle.payments import verifying
from truestyle.payments.settlement import routes as settlement
from truestyle.returns import routes as returns
from truestyle.reviews import routes as reviews
from truestyle.schedules import routes as schedules
from truestyle.shipping import routes as shipping
from truestyle.trail import routes as trail
from truestyle.users import admin_routes as user_administration
from truestyle.users import routes as users
from truestyle.wallet import routes as wallet

lookups = router(tag="Lookups")
content = router(tag="Content")
for _router, _resources in ((lookups, RESOURCES), (content, CONTENT)):
    for _resource in _resources:
        resource_routes.add_routes(
            _router, _resource, db=Db, allowed=allowed, viewer=MaybeCaller, public_read=PublicRead
        )

ROUTERS: tuple[APIRouter, ...] = (
    auth.routes,
    mailed_routes.routes,
    mfa.routes,
    google_routes.routes,
    users.routes,
    user_administration.routes,
    rbac_routes.routes,
    users.book,
    importing.routes,
    exporting.routes,
    bulk.products,
    bulk.routes,
    reviews.routes,
    search.routes,
    products.routes,
    picture_routes.routes,
    lookups,
    categories.routes,
    content,
    files.routes,
    cart.routes,
    wish_routes.routes,
    coupons.routes,
    wallet.routes,
    shipping.routes,
    orders.checkout,
    refunds.routes,
    orders.routes,
    payments.routes,
    line_routes.routes,
    invoices.routes,
    invoices.admin,
    verifying.routes,
    returns.returns,
    returns.exchanges,
    dashboard.routes,
    dashboard.admin,
    settlement.routes,
    exports.admin,
    exports.jobs,
    schedules.routes,
    outbox.routes,
    hooks.routes,
    jobs.routes,
    backups.backups,
    backups.restores,
    contact.routes,
    logs.routes,
    trail.routes,
)
# First segments of the paths whose public answers are kept in memory, and of those that time alone can change.
SCHEDULED = frozenset(one.path[1:] for one in CONTENT if one.scheduled)
PUBLIC = frozenset({"products", "product-images", "files", *(one.path[1:] for one in (*RESOURCES, *CONTENT))})
TAGS = [
    {"name": "Auth", "description": "Accounts and sessions."},
    {"name": "Users", "description": "One's own account, and everybody's for administrators."},
    {"name": "Roles", "description": "Who may do what, as data."},
    {"name": "Addresses", "description": "Address book and PIN codes."},
    {"name": "Products", "description": "The catalogue and its stock."},
    {"name": "Changesets", "description": "Many products at once: previewed, applied, undone."},
    {"name": "Lookups", "description": "Brands, categories and other small tables."},
    {"name": "Content", "description": "What the shop's pages say; scheduled rows show only in their time."},
    {"name": "Files", "description": "Pictures."},
    {"name": "Reviews", "description": "Stars and words about products."},
    {"name": "Cart", "description": "Signed in, or as a guest with `X-Cart-Token`."},
    {"name": "Wishlist", "description": "What somebody likes."},
    {"name": "Coupons", "description": "Codes and offers, and what they would cost."},
    {"name": "Wallet", "description": "Cards and UPI addresses kept for the next time."},
    {"name": "Shipping", "description": "Where parcels go, for how much and how fast."},
    {"name": "Checkout", "description": "From cart to order."},
    {"name": "Orders", "description": "Orders and their way to the buyer."},
    {"name": "Payments", "description": "What came in for orders, and the doors of those who tell of it."},
    {"name": "Refunds", "description": "Money that goes back, and store credit."},
    {"name": "Invoices", "description": "Invoices and credit notes, as PDF and as data."},
    {"name": "Returns", "description": "Goods that come back, for their money or for others."},
    {
        "name": "Dashboard",
        "description": "How the store does, and how it is. What each figure means: docs/concepts/figures.md.",
    },
    {"name": "Operations", "description": "Recurring work, and effects that were given up."},
    {"name": "Exports", "description": "Orders, products, accounts and sales as files."},
    {"name": "Webhooks", "description": "Whom the store tells of what happens in it: docs/guides/webhooks.md."},
    {"name": "Jobs", "description": "Long work and its progress."},
    {"name": "Backups", "description": "Backups that are known to work, and putting one back."},
    {"name": "Contact", "description": "What people write to the store."},
    {"name": "Logs", "description": "Sign-ins, requests and notes; append-only."},
    {"name": "Audit", "description": "Who did what to which row."},
    {"name": "Health", "description": "How the store is."},
]


def install(table: Table, prefix: str) -> None:
    """Add every router under the API's prefix, and health outside it."""
    for one in ROUTERS:
        table.add(one, prefix)
    table.add(health.routes)
