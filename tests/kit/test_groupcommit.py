import asyncio
from collections.abc import Sequence

import pytest

from truestyle.kit.errors import Unavailable
from truestyle.kit.groupcommit import GroupCommit


class Desk:
    """Doubles numbers in batches; refuses odd ones; `gate` holds the first batch back."""

    def __init__(self, *, gated: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        if not gated:
            self.gate.set()

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.begun.set()
        await self.gate.wait()
        if 13 in items:
            raise RuntimeError("13 fails the whole batch")
        return [2 * one if one % 2 == 0 else ValueError(f"{one} is odd") for one in items]


async def test_what_queues_up_while_one_batch_runs_is_the_next(anyio_backend: str) -> None:
    desk = Desk(gated=True)
    queue: GroupCommit[int, int] = GroupCommit(desk)
    queue.start()
    first = asyncio.create_task(queue.submit(2))
    await desk.begun.wait()
    rest = [asyncio.create_task(queue.submit(number)) for number in (4, 6, 8)]
    await asyncio.sleep(0)
    desk.gate.set()
    assert await asyncio.gather(first, *rest) == [4, 8, 12, 16]
    assert desk.batches == [[2], [4, 6, 8]]
    await queue.stop()


async def test_each_gets_its_own_answer_or_refusal() -> None:
    queue: GroupCommit[int, int] = GroupCommit(Desk())
    queue.start()
    answers = await asyncio.gather(*(queue.submit(number) for number in (2, 3, 4)), return_exceptions=True)
    assert answers[0] == 4
    assert isinstance(answers[1], ValueError)
    assert answers[2] == 8
    await queue.stop()


async def test_one_that_fails_the_batch_does_not_fail_its_neighbours() -> None:
    desk = Desk(gated=True)
    queue: GroupCommit[int, int] = GroupCommit(desk)
    queue.start()
    first = asyncio.create_task(queue.submit(0))
    await desk.begun.wait()
    rest = [asyncio.create_task(queue.submit(number)) for number in (2, 13, 4)]
    await asyncio.sleep(0)
    desk.gate.set()
    answers = await asyncio.gather(first, *rest, return_exceptions=True)
    assert (answers[0], answers[1], answers[3]) == (0, 4, 8)
    assert isinstance(answers[2], RuntimeError)
    assert desk.batches == [[0], [2, 13, 4], [2], [13], [4]]
    await queue.stop()


async def test_a_batch_is_never_larger_than_the_most() -> None:
    desk = Desk()
    queue: GroupCommit[int, int] = GroupCommit(desk, most=3)
    queue.start()
    await asyncio.gather(*(queue.submit(2 * number) for number in range(10)))
    assert max(len(batch) for batch in desk.batches) == 3
    assert sum(len(batch) for batch in desk.batches) == 10
    await queue.stop()


async def test_who_waits_too_long_is_told_and_is_left_out_of_later_batches() -> None:
    desk = Desk(gated=True)
    queue: GroupCommit[int, int] = GroupCommit(desk, deadline=0.05)
    queue.start()
    waiting = [asyncio.create_task(queue.submit(number)) for number in (2, 4)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in answers] == [Unavailable, Unavailable]
    late = asyncio.create_task(queue.submit(6))
    await asyncio.sleep(0)
    desk.gate.set()
    assert await late == 12
    assert 4 not in [one for batch in desk.batches[1:] for one in batch]
    await queue.stop()


async def test_a_full_queue_says_so_at_once() -> None:
    queue: GroupCommit[int, int] = GroupCommit(Desk(), most=1)  # not started: nothing is taken
    waiting = [asyncio.create_task(queue.submit(2)) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await queue.submit(2)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_stopping_finishes_what_waits() -> None:
    desk = Desk()
    queue: GroupCommit[int, int] = GroupCommit(desk)
    queue.start()
    waiting = [asyncio.create_task(queue.submit(2)) for _ in range(5)]
    await asyncio.sleep(0)
    await queue.stop()
    assert await asyncio.gather(*waiting) == [4] * 5


async def test_stopping_waits_no_longer_than_anybody_does() -> None:
    """A batch that hangs, because MongoDB is away, keeps no process from ending."""
    desk = Desk(gated=True)
    queue: GroupCommit[int, int] = GroupCommit(desk, deadline=0.05)
    queue.start()
    waiting = asyncio.create_task(queue.submit(2))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await queue.stop()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], Unavailable)


async def test_who_is_gone_when_a_batch_fails_is_not_tried_alone() -> None:
    asked: list[list[int]] = []

    async def fails(batch: Sequence[int]) -> Sequence[int | Exception]:
        asked.append(list(batch))
        await asyncio.sleep(0.1)
        raise OSError

    queue: GroupCommit[int, int] = GroupCommit(fails, deadline=0.05)
    queue.start()
    waiting = [asyncio.create_task(queue.submit(number)) for number in range(3)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await queue.stop()
    assert {type(one) for one in answers} == {Unavailable}
    assert asked == [[0, 1, 2]]


async def test_a_batch_waits_a_little_for_who_is_announced() -> None:
    batches = list[list[int]]()

    async def run(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        return items

    patient: GroupCommit[int, int] = GroupCommit(run, patience=5)
    patient.start()
    arrive, gone = patient.announce(), patient.announce()
    first = asyncio.create_task(patient.submit(1))
    await asyncio.sleep(0.02)
    assert batches == []
    gone()
    gone()  # says no more than the first time
    arrive()
    assert list(await asyncio.wait_for(asyncio.gather(first, patient.submit(2)), 1)) == [1, 2]
    assert await asyncio.wait_for(patient.submit(3), 1) == 3
    await patient.stop()

    hasty: GroupCommit[int, int] = GroupCommit(run, patience=0.01)
    hasty.start()
    hasty.announce()
    assert await asyncio.wait_for(hasty.submit(4), 1) == 4
    await hasty.stop()
    assert batches == [[1, 2], [3], [4]]
