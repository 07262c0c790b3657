"""Figures at several sizes as a table in Markdown and as curves in SVG, readable on light and on dark ground."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from xml.sax.saxutils import escape

Found = Mapping[str, Any]
WIDTH, PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 900, 450, 290, 2
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 44, 40  # inside a panel; labels stand right of the curves
LINE = 15  # px between two labels
COLOURS = ("#d1495b", "#2a8fbd", "#d98e04", "#3b9d5d", "#8e6bbf", "#7a8793")
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600; font-size: 13px; fill: #24292f }
.grid { stroke: #8b949e; stroke-opacity: .25 } .curve { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #9da7b3 } .title { fill: #e6edf3 } }
"""


INSIDE = {
    "Start of a process": {"index read, s": "read_in", "resident, MB": "resident"},
    "Filters and facets inside the process, ms": {"all, with cards": "facets_ms", "the index alone": "facets_index_ms"},
}


@dataclass(frozen=True)
class Panel:
    """Some curves over the same axes."""

    title: str
    curves: Mapping[str, Mapping[int, float]]  # name → size → value


def joined(found: Sequence[Found]) -> Found:
    """Several runs as one: the machine of the first, the sizes of all."""
    return {**found[0], "sizes": {size: told for one in found for size, told in one["sizes"].items()}}


def _values(found: Found, case: str, unit: str) -> dict[int, float]:
    sizes = {int(size): told["cases"][case] for size, told in found["sizes"].items() if case in told["cases"]}
    return {size: median(told[unit]) for size, told in sorted(sizes.items()) if unit in told}


def _groups(found: Found) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for told in found["sizes"].values():
        for name, case in told["cases"].items():
            names = groups.setdefault(case["group"], [])
            if name not in names:
                names.append(name)
    return groups


def markdown(found: Found) -> str:
    """One line a case: multiples of Y in time and in CPU time at each size; ms and commands at the largest."""
    sizes = sorted(map(int, found["sizes"]))
    heads = [*(f"time, {size:,}" for size in sizes), *(f"CPU, {size:,}" for size in sizes)]
    lines = [
        f"| | {' | '.join(heads)} | ms at {sizes[-1]:,} | commands |",
        f"|---|{'---:|' * (len(heads) + 2)}",
    ]
    for group, names in _groups(found).items():
        lines.append(f"| **{group}** |{' |' * (len(heads) + 2)}")
        for name in names:
            cells = [short(_values(found, name, unit).get(size)) for unit in ("Y", "CPU") for size in sizes]
            cells += [short(_values(found, name, unit).get(sizes[-1])) for unit in ("ms", "commands")]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| at the start, and inside the process | {' | '.join(f'{size:,}' for size in sizes)} |"]
    lines.append(f"|---|{'---:|' * len(sizes)}")
    for name, words in START.items():
        values = [found["sizes"][str(size)]["start"].get(name) for size in sizes]
        lines.append(f"| {words} | {' | '.join(map(short, values))} |")
    loads = (" to ".join(map(str, found["sizes"][str(size)]["load"])) for size in sizes)
    lines.append(f"| load of the machine, before and after | {' | '.join(loads)} |")
    return "\n".join(lines)


START = {
    "read_in": "index read by the process that serves, s",
    "build_s": "index read by a process that does nothing else, s",
    "build_cpu_s": "its CPU, s",
    "build_mb": "the index, MB",
    "resident": "resident once the index is there, MB",
    "resident_after": "resident after all the requests, MB",
    "facets_ms": "filters, all facets, total and 20 cards, inside, ms",
    "facets_cpu_ms": "its CPU, ms",
    "facets_index_ms": "of it the index alone, ms",
}


