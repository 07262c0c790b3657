"""The catalogue that everybody is filled with: made up, the same in every run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.peers.tools import CLOTHS, COLOURS, GARMENTS, PLENTY

SIZES = ("S", "M", "L", "XL")
QUERY = "cotton kurta"


@dataclass(frozen=True)
class Piece:
    """A product of one colour in some sizes, `units` of each; prices in whole rupees."""

    number: int
    name: str
    description: str
    colour: str
    cloth: str
    garment: str
    price: int
    mrp: int
    units: int
    sizes: Sequence[str] = SIZES

    @property
    def skus(self) -> list[str]:
        """One for each size."""
        return [f"TS-{self.number:05}-{size}" for size in self.sizes]


@dataclass(frozen=True)
class Catalogue:
    """`pieces` of which there is plenty, and `scarce` ones of one size to race for, one a race."""

    pieces: Sequence[Piece]
    scarce: Sequence[Piece]

    @property
    def all(self) -> list[Piece]:
        """Both."""
        return [*self.pieces, *self.scarce]

    def json(self) -> str:
        """All of it, for loaders in other languages."""
        return json.dumps([{**asdict(piece), "skus": piece.skus} for piece in self.all])

    @property
    def skus(self) -> list[str]:
        """Those of which there is plenty."""
        return [sku for piece in self.pieces for sku in piece.skus]


def catalogue(products: int, races: int, units: int) -> Catalogue:
    """So many products, and so many more with `units` of one size."""
    pieces = [_piece(number, PLENTY, SIZES) for number in range(products)]
    return Catalogue(pieces, [_piece(products + number, units, ("M",)) for number in range(races)])


def _piece(number: int, units: int, sizes: Sequence[str]) -> Piece:
    colour, cloth = COLOURS[number % len(COLOURS)], CLOTHS[number % len(CLOTHS)]
    garment, price = GARMENTS[number % len(GARMENTS)], 900 + number % 900
    return Piece(
        number,
        f"{colour} {cloth} {garment} {number}",
        f"A {garment} of {cloth}, dyed {colour.lower()} by hand. " * 6,
        colour,
        cloth,
        garment,
        price,
        price + 300,
        units,
        sizes,
    )
