"""What was measured, as a table and as JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from truestyle.bench.load import GENERATOR

TWO_FIGURES, THREE_FIGURES = 10, 100
PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "pymongo", "orjson", "structlog")


class Case(Protocol):
    """Something that was measured."""

    @property
    def name(self) -> str:
        """Short."""

    @property
    def what(self) -> str:
        """In words."""

    @property
    def budget(self) -> str:
        """What it should be; empty: nobody said."""


class Results:
    """Collects measurements; the figures of a case by unit, in the order they were taken."""

    def __init__(self, machine: Mapping[str, Any], title: str) -> None:
        self._machine, self._title = dict(machine), title
        self._began = datetime.now(UTC)
        self.generator: str = machine["load_generator"]
        self.figures: dict[str, dict[str, list[float]]] = {}
        self._cases: dict[str, Case] = {}
        self._told: dict[str, list[dict[str, Any]]] = {}
        self._unexpected: dict[str, dict[str, int]] = {}

    def add(
        self, case: Case, figures: Mapping[str, float], told: Mapping[str, Any], unexpected: dict[str, int]
    ) -> None:
        """Keep one measurement."""
        self._cases[case.name] = case
        for unit, value in figures.items():
            self.figures.setdefault(case.name, {}).setdefault(unit, []).append(value)
        self._told.setdefault(case.name, []).append(dict(told))
        counts = self._unexpected.setdefault(case.name, {})
        for said, count in unexpected.items():
            counts[said] = counts.get(said, 0) + count

    @property
    def load(self) -> tuple[float, float]:
        """The machine's load average before, and now. 0 where the system does not tell."""
        return next(iter(self._machine["load_before"]), 0.0), next(iter(_load()), 0.0)

    def table(self) -> Table:
        """One line for each case and unit."""
        table = Table(title=self._title)
        for heading, side in (("case", "left"), ("", "left"), ("of", "left"), ("min", "right"), ("median", "right")):
            table.add_column(heading, justify=side)  # type: ignore[arg-type]
        table.add_column("max", justify="right")
        table.add_column("budget")
        table.add_column("unexpected")
        for name, units in self.figures.items():
            case = self._cases[name]
            wrong = ", ".join(f"{count} × {said}" for said, count in self._unexpected[name].items())
            first = True
            for unit, values in units.items():
                shown = [_short(value) for value in (min(values), median(values), max(values))]
                head = [name, case.what] if first else ["", ""]
                table.add_row(*head, unit, *shown, case.budget if first else "", wrong if first else "")
                first = False
        return table

    def json(self) -> dict[str, Any]:
        """Everything."""
        cases = {
            name: {
                "what": self._cases[name].what,
                "budget": self._cases[name].budget,
                "figures": {
                    unit: {"min": min(values), "median": median(values), "max": max(values), "all": values}
                    for unit, values in units.items()
                },
                "unexpected": self._unexpected[name],
                "measurements": self._told[name],
            }
            for name, units in self.figures.items()
        }
        facts = {"began": self._began.isoformat(), "ended": datetime.now(UTC).isoformat(), "load_after": _load()}
        return {**facts, "machine": self._machine, "cases": cases}

    def write(self, path: Path) -> None:
        """Write the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.json(), indent=2) + "\n")


def machine(mongodb: str, generator: str = GENERATOR) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "mongodb": mongodb,
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "load_generator": generator,
        "load_before": _load(),
    }


def show(results: Results, console: Console, names: Sequence[str]) -> None:
    """Print the table and, if some were asked for and are missing, which."""
    console.print(results.table())
    missing = [name for name in names if name not in results.figures]
    if missing:
        console.print(f"Not measured: {', '.join(missing)}")


def _load() -> list[float]:
    """The load averages of the last 1, 5 and 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()] if hasattr(os, "getloadavg") else []


def _short(value: float) -> str:
    if value == int(value):
        return str(int(value))
    return f"{value:.0f}" if value >= THREE_FIGURES else f"{value:.1f}" if value >= TWO_FIGURES else f"{value:.3f}"