def short(value: float | None) -> str:
    """Three figures, or none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def svg(found: Found) -> str:
    """A panel for each group of cases, and one for the start; both axes are logarithmic."""
    panels = [
        Panel(f"{group}: times Y", {name: _values(found, name, "Y") for name in names})
        for group, names in _groups(found).items()
    ]
    told = {int(size): one["start"] for size, one in sorted(found["sizes"].items(), key=lambda one: int(one[0]))}
    panels += [
        Panel(title, {words: _there(told, name) for words, name in curves.items() if _there(told, name)})
        for title, curves in INSIDE.items()
    ]
    panels = [panel for panel in panels if panel.curves]
    rows = math.ceil(len(panels) / COLUMNS)
    height = rows * PANEL_HEIGHT + 10
    body = [_panel(panel, at % COLUMNS * PANEL_WIDTH, at // COLUMNS * PANEL_HEIGHT) for at, panel in enumerate(panels)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img"><title>How cost grows with products and orders</title><style>{STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _there(told: Mapping[int, Found], name: str) -> dict[int, float]:
    return {size: one[name] for size, one in told.items() if one.get(name)}


def _panel(panel: Panel, x: int, y: int) -> str:
    sizes = sorted({size for curve in panel.curves.values() for size in curve})
    values = [value for curve in panel.curves.values() for value in curve.values()]
    low, high = _decades(min(values), max(values))
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])
    wide, tall = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM

    def across(size: float) -> float:
        return x + LEFT + (wide * (math.log10(size) - first) / (last - first) if last > first else 0)

    def up(value: float) -> float:
        return y + TOP + tall * (1 - (math.log10(value) - low) / (high - low))

    parts = [f'<text class="title" x="{x + LEFT}" y="{y + 24}">{escape(panel.title)}</text>']
    for power in range(math.floor(low), math.floor(high) + 1):
        for step in (1, 2, 5):
            value = step * 10.0**power
            if not low <= math.log10(value) <= high:
                continue
            if step == 1 or high - low <= 1.6:
                parts.append(_rule(x + LEFT, up(value), x + LEFT + wide, up(value)))
                parts.append(_text(x + LEFT - 6, up(value) + 4, f"{value:,.10g}", "end"))
    for size in sizes:
        parts.append(_rule(across(size), y + TOP, across(size), y + TOP + tall))
        parts.append(_text(across(size), y + TOP + tall + 18, f"{size:,}", "middle"))
    places = _apart({name: up(curve[max(curve)]) for name, curve in panel.curves.items()})
    for (name, curve), colour in zip(panel.curves.items(), COLOURS, strict=False):
        points = " ".join(f"{across(size):.1f},{up(value):.1f}" for size, value in sorted(curve.items()))
        parts.append(f'<polyline class="curve" stroke="{colour}" points="{points}"/>')
        parts += [
            f'<circle cx="{across(size):.1f}" cy="{up(value):.1f}" r="3" fill="{colour}"/>'
            for size, value in curve.items()
        ]
        label = f"{name} ({short(curve[max(curve)])})"
        start, place = across(max(curve)) + 6, places[name]
        parts.append(
            f'<polyline class="curve" style="stroke-width:1" stroke="{colour}" '
            f'points="{start:.1f},{up(curve[max(curve)]):.1f} {start + 8:.1f},{place:.1f}"/>'
        )
        parts.append(_text(start + 12, place + 4, label, "start"))
    return "\n".join(parts)


def _decades(least: float, most: float) -> tuple[float, float]:
    """Where the axis begins and ends: with room, and half a decade at least."""
    low, high = math.log10(least) - 0.12, math.log10(most) + 0.12
    missing = max(0.0, 1 - (high - low)) / 2
    return math.floor((low - missing) * 10) / 10, math.ceil((high + missing) * 10) / 10


def _apart(wanted: Mapping[str, float]) -> dict[str, float]:
    """Places as near as may be to where labels belong, none upon another."""
    names = sorted(wanted, key=lambda name: wanted[name])
    places = [wanted[name] for name in names]
    for _ in range(200):
        for at in range(1, len(places)):
            if (missing := LINE - (places[at] - places[at - 1])) > 0:
                places[at - 1] -= missing / 2
                places[at] += missing / 2
    return dict(zip(names, places, strict=True))


def _rule(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line class="grid" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
