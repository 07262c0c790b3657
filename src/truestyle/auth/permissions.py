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
    CONTACT_READ = "contact:read"
    CONTACT_WRITE = "contact:write"
    LOGS_READ = "logs:read"
    LOGS_WRITE = "logs:write"
    REVIEWS_WRITE = "reviews:write"
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
        Permission.COUPONS_READ,
        Permission.COUPONS_WRITE,
        Permission.JOBS_READ,
        Permission.DASHBOARD_READ,
    },
    Role.ADMIN: frozenset(Permission),
}
