"""The permission vocabulary, and which built-in role holds what. Seeded as data; staff roles may be changed there."""

from enum import StrEnum


class Permission(StrEnum):
    """`resource:action`. Public reads need none."""

    BRANDS_WRITE = "brands:write"
    CATEGORIES_WRITE = "categories:write"
    LOOKUPS_WRITE = "lookups:write"
    CMS_WRITE = "cms:write"
    PRODUCTS_WRITE = "products:write"
    PRODUCTS_ANY = "products:any"  # beside products:write: not only one's own
    STOCK_WRITE = "stock:write"
    ORDERS_PLACE = "orders:place"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PAYMENTS_REFUND = "payments:refund"  # money back to buyers, as store credit too
    SHIPPING_WRITE = "shipping:write"
    RETURNS_READ = "returns:read"
    RETURNS_WRITE = "returns:write"
    COUPONS_READ = "coupons:read"
    COUPONS_WRITE = "coupons:write"
    ACCOUNT = "account:own"
    JOBS_READ = "jobs:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    FILES_WRITE = "files:write"
    RBAC_WRITE = "rbac:write"
    DASHBOARD_READ = "dashboard:read"
    INTEGRITY_RUN = "integrity:run"
    SCHEDULES_RUN = "schedules:run"
    OUTBOX_REPLAY = "outbox:replay"  # reads dead events too, which tell of people
    CONTACT_READ = "contact:read"
    CONTACT_WRITE = "contact:write"
    LOGS_READ = "logs:read"
    LOGS_WRITE = "logs:write"
    REVIEWS_WRITE = "reviews:write"
    SETTLEMENTS_CHECK = "settlements:check"
    BACKUPS_READ = "backups:read"
    BACKUPS_WRITE = "backups:write"
    BACKUPS_RESTORE = "backups:restore"
    EXPORTS_ORDERS = "exports:orders"  # a file of whole collections; of orders and users, with people's data
    EXPORTS_PRODUCTS = "exports:products"
    EXPORTS_USERS = "exports:users"
    EXPORTS_SALES = "exports:sales"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"  # whoever holds it decides who else is told of orders
    AUDIT_READ = "audit:read"  # who did what: has people's data in it


class Role(StrEnum):
    """The built-in roles. Others can be added as data."""

    CUSTOMER = "customer"
    VENDOR = "vendor"
    STAFF = "staff"
    ADMIN = "admin"


SHOPPING = frozenset({Permission.ACCOUNT, Permission.ORDERS_PLACE})
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.CUSTOMER: SHOPPING,
    Role.VENDOR: SHOPPING | {Permission.PRODUCTS_WRITE, Permission.STOCK_WRITE, Permission.JOBS_READ},
    Role.STAFF: SHOPPING
    | {
        Permission.BRANDS_WRITE,
        Permission.CATEGORIES_WRITE,
        Permission.LOOKUPS_WRITE,
        Permission.CMS_WRITE,
        Permission.FILES_WRITE,
        Permission.REVIEWS_WRITE,
        Permission.CONTACT_READ,
        Permission.CONTACT_WRITE,
        Permission.LOGS_READ,
        Permission.LOGS_WRITE,
        Permission.PRODUCTS_WRITE,
        Permission.PRODUCTS_ANY,
        Permission.STOCK_WRITE,
        Permission.ORDERS_READ,
        Permission.ORDERS_WRITE,
        Permission.PAYMENTS_REFUND,
        Permission.SHIPPING_WRITE,
        Permission.RETURNS_READ,
        Permission.RETURNS_WRITE,
        Permission.COUPONS_READ,
        Permission.COUPONS_WRITE,
        Permission.JOBS_READ,
        Permission.DASHBOARD_READ,
        Permission.SETTLEMENTS_CHECK,
        Permission.EXPORTS_PRODUCTS,
        Permission.EXPORTS_SALES,
    },
    Role.ADMIN: frozenset(Permission),
}
