"""`outbox`: effects that were given up."""

from bson import ObjectId
from rich.text import Text

from truestyle.cli.common import CommandFailedError, console
from truestyle.kit.errors import NotFound
from truestyle.outbox import service
from truestyle.shop import Shop

SHOWN = 100


async def show(shop: Shop, topic: str | None) -> int:
    """Print what is dead, oldest first; how many."""
    count = 0
    async for one in service.dead(shop.store, topic):
        count += 1
        if count <= SHOWN:  # a line each, whole, however narrow the terminal is: ids are to be copied
            tries = f"{one.attempts} {'try' if one.attempts == 1 else 'tries'}"
            console.print(Text(f"{one.id}  {one.created_at:%Y-%m-%d %H:%M} UTC  {one.topic}  {tries}"), soft_wrap=True)
            console.print(Text(f"    {one.error or 'nothing is known of why'}", style="dim"), soft_wrap=True)
    if count > SHOWN:
        console.print(f"… and {count - SHOWN} more")
    if not count:
        console.print("No effect was given up.")
        return 0
    told = f"{count} {'effect was' if count == 1 else 'effects were'} given up."
    console.print(f"{told} `truestyle outbox replay ID`, or `--all`, has them tried again.", soft_wrap=True)
    return count


async def replay(shop: Shop, key: str | None, topic: str | None) -> int:
    """Have one tried again, or all (of a topic); how many. A worker does it. Raises CommandFailedError."""
    if key is None:
        return await service.replay_all(shop.store, topic)
    if not ObjectId.is_valid(key):
        msg = f"{key} is not the id of an event; `truestyle outbox list` shows them."
        raise CommandFailedError(msg)
    try:
        await service.replay(shop.store, ObjectId(key), None)
    except NotFound as error:
        msg = f"There is no event {key}."
        raise CommandFailedError(msg) from error
    except service.NotDead as error:
        msg = "This event was not given up: it was delivered, or will be."
        raise CommandFailedError(msg) from error
    return 1
