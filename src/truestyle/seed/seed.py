"""What a store needs before its first request, and what a demo store shows. Safe to run again."""

import secrets
from dataclasses import dataclass, field

from truestyle.auth import service as auth
from truestyle.auth.permissions import Role
from truestyle.auth.repository import SUBJECT, seed_vocabulary
from truestyle.kit.errors import Duplicate
from truestyle.kit.types import canonical_email
from truestyle.seed.lookups import seed_lookups
from truestyle.shop import Shop
from truestyle.users.models import Register, User

DEMO_ADMIN, DEMO_SHOPPER = "admin@truestyle.example", "asha@truestyle.example"


@dataclass
class Seeded:
    """What seeding did."""

    indexes: int = 0
    lookups: int = 0
    grants: int = 0
    products: int = 0
    sign_ins: dict[str, str] = field(default_factory=dict)  # e-mail → password, of accounts made just now


async def essentials(shop: Shop) -> Seeded:
    """Roles, permissions, lookups, and the admin that the settings name."""
    store, done = shop.store, Seeded()
    await seed_vocabulary(store.roles, store.permissions)
    done.grants = await store.role_permissions.seed()
    if done.grants:
        shop.push.saw(SUBJECT, await store.versions.bump(SUBJECT))
    done.lookups = await seed_lookups(store)
    auth_settings = shop.settings.auth
    if auth_settings.seed_admin_email and auth_settings.seed_admin_password:
        email = canonical_email(auth_settings.seed_admin_email)
        await person(shop, email, "Store Admin", Role.ADMIN, auth_settings.seed_admin_password.get_secret_value())
    return done


async def demo_people(shop: Shop) -> dict[str, str]:
    """The demo admin, shopper, staff and vendor with generated passwords; those that were made just now."""
    made: dict[str, str] = {}
    admin = shop.settings.auth.seed_admin_email or DEMO_ADMIN
    for email, name, role in (
        (admin, "Store Admin", Role.ADMIN),
        (DEMO_SHOPPER, "Asha Rao", Role.CUSTOMER),
        ("staff@truestyle.example", "Meera Nair", Role.STAFF),
        ("vendor@truestyle.example", "Kabir Textiles", Role.VENDOR),
    ):
        password = secrets.token_urlsafe(12)
        if await person(shop, canonical_email(email), name, role, password) is not None:
            made[email] = password
    return made


async def person(shop: Shop, email: str, name: str, role: Role, password: str) -> User | None:
    """An account with cart and wishlist; None if the address is taken. Raises WeakPassword."""
    if await shop.store.users.by_email(email) is not None:
        return None
    body = Register(email=email, password=password, full_name=name)
    try:
        return await auth.register(shop.store, shop.keys, body, role)
    except Duplicate:
        return None
