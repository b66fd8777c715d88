"""An async context manager held open in a thread, for callers that aren't async themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Held(Generic[Value]):
    """What the context manager gave, and the event loop that it lives on."""

    value: Value
    _loop: asyncio.AbstractEventLoop

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on that loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def held(open_: Callable[[], AbstractAsyncContextManager[Value]]) -> Iterator[Held[Value]]:
    """Enter what `open_` makes on an event loop in a thread, and leave it at the end; its errors are raised here."""
    entered: Future[Held[Value]] = Future()
    leave = asyncio.Event()

    async def hold() -> None:
        async with open_() as value:
            entered.set_result(Held(value, asyncio.get_running_loop()))
            await leave.wait()

    ended: Future[None] = Future()

    def run() -> None:
        try:
            asyncio.run(hold())
            ended.set_result(None)
        except BaseException as error:
            if not entered.done():
                entered.set_exception(error)
            ended.set_exception(error)

    thread = threading.Thread(target=run, name="devstack", daemon=True)
    thread.start()
    holding = entered.result()
    try:
        yield holding
    finally:
        holding._loop.call_soon_threadsafe(leave.set)
        thread.join()
    ended.result()
