"""Doing together what many flights want."""

import asyncio
import contextlib

import pytest

from agents.executor.gather import MOST, Gather


@contextlib.asynccontextmanager
async def running(gather):
    task = asyncio.create_task(gather.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Down(Exception):
    """Nobody's own fault."""


class Doubler:
    """Doubles numbers; refuses negative ones, and everything while it is down."""

    def __init__(self):
        self.turns = []
        self.is_down = False

    async def work(self, items):
        self.turns.append(list(items))
        if self.is_down:
            raise Down
        if any(item < 0 for item in items):
            raise ValueError("negative")
        return [2 * item for item in items]


async def test_everybody_gets_their_own_answer_from_one_turn():
    doubler = Doubler()
    gather = Gather(doubler.work)
    async with running(gather):
        answers = await asyncio.gather(*(gather.ask(item) for item in range(20)))
    assert answers == [2 * item for item in range(20)]
    assert len(doubler.turns) == 1


async def test_a_turn_has_a_limit():
    doubler = Doubler()
    gather = Gather(doubler.work)
    async with running(gather):
        await asyncio.gather(*(gather.ask(item) for item in range(MOST + 1)))
    assert [len(turn) for turn in doubler.turns] == [MOST, 1]


async def test_one_bad_item_spoils_nothing():
    doubler = Doubler()
    gather = Gather(doubler.work, shared=(Down,))
    async with running(gather):
        answers = await asyncio.gather(
            *(gather.ask(item) for item in (1, -1, 2)), return_exceptions=True
        )
    assert answers[0] == 2
    assert isinstance(answers[1], ValueError)
    assert answers[2] == 4


async def test_a_shared_fate_is_not_tried_item_by_item():
    doubler = Doubler()
    doubler.is_down = True
    gather = Gather(doubler.work, shared=(Down,))
    async with running(gather):
        answers = await asyncio.gather(
            *(gather.ask(item) for item in (1, 2)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [Down, Down]
        assert len(doubler.turns) == 1
        doubler.is_down = False
        assert await gather.ask(3) == 6


async def test_who_does_not_wait_any_more_is_passed_over():
    doubler = Doubler()
    gather = Gather(doubler.work)
    async with running(gather):
        given_up = asyncio.create_task(gather.ask(1))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await gather.ask(2) == 4
    with pytest.raises(asyncio.CancelledError):
        await given_up
