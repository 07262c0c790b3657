"""Placeholder pictures: flat garment illustrations drawn from tables, with no photographs.

A picture is painted in layers: silhouettes at twice the size and reduced for smooth edges,
the pattern through a mask of the patterned cloth, then folds and roundness from a quarter-size
light map, over a lightly shaded backdrop.
"""

import io
import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from truestyle.seed.palette import INK, Rgb, mix, rgb
from truestyle.seed.palette import tones as palette
from truestyle.seed.patterns import REPEATS
from truestyle.seed.shapes import BOTH, HALF, UPPER, Part
from truestyle.seed.shapes_lower import LOWER

Points = list[tuple[float, float]]
Box = tuple[int, int, int, int]  # left, top, right, bottom in px

SHAPES = UPPER | LOWER  # kind -> parts
KINDS = tuple(SHAPES)
PATTERNS = tuple(REPEATS)

_SHEET = (480, 600)  # design units
_AXIS = 240
_OVER = 2  # silhouettes are drawn this many times larger
_UNDER = 4  # the light map is this many times smaller
_NEUTRAL = 128

_WESTERN = frozenset({
    "shirt", "tshirt", "polo", "top", "dress", "skirt", "jeans", "trousers", "hoodie", "sweater",
    "socks", "sandal", "sneaker", "belt", "vest", "nightwear",
})  # fmt: skip


class Paint(NamedTuple):
    """How a role is painted: the tone to use, a stroke or mark width, and its outline."""

    tone: str
    width: float = 0.0
    patterned: bool = False
    outline: bool = True


_FILLS: dict[str, Paint] = {
    "cloth": Paint("base", patterned=True),
    "pocket": Paint("base", patterned=True),
    "plain": Paint("plain"),
    "plainfold": Paint("plain", patterned=True),
    "inside": Paint("inside", outline=False),
    "second": Paint("second"),
    "accent": Paint("accent"),
    "square": Paint("accent"),
    "trim": Paint("trim", outline=False),
    "rib": Paint("rib"),
    "white": Paint("white"),
    "sole": Paint("sole"),
    "insole": Paint("insole", outline=False),
    "metal": Paint("metal"),
}
_STROKES: dict[str, Paint] = {
    "seam": Paint("dark", 1.3),
    "stitch": Paint("stitch", 1.4),
    "line": Paint("dark", 2.2),
    "cord": Paint("cream", 3.6),
    "lace": Paint("white", 6.0),
    "strap": Paint("strap", 13.0),
}
_MARKS: dict[str, Paint] = {
    "button": Paint("button", 3.4),
    "hook": Paint("inside", 2.2),
    "bead": Paint("gold", 1.9),
    "flower": Paint("gold", 4.0),
    "tassel": Paint("trim", 2.0),
}
_LIGHTS = {"fold": -30, "glow": 20}  # added to neutral where a stroke runs


