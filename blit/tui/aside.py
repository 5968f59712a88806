"""Work that may take its time, in a thread, so that no keystroke waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def aside(work: Callable[[], _T]) -> _T:
    """In a thread that nobody waits for at the end: a folder may lie on a dead mount."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def deliver(result: _T | None, error: Exception | None) -> None:
        if not future.done():
            future.set_exception(error) if error else future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, trouble = None, None
        try:
            result = work()
        except Exception as error:
            trouble = error
        try:
            loop.call_soon_threadsafe(deliver, result, trouble)
        except RuntimeError:
            pass  # the screen has been left meanwhile

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await future
