"""The load client as a process of its own: a plan on stdin, what came of it on stdout.

    echo '{"url": "http://127.0.0.1:8000", "connections": 4, "seconds": 2, "asks": [{"method": "GET", "path": "/"}]}' \
        | python -m benchmarks.client

With `seconds` the requests go round until the time is over; without, each is sent once, in order.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.wire import Ask, Connection, Got


async def work_off(plan: dict[str, Any]) -> dict[str, Any]:
    """Send what the plan says; how many, how long, which answers, and how late."""
    asks = [Ask(**one) for one in plan["asks"]]
    seconds = plan.get("seconds")
    waiting: Iterator[Ask] = iter(asks) if seconds is None else itertools.cycle(asks)
    answers: Counter[str] = Counter()
    took: list[float] = []
    ends = time.perf_counter() + (seconds or 3600)

    async def work() -> None:
        connection = Connection(plan["url"])
        for ask in waiting:
            if time.perf_counter() > ends:
                break
            try:
                got = await connection.send(ask)
            except (OSError, EOFError) as error:
                answers[type(error).__name__] += 1
                continue
            took.append(got.seconds)
            answers[_said(got)] += 1
        await connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(plan["connections"])))
    elapsed = time.perf_counter() - began
    took.sort()
    return {"count": len(took), "seconds": elapsed, "answers": answers, "p50": _at(took, 0.5), "p99": _at(took, 0.99)}


def _said(got: Got) -> str:
    """`201`, or `409 insufficient_stock`."""
    if got.status < 400:
        return str(got.status)
    try:
        return f"{got.status} {got.json()['code']}"
    except (ValueError, KeyError, TypeError):
        return str(got.status)


def _at(took: list[float], share: float) -> float:
    """The time within which this share of the answers came, in ms."""
    return round(took[min(len(took) - 1, int(len(took) * share))] * 1000, 2) if took else 0.0


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work_off(json.load(sys.stdin)))))