def draw(kind: str, pattern: str, color: str, *, size: tuple[int, int] = _SHEET) -> bytes:
    """Draw one garment as WebP bytes; the same arguments give the same bytes.

    `kind` is one of KINDS, `pattern` one of PATTERNS (else ValueError); `color` is a colour's
    name, of which an unknown one gets a pleasant hue of its own; `size` is width, height in px.
    """
    for name, known in ((kind, KINDS), (pattern, PATTERNS)):
        if name not in known:
            message = f"unknown artwork {name!r}; known: {', '.join(known)}"
            raise ValueError(message)
    tones, box = palette(rgb(color), western=kind in _WESTERN), _box(kind, size)
    cut, cover, printed = _silhouette(kind, tones, size)
    for ink, tone in ((1, "motif"), (2, "accent_ink")):
        repeat = _repeat(pattern, ink, size)
        if repeat is not None:
            mask = ImageChops.multiply(printed, repeat.crop(box))
            cut = Image.composite(Image.new("RGB", cut.size, tones[tone]), cut, mask)
    small = Image.new("L", (size[0] // _UNDER, size[1] // _UNDER))
    small.paste(cover.reduce(_UNDER), (box[0] // _UNDER, box[1] // _UNDER))
    light = _enlarged(_light(kind, small), box)
    cut = ImageChops.add(cut, Image.merge("RGB", (light, light, light)), 1, -_NEUTRAL)
    picture = _backdrop(kind, small, tones, size)
    picture.paste(cut, box, cover)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=70, method=0)
    return out.getvalue()


@lru_cache(maxsize=128)
def _box(kind: str, size: tuple[int, int]) -> Box:
    """Find the pixels a garment takes, widened to whole pixels of the light map."""
    xs, ys = zip(
        *(point for part in SHAPES[kind] for line in _outlines(part, size) for point in line),
        strict=True,
    )
    room = round(20 * size[1] / _SHEET[1])  # tassels hang below their path
    low = [math.floor((min(along) - 9) / _UNDER) * _UNDER for along in (xs, ys)]
    high = [math.ceil((max(xs) + 9) / _UNDER) * _UNDER,
            math.ceil((max(ys) + room) / _UNDER) * _UNDER]  # fmt: skip
    right, bottom = (min(end, limit) for end, limit in zip(high, size, strict=True))
    return max(0, low[0]), max(0, low[1]), right, bottom


@lru_cache(maxsize=128)
def _layers(kind: str, size: tuple[int, int]) -> list[tuple[str, Points]]:
    """List the roles and outlines of a garment in enlarged pixels of its own box."""
    left, top = (edge * _OVER for edge in _box(kind, size)[:2])
    return [
        (part.role, [(x - left, y - top) for x, y in line])
        for part in SHAPES[kind]
        for line in _outlines(part, (size[0] * _OVER, size[1] * _OVER))
    ]


class _Brush:
    """Paints outlines on a canvas, and keeps a stencil of the cloth that takes the pattern."""

    def __init__(self, box: Box, tones: dict[str, Rgb], unit: float) -> None:
        """`box` is in px of the sheet; `unit` is a design unit in enlarged px."""
        big = ((box[2] - box[0]) * _OVER, (box[3] - box[1]) * _OVER)
        # The fourth band is what is covered: RGBX, since RGBA is multiplied out on a reduce.
        # Uncovered pixels carry the outline's colour, so that reducing leaves no pale halo.
        self.canvas, self.printed = Image.new("RGBX", big, (*tones["dark"], 0)), Image.new("L", big)
        self.pen, self.stencil = ImageDraw.Draw(self.canvas), ImageDraw.Draw(self.printed)
        self.tones, self.unit = tones, unit

    def paint(self, role: str, points: Points) -> None:
        """Paint one outline as its role says; folds and glows are not paint."""
        if role in _FILLS:
            self._fill(_FILLS[role], points)
        elif role in _STROKES:
            self._stroke(_STROKES[role], points)
        elif role in _MARKS:
            self._mark(role, _MARKS[role], points)

    def _fill(self, paint: Paint, points: Points) -> None:
        """Fill a closed outline, with a fine darker edge."""
        tone = self.tones[paint.tone]
        self.pen.polygon(points, fill=(*tone, 255))
        self.stencil.polygon(points, fill=255 if paint.patterned else 0)
        if paint.outline:
            edge, thick = mix(tone, INK, 0.32), max(1, round(self.unit * 1.5))
            self.pen.line([*points, points[0]], fill=(*edge, 255), width=thick)

    def _stroke(self, paint: Paint, points: Points) -> None:
        """Draw a seam, cord or strap along the path; a stitch is dashed."""
        tone, thick = self.tones[paint.tone], max(1, round(paint.width * self.unit))
        if paint.tone == "stitch":
            for start, end in list(pairwise(_spaced(points, thick * 2.2)))[::2]:
                self.pen.line([start, end], fill=(*tone, 255), width=thick)
            return
        if paint.width > 3:  # a cord stands clear of the cloth
            edge = (*mix(tone, INK, 0.35), 255)
            self.pen.line(points, fill=edge, width=thick + 4, joint="curve")
        self.pen.line(points, fill=(*tone, 255), width=thick, joint="curve")
        self.stencil.line(points, fill=0, width=thick)

    def _mark(self, role: str, paint: Paint, points: Points) -> None:
        """Set buttons and flowers at points, or beads and tassels along a path."""
        radius, tone = paint.width * self.unit, (*self.tones[paint.tone], 255)
        edge = (*mix(self.tones[paint.tone], INK, 0.4), 255)
        if role == "bead":
            for at in _spaced(points, 8 * self.unit):
                self.pen.circle(at, radius, fill=tone)
                self.stencil.circle(at, radius, fill=0)
        elif role == "tassel":
            for x, y in _spaced(points, 6 * self.unit):
                thread = [(x, y), (x, y + 17 * self.unit)]
                self.pen.line(thread, fill=tone, width=round(radius * 1.2))
                self.pen.circle((x, y + 5 * self.unit), radius, fill=edge)
        elif role == "flower":
            x, y = points[0]
            for turn in range(8):
                angle = turn * math.pi / 4
                petal = (x + math.cos(angle) * radius * 2.4, y + math.sin(angle) * radius * 2.4)
                self.pen.circle(petal, radius, fill=tone)
            self.pen.circle((x, y), radius * 1.5, fill=edge)
            self.stencil.circle((x, y), radius * 3.4, fill=0)
        else:
            for at in points:
                rim = max(1, round(self.unit))
                self.pen.circle(at, radius, fill=tone, outline=edge, width=rim)
                self.stencil.circle(at, radius, fill=0)


def _silhouette(
    kind: str, tones: dict[str, Rgb], size: tuple[int, int]
) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Paint the garment's box: it (RGB), what it covers (L), what takes the pattern (L)."""
    brush = _Brush(_box(kind, size), tones, size[0] * _OVER / _SHEET[0])
    for role, points in _layers(kind, size):
        brush.paint(role, points)
    painted = brush.canvas.reduce(_OVER)
    return painted.convert("RGB"), painted.getchannel("X"), brush.printed.reduce(_OVER)


def _light(kind: str, cover: Image.Image) -> Image.Image:
    """Make the light map (L, neutral 128), the size of `cover`: roundness and folds."""
    scale = cover.width / _SHEET[0]
    folds = Image.new("L", cover.size, _NEUTRAL)
    pen = ImageDraw.Draw(folds)
    for part in SHAPES[kind]:
        if part.role in _LIGHTS:
            for points in _outlines(part, cover.size):
                pen.line(points, fill=_NEUTRAL + _LIGHTS[part.role], width=round(9 * scale))
    soft = cover.filter(ImageFilter.BoxBlur(4))
    step = max(1, round(10 * scale))
    lit, dim = ImageChops.offset(soft, step, step), ImageChops.offset(soft, -step, -step)
    # Light falls from the upper left: that rim brightens and the other one darkens.
    rim = ImageChops.subtract(dim, lit, 4.5, _NEUTRAL)
    return ImageChops.add(folds.filter(ImageFilter.BoxBlur(1.6)), rim, 1, -_NEUTRAL)


def _backdrop(kind: str, cover: Image.Image, tones: dict[str, Rgb], size: tuple[int, int]) -> Image.Image:
    """Make the tinted wall behind the garment, with its soft shadow."""
    blurred = cover.filter(ImageFilter.BoxBlur(4)).filter(ImageFilter.BoxBlur(3))
    fallen = ImageChops.offset(blurred, cover.width // 40, cover.height // 34)
    shadow = fallen.point([value * 4 // 10 for value in range(256)])
    reach = shadow.getbbox() or (0, 0, 1, 1)
    box = (reach[0] * _UNDER, reach[1] * _UNDER, reach[2] * _UNDER, reach[3] * _UNDER)
    wall = _wall("circle" if kind in _WESTERN else "arch", size).copy()
    dimmed = ImageChops.subtract(wall.crop(box), _enlarged(shadow, box))
    wall.paste(dimmed, box)
    ends = list(zip(tones["wall_dark"], tones["wall_light"], strict=True))
    wall.putpalette([low + (high - low) * at // 255 for at in range(256) for low, high in ends])
    return wall.convert("RGB")


def _enlarged(small: Image.Image, box: Box) -> Image.Image:
    """Enlarge the pixels of `box` from a map that is `_UNDER` times smaller than the sheet."""
    part = small.crop((box[0] // _UNDER, box[1] // _UNDER, box[2] // _UNDER, box[3] // _UNDER))
    return part.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)


@lru_cache(maxsize=8)
def _wall(figure: str, size: tuple[int, int]) -> Image.Image:
    """Make the brightness of the backdrop (L): a vertical gradient and a paler arch or circle."""
    big = (size[0] * _OVER, size[1] * _OVER)
    scale = big[0] / _SHEET[0]
    shape = Image.new("L", big, 0)
    pen = ImageDraw.Draw(shape)
    if figure == "arch":
        path = ("M240 14 Q232 44 190 58 Q150 70 138 104 Q84 112 70 166 Q36 186 36 250"
                " L36 600 L240 600")  # fmt: skip
        for outline, tone in ((1.0, 18), (0.955, 30)):
            points = _outlines(Part("wall", HALF, path), big)[0]
            mid = (_AXIS * scale, 600 * scale)
            pen.polygon(
                [(mid[0] + (x - mid[0]) * outline, mid[1] + (y - mid[1]) * outline)
                 for x, y in points],
                fill=tone,
            )  # fmt: skip
    else:
        pen.circle((_AXIS * scale, 300 * scale), 222 * scale, fill=18)
        pen.circle((_AXIS * scale, 300 * scale), 206 * scale, fill=30)
    gradient = Image.linear_gradient("L").resize(size).point([226 - v // 5 for v in range(256)])
    return ImageChops.add(gradient, shape.reduce(_OVER))


@lru_cache(maxsize=64)
def _repeat(pattern: str, ink: int, size: tuple[int, int]) -> Image.Image | None:
    """Spread one ink of a pattern over the sheet (L); None where the pattern lacks it."""
    repeat = REPEATS[pattern]
    motifs = [motif for motif in repeat.motifs if motif.ink == ink]
    if not motifs:
        return None
    scale = size[0] / _SHEET[0]
    wide, high = max(1, round(repeat.width * scale)), max(1, round(repeat.height * scale))
    fine = 4
    tile = Image.new("L", (wide * fine, high * fine))
    for motif in motifs:
        mark = Image.new("L", tile.size)
        pen = ImageDraw.Draw(mark)
        for line in _parsed(motif.path):
            for dx in (-wide, 0, wide):
                for dy in (-high, 0, high):
                    at = [((x * scale + dx) * fine, (y * scale + dy) * fine) for x, y in line]
                    if motif.how == "fill":
                        pen.polygon(at, fill=motif.strength)
                    elif motif.how == "line":
                        thick = max(1, round(motif.width * scale * fine))
                        pen.line(at, fill=motif.strength, width=thick)
                    else:
                        pen.circle(at[0], motif.width * scale * fine, fill=motif.strength)
        tile = ImageChops.add(tile, mark)
    tile = tile.reduce(fine)
    sheet = Image.new("L", size)
    for left in range(0, size[0], wide):
        for top in range(0, size[1], high):
            sheet.paste(tile, (left, top))
    return sheet


def _outlines(part: Part, size: tuple[int, int]) -> list[Points]:
    """Scale a part's outlines to pixels of a sheet of `size`."""
    sx, sy = size[0] / _SHEET[0], size[1] / _SHEET[1]
    outlines: list[Points] = []
    for line in _parsed(part.path):
        left = [(x * sx, y * sy) for x, y in line]
        right = [((2 * _AXIS - x) * sx, y * sy) for x, y in line]
        if part.join == HALF:
            outlines.append([*left, *reversed(right)])
        else:
            outlines.extend([left, right] if part.join == BOTH else [left])
    return outlines


@lru_cache(maxsize=2048)
def _parsed(path: str) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Parse a path to polylines, its curves flattened to ten pieces each."""
    lines: list[Points] = []
    tokens = iter(path.replace("M", " M ").replace("L", " L ").replace("Q", " Q ")
                  .replace("C", " C ").replace("Z", " ").split())  # fmt: skip
    letter = "M"
    for word in tokens:
        first = word
        if word in "MLQC":
            letter, first = word, next(tokens)
        count = {"M": 1, "L": 1, "Q": 2, "C": 3}[letter]
        rest = [float(first), *(float(next(tokens)) for _ in range(2 * count - 1))]
        ends = list(zip(rest[::2], rest[1::2], strict=True))
        if letter == "M":
            lines.append(ends)
        else:
            lines[-1].extend(_bezier([lines[-1][-1], *ends]))
    return tuple(tuple(line) for line in lines)


def _bezier(control: Points, pieces: int = 10) -> Points:
    """Find points along a Bezier curve after its first control point (de Casteljau)."""
    if len(control) == 2:
        return control[1:]
    along: Points = []
    for step in range(1, pieces + 1):
        at, left = step / pieces, control
        while len(left) > 1:
            left = [(a + (c - a) * at, b + (d - b) * at) for (a, b), (c, d) in pairwise(left)]
        along.append(left[0])
    return along


def _spaced(points: Points, gap: float) -> Points:
    """Find points every `gap` pixels along a polyline, its start included."""
    spaced, left = [points[0]], gap
    for (ax, ay), (bx, by) in pairwise(points):
        length = math.hypot(bx - ax, by - ay)
        at = left
        while at <= length and length:
            spaced.append((ax + (bx - ax) * at / length, ay + (by - ay) * at / length))
            at += gap
        left = at - length
    return spaced
