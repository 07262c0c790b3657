"""What of the store itself needs somebody: backups, effects that wait, and what the law wants on an invoice."""

from datetime import timedelta

from truestyle.cms.content import StoreDetails
from truestyle.doctor.models import Finding, good, note, wrong
from truestyle.infra.outbox import DEAD, PROMPT
from truestyle.invoices.facts import seller_now
from truestyle.kit import clock
from truestyle.shop import Shop

OLDEST_BACKUP, LONGEST_WAIT = timedelta(hours=48), timedelta(minutes=3)
STATE_DIGITS = 2  # of a GSTIN


async def backups(shop: Shop) -> list[Finding]:
    """The newest good one."""
    last = await shop.store.backup_logs.last_good_at()
    kind = wrong if shop.settings.production else note
    if last is None:
        return [kind("backups", "There is no good backup: run `truestyle backup`, and set up a daily one.")]
    hours = int((clock.now() - last).total_seconds() // 3600)
    if clock.now() - last > OLDEST_BACKUP:
        says = f"The last good backup is {hours} hours old: run `truestyle backup`, and look why none came after."
        return [kind("backups", says)]
    age = "less than an hour" if hours < 1 else "1 hour" if hours == 1 else f"{hours} hours"
    return [good("backups", f"The last good backup is {age} old.")]


async def outbox(shop: Shop) -> list[Finding]:
    """What was given up, and what nobody takes."""
    rows, found = shop.store.outbox, list[Finding]()
    if dead := await rows.count(DEAD):
        told, them = ("1 effect was", "it") if dead == 1 else (f"{dead} effects were", "them")
        says = f"{told} given up: see why with `truestyle outbox list`, mend it, and replay {them}."
        found.append(wrong("outbox", says))
    since = await rows.oldest_due(*PROMPT)
    if since is not None and clock.now() - since > LONGEST_WAIT:
        minutes = (clock.now() - since).total_seconds() / 60
        says = f"An effect has been due for {minutes:.0f} minutes: start `truestyle worker`, or look why it hangs."
        found.append(wrong("outbox", says))
    return found or [good("outbox", "No effect was given up, and none is late.")]


async def papers(shop: Shop) -> list[Finding]:
    """Who sells: it is printed on every invoice."""
    kind = wrong if shop.settings.production else note
    rows = [one for one in await shop.store.of(StoreDetails).all() if one.is_active]
    if not rows:
        says = "There are no store details, so invoices have no address and no GSTIN: POST /store-details."
        return [kind("invoices", says)]
    seller, found = await seller_now(shop.store, clock.now()), list[Finding]()
    if seller.gstin is None:
        says = "The store details have no GSTIN, so no tax invoice can be drawn: add it, if the store is registered."
        found.append(kind("invoices", says))
    elif seller.gstin[:STATE_DIGITS] != seller.state_code:
        says = (
            "The GSTIN is of another state than STORE_STATE, so CGST, SGST and IGST would be wrong: mend one of them."
        )
        found.append(wrong("invoices", says))
    if seller.line1 is None or seller.pincode is None:
        says = "The store details have no address in STORE_STATE, which an invoice must show: add it."
        found.append(kind("invoices", says))
    officer = any(one.grievance_officer is not None for one in rows)
    if not officer:
        says = "The store details name no grievance officer, whom the law wants shown: add one."
        found.append(note("invoices", says))
    return found or [good("invoices", "Invoices say who sells, with GSTIN and address.")]


async def people(shop: Shop) -> list[Finding]:
    """Somebody who can administer the store."""
    if not await shop.store.users.active_admins():
        mend = "set SEED_ADMIN_EMAIL and SEED_ADMIN_PASSWORD, and run `truestyle seed`"
        return [wrong("people", f"There is no active administrator: {mend}.")]
    return [good("people", "There is an administrator.")]
