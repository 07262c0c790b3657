"""`seed`, and the demo store of `dev`."""

import secrets
from pathlib import Path

from truestyle.auth.permissions import Role
from truestyle.cli.common import console, run
from truestyle.infra.local.home import Home
from truestyle.seed import catalogue, details, voices
from truestyle.seed.seed import DEMO_ADMIN, DEMO_SHOPPER, DEMO_STAFF, DEMO_VENDOR, person
from truestyle.shop import Shop

PEOPLE = {
    "admin": (DEMO_ADMIN, "Store Admin", Role.ADMIN),
    "shopper": (DEMO_SHOPPER, "Asha Rao", Role.CUSTOMER),
    "staff": (DEMO_STAFF, "Meera Nair", Role.STAFF),
    "vendor": (DEMO_VENDOR, "Kabir Textiles", Role.VENDOR),
}


def seed(data: Path, *, demo: bool | None) -> None:
    """Fill the store of a data folder and say what was done."""
    home = Home(data)

    async def work(shop: Shop) -> dict[str, str]:
        wanted = not shop.settings.production if demo is None else demo
        return await (stock_demo(shop, home) if wanted else sign_ins_of(shop, home, demo=False))

    for who, words in run(data, work, make=True).items():
        console.print(f"  {who:<10} {words}", highlight=False)
    console.print("[green]✓[/] Roles, permissions and lookups are in place.")


async def stock_demo(shop: Shop, home: Home) -> dict[str, str]:
    """The demo people and, unless the shop has products already, the demo catalogue; who can sign in."""
    found = await sign_ins_of(shop, home, demo=True)
    if await catalogue.stock(shop):
        await voices.speak(shop)
        await details.introduce(shop)
    return found


async def sign_ins_of(shop: Shop, home: Home, *, demo: bool) -> dict[str, str]:
    """Who can sign in with what, made if they are missing. The passwords are kept in the data folder."""
    auth = shop.settings.auth
    shown: dict[str, str] = {}
    people = PEOPLE if demo else {"admin": PEOPLE["admin"]}
    for who, (email, name, role) in people.items():
        named = role is Role.ADMIN and auth.seed_admin_email and auth.seed_admin_password
        if named:
            shown[who] = f"{auth.seed_admin_email} / (SEED_ADMIN_PASSWORD)"
            continue
        address = auth.seed_admin_email if role is Role.ADMIN and auth.seed_admin_email else email
        kept = home.secrets().get(f"demo_password:{address}")
        password = kept or secrets.token_urlsafe(12)
        if await person(shop, address, name, role, password) is not None:
            home.remember(**{f"demo_password:{address}": password})
            shown[who] = f"{address} / {password}"
        else:
            shown[who] = f"{address} / {kept or '(the password it was given)'}"
    return shown
