"""`doctor`: what is wrong with a store, and how to mend it."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values
from rich.table import Table
from rich.text import Text

from truestyle.cli.common import REFUSALS, CommandFailedError, console
from truestyle.doctor import names, service
from truestyle.doctor.models import Finding, Verdict, healthy, wrong
from truestyle.infra import telemetry
from truestyle.infra.local.home import Home, NoStoreError
from truestyle.settings import Settings

MARKS = {Verdict.GOOD: ("✓", "green"), Verdict.NOTE: ("!", "yellow"), Verdict.WRONG: ("✗", "bold red")}


def doctor(data: Path, *, as_json: bool) -> bool:
    """Look at everything, and print it; whether the store is healthy."""
    telemetry.configure(json=True, level=50)  # what is wrong is in the table
    home = Home(data)

    @contextmanager
    def database() -> Iterator[Settings]:
        if load_settings(home).data.mongo_uri is not None:
            yield load_settings(home)
            return
        try:
            with home.database() as uri:
                yield load_settings(home, uri)
        except REFUSALS as error:
            raise CommandFailedError(str(error)) from error

    try:
        if "MONGO_URI" not in given():
            home.require_store()
        found = service.examine(lambda: load_settings(home), database)
    except NoStoreError as error:  # one must not come to be by being looked at
        found = [*names.look(os.environ, dotenv_values(".env")), wrong("mongo", str(error))]
    if as_json:
        print(json.dumps(told(found), ensure_ascii=False, indent=2))
    else:
        show(found)
    return healthy(found)


def given() -> set[str]:
    """The names of what is set."""
    return {name.upper() for source in (dotenv_values(".env"), os.environ) for name, value in source.items() if value}


def load_settings(home: Home, uri: str | None = None) -> Settings:
    """As `serve` would read them where MONGO_URI is set, and as `dev` would elsewhere. Raises SettingsRefusedError."""
    brings_own = "MONGO_URI" not in given()
    environment = "development" if brings_own else "production"
    own = {"truestyle_data": home.folder, "environment": environment, **({} if uri is None else {"mongo_uri": uri})}
    kept = home.secrets() if brings_own else home.kept()
    return Settings.load(defaults={**own, **kept})


def told(found: list[Finding]) -> dict[str, object]:
    """For programs."""
    rows = [{"part": one.part, "verdict": one.verdict.value, "says": one.says} for one in found]
    return {"healthy": healthy(found), "findings": rows}


def show(found: list[Finding]) -> None:
    """For people."""
    table = Table("", "part", "what the doctor says", box=None, pad_edge=False)
    for one in found:
        mark, colour = MARKS[one.verdict]
        table.add_row(Text(mark, colour), one.part, Text(one.says, "" if one.verdict is Verdict.GOOD else colour))
    console.print(table)
    count = Counter(one.verdict for one in found)
    if count[Verdict.WRONG]:
        console.print(f"[bold red]{count[Verdict.WRONG]} to mend[/], {count[Verdict.NOTE]} worth a thought.")
    else:
        console.print(f"[green]The store is well[/]; {count[Verdict.NOTE]} worth a thought.")
