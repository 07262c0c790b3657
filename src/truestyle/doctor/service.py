"""Everything that the doctor looks at, each for itself: what one cannot find out keeps no other from it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from dotenv import dotenv_values

from truestyle.doctor import books, choices, machine, names, servers
from truestyle.doctor.models import Finding, Verdict, wrong
from truestyle.infra.reporting import Scrub
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

WITHIN = 20.0  # seconds for one thing
Looks = Callable[[Shop], Awaitable[list[Finding]]]
AT_SERVERS: Sequence[Looks] = (servers.tables, servers.cache, servers.storage, servers.mail, servers.collector)
AT_BOOKS: Sequence[Looks] = (books.backups, books.outbox, books.papers, books.people)


def examine(load: Callable[[], Settings], database: Callable[[], AbstractContextManager[Settings]]) -> list[Finding]:
    """Look at everything. `load`: the settings; `database`: those that reach a MongoDB while it is entered."""
    found = list(names.look(os.environ, dotenv_values(".env")))
    try:
        settings = load()
    except SettingsRefusedError as error:
        return _scrubbed([*found, *(wrong(names.PART, f"{line}.") for line in str(error).splitlines())], set())
    brings_own = settings.data.mongo_uri is None
    found += [*choices.look(settings, brings_own=brings_own), *machine.look(settings, brings_own=brings_own)]
    amiss = [one for one in found if one.verdict is Verdict.WRONG]
    if any(one.says.startswith("MONGO_URI") or one.part == "mongod" for one in amiss):
        return _scrubbed(found, settings.secrets)  # there is no way in
    try:
        with database() as reached:
            found += asyncio.run(_ask(reached))
    except (RuntimeError, OSError) as error:
        found.append(wrong("mongo", f"{error}"))
    return _scrubbed(found, settings.secrets)


async def _ask(settings: Settings) -> list[Finding]:
    try:
        shop = Shop(settings)
    except SettingsRefusedError as error:
        return [wrong(names.PART, str(error))]
    try:
        found = await _in_time(servers.database, shop)
        there = not any(one.part == "mongo" and one.verdict is Verdict.WRONG for one in found)
        for one in [*AT_SERVERS, *(AT_BOOKS if there else ())]:
            found += await _in_time(one, shop)
        return found
    finally:
        await shop.close()


async def _in_time(look: Looks, shop: Shop) -> list[Finding]:
    try:
        async with asyncio.timeout(WITHIN):
            return await look(shop)
    except TimeoutError:
        return [wrong(look.__name__, f"This was not known within {WITHIN:.0f} s: look whether the server hangs.")]
    except Exception as error:  # noqa: BLE001 - a fault of ours must not hide the other findings
        return [wrong(look.__name__, f"This could not be looked at ({type(error).__name__}): tell us about it.")]


def _scrubbed(found: Sequence[Finding], secrets: set[str]) -> list[Finding]:
    scrub = Scrub(secrets)
    return [replace(one, says=scrub.values(one.says)) for one in found]
