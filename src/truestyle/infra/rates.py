"""How often something may happen: exact sliding windows, in one process or in Redis for all of them.

A window remembers the moment of every hit it let in, so no more than `most` fall into any `seconds` in a row (a counter
that starts again every minute would let twice as many through around the full minute). A request may be charged to
several keys at once (an account and an address): it passes if each has room, and otherwise is charged to none.
"""

import math
import re
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
RATE = rf"^[1-9][0-9]{{0,6}}/({'|'.join(UNITS)})$"
MOST_KEYS = 100_000  # in one process; those unused for longest are forgotten


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many in so many seconds."""

    most: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`100/minute`. Raises ValueError."""
        if re.fullmatch(RATE, text) is None:
            msg = "must be like 100/minute"
            raise ValueError(msg)
        most, unit = text.split("/")
        return cls(int(most), UNITS[unit])

    def times(self, factor: int) -> "Rate":
        """So many times as many."""
        return Rate(self.most * factor, self.seconds)


class Charge(NamedTuple):
    """One hit on one key."""

    key: str
    rate: Rate


class Verdict(NamedTuple):
    """Whether it may happen; of several keys, how the one stands that has the least room."""

    allowed: bool
    limit: int
    remaining: int
    reset: int  # seconds until there is room for one more than now


def judge(charges: Sequence[Charge], standing: Sequence[tuple[int, float]], *, allowed: bool) -> Verdict:
    """The verdict from each key's number of hits now, and the seconds until its oldest one is forgotten."""

    def room(one: tuple[Charge, tuple[int, float]]) -> tuple[int, float]:
        charge, (hits, reset) = one
        return charge.rate.most - hits, -reset

    charge, (hits, reset) = min(zip(charges, standing, strict=True), key=room)
    return Verdict(allowed, charge.rate.most, max(0, charge.rate.most - hits), max(1, math.ceil(reset)))


class Windows:
    """Windows in this process. Nothing in here waits, so no two requests can be between its lines."""

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def hit(self, charges: Sequence[Charge]) -> Verdict:
        """Charge all keys, or none."""
        return self.refused(charges) or self.record(charges)

    def hit_one(self, key: str, rate: Rate) -> Verdict:
        """Charge a single key, as most requests do; a tenth of what it takes to charge several."""
        moment = time.monotonic()
        hits = self._hits.get(key)
        if hits is None:
            hits = self._hits[key] = deque()
            self._forget()
        else:
            self._hits.move_to_end(key)
            while hits and hits[0] <= moment - rate.seconds:
                hits.popleft()
        allowed = len(hits) < rate.most
        if allowed:
            hits.append(moment)
        reset = hits[0] + rate.seconds - moment
        return Verdict(allowed, rate.most, rate.most - len(hits), max(1, math.ceil(reset)))

    def refused(self, charges: Sequence[Charge]) -> Verdict | None:
        """The refusal, if some key has no room. Charges nothing."""
        moment = time.monotonic()
        standing = [self._standing(one, moment) for one in charges]
        if all(hits < one.rate.most for one, (hits, _) in zip(charges, standing, strict=True)):
            return None
        return judge(charges, standing, allowed=False)

    def record(self, charges: Sequence[Charge]) -> Verdict:
        """Charge all keys, asked or not."""
        moment = time.monotonic()
        for one in charges:
            self._hits.setdefault(one.key, deque()).append(moment)
            self._hits.move_to_end(one.key)
        self._forget()
        return judge(charges, [self._standing(one, moment) for one in charges], allowed=True)

    def _forget(self) -> None:
        while len(self._hits) > self._most_keys:
            self._hits.popitem(last=False)

    def count(self, charge: Charge) -> int:
        """The hits of a key that still count."""
        return self._standing(charge, time.monotonic())[0]

    def _standing(self, charge: Charge, moment: float) -> tuple[int, float]:
        hits = self._hits.get(charge.key)
        if not hits:
            return 0, charge.rate.seconds
        while hits and hits[0] <= moment - charge.rate.seconds:
            hits.popleft()
        return len(hits), (hits[0] + charge.rate.seconds - moment) if hits else charge.rate.seconds
