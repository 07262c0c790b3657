"""The evening: her orders and mail, the figures, and whether the books are clean."""

from collections import Counter

from truestyle.cli.common import CommandFailedError, console
from truestyle.cli.demo.day import Day, Headers
from truestyle.cli.demo.shopping import Person, headers


def count(day: Day, person: Person, staff: Headers) -> None:
    """What she has, and what the owner sees."""
    day.act("In the evening")
    history = day.call("GET", "/orders/history", headers=headers(person))
    day.say("Her orders", ", ".join(f"{one['number']} {one['status']}" for one in history["items"]))
    mails = day.mails(person["email"])
    if mails:
        day.say("Her mail", f"{len(mails)} letters, the last: {mails[0][0]}")
    seen = day.call("GET", "/dashboard/overview", headers=staff)
    told = f"{seen['orders']} sales, ₹{seen['revenue']}, ₹{seen['aov']} each; ₹{seen['refunded']} given back"
    day.say("The owner looks at the dashboard", told)
    states = ", ".join(f"{number} {status}" for status, number in seen["orders_by_status"].items() if number)
    day.say("Orders, as they stand", f"{states}; {seen['returns']} returned, {seen['exchanges']} exchanged")


def audit(day: Day, staff: Headers) -> None:
    """Have the store check every invariant. Raises CommandFailedError on any breach."""
    day.act("Do the books add up?")
    job = day.call("POST", "/admin/integrity", 202, headers=staff)

    def ended() -> bool:
        now = day.call("GET", f"/jobs/{job['id']}", headers=staff)["status"]
        return now in {"done", "failed"}

    day.wait("The end of the audit", ended)
    found = day.call("GET", "/admin/integrity", headers=staff)
    if found["clean"] is None or found["job"]["status"] != "done":
        raise CommandFailedError("The audit did not come to its end.")
    broken = Counter(one["invariant"] for one in found["breaches"])
    for check, rows in found["checked"].items():
        mark = "[red]✗[/]" if broken[check.split(" ", 1)[0]] else "[green]✓[/]"
        console.print(f"  {mark} {check:<64} {rows:>8} rows", highlight=False, soft_wrap=True)
    if not found["clean"]:
        told = "; ".join(f"{one['invariant']} {one['message']}" for one in found["breaches"][:5])
        msg = f"The books have {found['breach_count']} breaches: {told}"
        raise CommandFailedError(msg)
    day.say("The books are clean", f"{len(found['checked'])} checks, no breach")
