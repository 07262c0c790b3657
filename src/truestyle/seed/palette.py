"""Colours of the catalogue by name, and the palette a picture is painted with."""

import colorsys
from hashlib import blake2b

Rgb = tuple[int, int, int]

INK, _CREAM, _GOLD, _WINE = (34, 24, 38), (250, 241, 222), (212, 172, 92), (128, 34, 52)

COLORS: dict[str, Rgb] = {
    "Indigo": (46, 58, 120), "Rani Pink": (205, 38, 112), "Mustard": (217, 160, 40),
    "Ivory": (243, 234, 214), "Bottle Green": (22, 84, 66), "Maroon": (122, 28, 44),
    "White": (247, 246, 242), "Off White": (242, 237, 226), "Black": (42, 40, 46),
    "Charcoal": (74, 76, 84), "Grey": (150, 152, 158), "Navy": (34, 44, 82),
    "Sky Blue": (142, 188, 222), "Powder Blue": (176, 202, 222), "Royal Blue": (42, 78, 168),
    "Peacock Blue": (0, 104, 132), "Firozi": (42, 166, 174), "Teal": (20, 112, 116),
    "Sea Green": (92, 170, 146), "Mint": (176, 218, 196), "Pista": (186, 208, 152),
    "Mehendi": (112, 118, 52), "Olive": (104, 106, 66), "Parrot Green": (92, 162, 62),
    "Haldi": (240, 186, 48), "Lemon": (244, 222, 120), "Gold": (200, 158, 76),
    "Saffron": (236, 134, 40), "Rust": (178, 84, 46), "Terracotta": (196, 104, 74),
    "Peach": (246, 190, 160), "Coral": (236, 116, 98), "Red": (196, 34, 46),
    "Madder Red": (164, 44, 44),
    "Sindoor": (206, 54, 38), "Gajri": (238, 122, 122), "Onion Pink": (214, 152, 156),
    "Blush": (238, 202, 198), "Baby Pink": (244, 190, 204), "Wine": (98, 28, 58),
    "Plum": (106, 48, 98), "Jamuni": (82, 42, 110), "Lavender": (186, 172, 218),
    "Lilac": (204, 180, 216), "Beige": (220, 200, 170), "Sand": (208, 186, 148),
    "Tan": (182, 130, 82), "Khaki": (168, 148, 108), "Camel": (190, 144, 94),
    "Brown": (110, 72, 50), "Coffee": (84, 58, 46), "Stone Blue": (104, 134, 164),
    "Mid Blue": (72, 104, 152), "Dark Blue": (40, 56, 92), "Silver": (190, 192, 196),
}  # fmt: skip


def rgb(color: str) -> Rgb:
    """Look up a colour's name, 0-255 each; an unknown name hashes to a muted, mid-light hue."""
    known = COLORS.get(color)
    if known is not None:
        return known
    hue = blake2b(color.lower().encode(), digest_size=2).digest()
    return _hls(int.from_bytes(hue, "big") / 65536, 0.46, 0.48)


def tones(base: Rgb, *, western: bool) -> dict[str, Rgb]:
    """Derive the palette of one picture from its garment's colour."""
    hue, light, strength = colorsys.rgb_to_hls(*(channel / 255 for channel in base))
    grey = strength < 0.12
    pale, warm = light > 0.68, 0.07 <= hue <= 0.17 and not grey
    other = _hls((hue + 0.42) % 1, 0.34 if light > 0.4 else 0.62, 0.12 if grey else 0.5)
    gold = _WINE if warm and not pale else _GOLD
    neutral = grey or (pale and 0.05 <= hue <= 0.16)
    second = _WINE if neutral else _hls(hue, 0.40, 0.34)
    wall_hue, depth = (0.055 if neutral else hue), (0.80 if pale else 0.88)
    tint = 0.14 if grey else 0.22 if neutral else 0.26
    return {
        "base": base,
        "plain": mix(base, INK, 0.07),
        "rib": mix(base, INK, 0.14),
        "dark": mix(base, INK, 0.34),
        "inside": mix(base, INK, 0.5),
        "second": second if pale else mix(_CREAM, base, 0.12),
        "accent": mix(base, INK, 0.3) if western else other,
        "trim": mix(base, INK, 0.28) if western else gold,
        "gold": gold,
        "motif": mix(base, other if pale else _CREAM, 0.72 if pale else 0.66),
        "accent_ink": (mix(base, INK, 0.35) if pale else mix(base, _CREAM, 0.4))
        if western else gold,
        "button": _CREAM if light < 0.45 else mix(base, INK, 0.45),
        "stitch": mix(base, _GOLD if light < 0.6 else INK, 0.6),
        "cream": _CREAM,
        "white": (246, 243, 236),
        "sole": (128, 86, 56),
        "insole": (206, 164, 116),
        "strap": (146, 96, 60),
        "metal": (204, 178, 120),
        "wall_light": _hls(wall_hue, min(0.965, depth + 0.09), tint),
        "wall_dark": _hls(wall_hue, depth - (0.44 if pale else 0.36), tint * 0.8),
    }  # fmt: skip


def mix(one: Rgb, two: Rgb, share: float) -> Rgb:
    """Blend two colours; `share` is that of the second, 0-1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


def _hls(hue: float, light: float, strength: float) -> Rgb:
    """Turn hue, lightness and saturation, 0-1 each, into 0-255 channels."""
    red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, light, strength))
    return red, green, blue
