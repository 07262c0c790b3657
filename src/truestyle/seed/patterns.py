"""Textile patterns as repeating tiles, for `artwork`; paths are in design units."""

from typing import NamedTuple


class Motif(NamedTuple):
    """One mark of a repeat.

    `ink` is 1 (motif) or 2 (accent); `how` is "fill", "dots" (a dot of radius `width`
    at each M) or "line" (a stroke `width` wide); `strength` is the ink's opacity, 1-255.
    """

    ink: int
    how: str
    path: str
    width: float = 1.0
    strength: int = 235


class Repeat(NamedTuple):
    """A tile: width and height in design units, and its marks; marks wrap at the edges."""

    width: int
    height: int
    motifs: tuple[Motif, ...]


def _half_drop(repeat: Repeat) -> Repeat:
    """Repeat the same marks, moved by half a tile both ways."""
    dx, dy = repeat.width / 2, repeat.height / 2
    return Repeat(
        repeat.width,
        repeat.height,
        repeat.motifs + tuple(m._replace(path=_moved(m.path, dx, dy)) for m in repeat.motifs),
    )


def _moved(path: str, dx: float, dy: float) -> str:
    """Shift a path; its numbers come in x y pairs."""
    moved, is_x = [], True
    for word in path.replace("M", "M ").replace("L", "L ").replace("Q", "Q ").split():
        if word in "MLQZ":
            moved.append(word)
            continue
        moved.append(f"{float(word) + (dx if is_x else dy):g}")
        is_x = not is_x
    return " ".join(moved)


