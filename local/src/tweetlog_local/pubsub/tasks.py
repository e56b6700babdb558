"""Tasks that run for as long as the server does, and that must not die in silence."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work`; if it fails of a bug or a full disk, the loop's exception handler hears of it."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    return task


async def stop(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "a task of the server failed", "exception": error}
        task.get_loop().call_exception_handler(context)
