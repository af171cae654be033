"""Ending tasks for certain."""

from __future__ import annotations

import asyncio

from sayit.chassis import background_tasks


async def test_a_task_that_swallows_a_cancellation_ends_as_well() -> None:
    """A loop whose library ate the first CancelledError is cancelled again."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(background_tasks.end(task), 10)
    assert task.cancelled()
    assert swallowed == 2


async def test_ended_tasks_and_their_errors_are_left_alone() -> None:
    """What a task raised is neither raised again nor lost."""

    async def failing() -> None:
        raise ValueError("mine")

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    await background_tasks.end(task)
    assert isinstance(task.exception(), ValueError)