# A mark to a line: exploded by the formatter, the tables cannot be read as drawings.
# fmt: off
REPEATS: dict[str, Repeat] = {
    "plain": Repeat(32, 32, ()),
    "stripe": Repeat(24, 24, (
        Motif(1, "line", "M6 -4 L6 28", 5), Motif(2, "line", "M18 -4 L18 28", 1.6),
    )),
    "pinstripe": Repeat(10, 20, (Motif(1, "line", "M5 -4 L5 24", 1.1, 200),)),
    "breton": Repeat(24, 22, (Motif(1, "line", "M-4 11 L28 11", 7),)),
    "check": Repeat(36, 36, (
        Motif(1, "line", "M10 -4 L10 40", 8, 90), Motif(1, "line", "M-4 10 L40 10", 8, 90),
        Motif(2, "line", "M27 -4 L27 40", 1.8, 210), Motif(2, "line", "M-4 27 L40 27", 1.8, 210),
    )),
    "gingham": Repeat(18, 18, (
        Motif(1, "line", "M5 -4 L5 22", 9, 120), Motif(1, "line", "M-4 5 L22 5", 9, 120),
    )),
    "dots": _half_drop(Repeat(26, 26, (Motif(1, "dots", "M7 7", 2.9),))),
    "bandhani": _half_drop(Repeat(40, 40, (
        Motif(1, "dots", "M10 3 M10 17 M3 10 M17 10 M5 5 M15 5 M5 15 M15 15", 1.5),
        Motif(2, "dots", "M10 10", 2.2),
    ))),
    "blockprint": _half_drop(Repeat(46, 56, (
        Motif(1, "fill", "M12 4 Q4 12 12 20 Q20 12 12 4 Z"),
        Motif(1, "fill", "M11 19 Q2 14 1 22 Q8 26 12 21 Q16 26 23 22 Q22 14 13 19 Z"),
        Motif(1, "line", "M12 20 L12 27", 1.4),
        Motif(2, "dots", "M12 12", 2.2),
        Motif(2, "dots", "M4 8 M20 8", 1.2),
    ))),
    "paisley": _half_drop(Repeat(56, 68, (
        Motif(1, "fill", "M10 30 Q-2 20 6 9 Q16 -1 25 6 Q31 -2 22 -3 Q36 -2 33 10"
              " Q30 28 10 30 Z"),
        Motif(2, "fill", "M13 24 Q6 19 10 12 Q17 5 23 11 Q26 20 13 24 Z"),
        Motif(1, "dots", "M16 16", 2.4),
        Motif(2, "dots", "M36 18 M32 26 M25 31 M17 34", 1.3),
    ))),
    "floral": _half_drop(Repeat(60, 60, (
        Motif(1, "dots", "M14 8 M20.5 12.6 M18 20 M10 20 M7.5 12.6", 4.3),
        Motif(2, "dots", "M14 14.5", 3),
        Motif(1, "fill", "M22 24 Q30 22 33 30 Q24 32 22 24 Z", 1, 170),
        Motif(1, "fill", "M4 25 Q-1 28 0 35 Q7 33 4 25 Z", 1, 170),
    ))),
    "jaal": Repeat(54, 74, (
        Motif(1, "line", "M0 37 Q5 15 27 0 Q49 15 54 37 Q49 59 27 74 Q5 59 0 37", 1.5, 150),
        Motif(2, "fill", "M27 22 Q13 34 27 52 Q41 34 27 22 Z", 1, 215),
        Motif(1, "dots", "M27 39", 3),
        Motif(2, "fill", "M0 -15 Q-14 -3 0 15 Q14 -3 0 -15 Z", 1, 215),
        Motif(1, "dots", "M0 2", 3),
    )),
    "buti": _half_drop(Repeat(40, 44, (
        Motif(2, "fill", "M10 3 Q4 9 10 16 Q16 9 10 3 Z"),
        Motif(2, "fill", "M9 15 Q3 13 3 19 Q8 20 10 16 Q12 20 17 19 Q17 13 11 15 Z"),
    ))),
    "ikat": _half_drop(Repeat(48, 64, (
        Motif(1, "fill", "M12 2 L15 8 L18 7 L20 14 L24 16 L20 18 L18 25 L15 24 L12 30"
              " L9 24 L6 25 L4 18 L0 16 L4 14 L6 7 L9 8 Z"),
        Motif(2, "fill", "M12 9 L15 16 L12 23 L9 16 Z"),
    ))),
    "leheriya": Repeat(44, 26, (
        Motif(1, "line", "M-6 -8 L11 9 L33 9 L50 -8", 3.4, 210),
        Motif(1, "line", "M-22 6 L0 20 L22 4 L44 20 L66 6", 3.4, 210),
        Motif(2, "line", "M-22 13 L0 27 L22 11 L44 27 L66 13", 1.4, 210),
        Motif(2, "line", "M-22 -13 L0 1 L22 -15 L44 1 L66 -13", 1.4, 210),
    )),
    "herringbone": Repeat(20, 10, (
        Motif(1, "line", "M0 0 L10 10 L20 0", 1.4, 110),
        Motif(1, "line", "M0 -5 L10 5 L20 -5 M0 5 L10 15 L20 5", 1.4, 110),
    )),
    "knit": Repeat(12, 10, (
        Motif(1, "line", "M1 -1 Q3 6 6 8 Q9 6 11 -1", 1.5, 95),
        Motif(1, "line", "M1 9 Q3 16 6 18 Q9 16 11 9", 1.5, 95),
    )),
    "cable": Repeat(44, 34, (
        Motif(1, "line", "M8 -4 Q22 8 8 17 Q-6 26 8 38", 2.4, 120),
        Motif(1, "line", "M14 -4 Q0 8 14 17 Q28 26 14 38", 2.4, 120),
        Motif(1, "line", "M28 -4 L28 38 M36 -4 L36 38", 1.4, 80),
    )),
    "denim": Repeat(5, 5, (Motif(1, "line", "M-2 7 L7 -2", 1.0, 70),)),
    "melange": Repeat(37, 41, (
        Motif(1, "line", "M3 4 L9 4 M20 9 L27 9 M11 15 L16 15 M30 20 L35 20 M5 26 L12 26"
              " M22 30 L28 30 M14 36 L19 36 M32 38 L36 38", 1.1, 110),
        Motif(1, "line", "M14 2 L18 2 M31 6 L35 6 M2 12 L6 12 M22 16 L27 16 M15 22 L20 22"
              " M1 33 L6 33 M29 27 L33 27 M24 39 L28 39", 1.1, 70),
    )),
}
# fmt: on
