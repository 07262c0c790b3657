"""What a store needs before its first request. Safe to run again."""

from typing import TYPE_CHECKING

from truestyle.auth import service as auth
from truestyle.auth.errors import WeakPassword
from truestyle.auth.permissions import Role
from truestyle.auth.repository import SUBJECT
from truestyle.kit.errors import Duplicate
from truestyle.kit.types import canonical_email
from truestyle.seed.lookups import seed_lookups
from truestyle.seed.zones import seed_zones
from truestyle.settings import SettingsRefusedError
from truestyle.users.models import Register, User

if TYPE_CHECKING:
    from truestyle.shop import Shop

DEMO_ADMIN, DEMO_SHOPPER = "admin@truestyle.example", "asha@truestyle.example"
DEMO_STAFF, DEMO_VENDOR = "staff@truestyle.example", "vendor@truestyle.example"


async def essentials(shop: "Shop") -> None:
    """Roles, permissions, lookups, and the admin that the settings name. Raises SettingsRefusedError."""
    store = shop.store
    await store.roles.seed()
    fresh = await store.permissions.missing()
    granted = await store.role_permissions.seed(fresh)  # first, so that a crash in between is made good next time
    await store.permissions.seed(fresh)
    if granted:
        shop.push.saw(SUBJECT, await store.versions.bump(SUBJECT))
    await seed_lookups(store)
    await seed_zones(store)
    auth_settings = shop.settings.auth
    if auth_settings.seed_admin_email and auth_settings.seed_admin_password:
        email = canonical_email(auth_settings.seed_admin_email)
        password = auth_settings.seed_admin_password.get_secret_value()
        try:
            await person(shop, email, "Store Admin", Role.ADMIN, password)
        except WeakPassword as error:
            msg = f"SEED_ADMIN_PASSWORD is too weak. {error.detail}"
            raise SettingsRefusedError(msg) from error


async def person(shop: "Shop", email: str, name: str, role: Role, password: str) -> User | None:
    """An account with cart and wishlist; None if the address is taken. Raises WeakPassword."""
    if await shop.store.users.by_email(email) is not None:
        return None
    body = Register(email=email, password=password, full_name=name)
    try:
        return await auth.register(shop.store, shop.keys, body, role, verified=True)
    except Duplicate:
        return None
