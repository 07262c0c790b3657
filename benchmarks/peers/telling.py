"""What was measured: as a table on the screen, as Markdown for docs/performance.md, as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.measuring import Row
from benchmarks.peers.peer import ACTS, RACE

HEADINGS = ("act", "who", "way", "Y", "a second", "p50 ms", "p99 ms", "kB", "not good")
RACES = ("who", "way", "units", "buyers", "at once", "orders", "left", "seconds", "refused")


@dataclass
class Told:
    """A whole run."""

    machine: Mapping[str, Any]
    rows: list[Row] = field(default_factory=list)
    versions: dict[str, Mapping[str, str]] = field(default_factory=dict)
    settings: dict[str, Sequence[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  # and why
    asked: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Everything."""
        plain = {name: value for name, value in vars(self).items() if name != "rows"}
        return {**plain, "rows": [row.json() for row in self.rows]}

    def write(self, path: Path) -> None:
        """Write the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.json(), indent=2) + "\n")

    def lines(self, titles: Mapping[str, str]) -> list[Sequence[str]]:
        """The table but for the race: median (min to max)."""
        rows = [row for act in ACTS if act != RACE for row in self.rows if row.act == act and row.rates]
        return [
            (
                row.act,
                titles[row.peer],
                row.way,
                _spread(row.multiples),
                _short(median(row.rates)),
                _short(median(row.p50)),
                _short(median(row.p99)),
                _short(row.size / 1000) if row.size else "",
                _counted(row.unexpected),
            )
            for row in rows
        ]

    def races(self, titles: Mapping[str, str]) -> list[Sequence[str]]:
        """One line a race, as it was."""
        return [
            (
                titles[row.peer],
                row.way,
                *(str(one[what]) for what in ("units", "buyers", "at_once")),
                str(one["orders"]),
                str(one["left"]),
                _short(one["seconds"]),
                _counted(one["unexpected"]) or "nobody",
            )
            for row in self.rows
            if row.act == RACE
            for one in row.told
        ]

    def markdown(self, titles: Mapping[str, str]) -> str:
        """Both tables, what was asked, and what ran how."""
        parts = [_table(HEADINGS, self.lines(titles)), _table(RACES, self.races(titles))]
        noted = [row for row in self.rows if row.act != RACE]
        parts += [f"- {row.act}, {titles[row.peer]}, {row.way}: {row.note}." for row in noted]
        for name, versions in self.versions.items():
            told = ", ".join(f"{what} {version}" for what, version in versions.items())
            parts.append(f"- **{titles[name]}**: {told}. {'; '.join(self.settings[name])}.")
        parts += [f"- Not measured: **{titles[name]}**: {why}" for name, why in self.absent.items()]
        return "\n".join(parts)

    def show(self, console: Console, titles: Mapping[str, str]) -> None:
        """Print it."""
        for headings, lines in ((HEADINGS, self.lines(titles)), (RACES, self.races(titles))):
            table = Table(*headings)
            for line in lines:
                table.add_row(*line)
            console.print(table)
        for name, why in self.absent.items():
            console.print(f"{titles[name]} was not measured: {why}", highlight=False)


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(one) + " |" for one in rows) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{_short(median(values))} ({_short(min(values))}–{_short(max(values))})"


def _counted(said: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in said.items())


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
