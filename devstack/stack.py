"""The parts put together: storage, Functions host and Event Grid, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from devstack import azurite, core_tools
from devstack.azurite import Azurite, Storage
from devstack.core_tools import CoreTools
from devstack.event_grid import Bookmark, EventGrid
from devstack.functions_host import app_settings, host
from devstack.functions_host.host import FunctionsHost, HostOptions
from devstack.functions_host.results import InvocationResult
from devstack.functions_host.worker_supervisor import RESTART_DELAYS
from devstack.ports import Ports
from devstack.subscription import CORE_TOOLS_SECONDS, DeliveryPolicy, blob_functions_of, patiently, webhook_url
from openface_runner.settings import Settings

_log = logging.getLogger(__name__)

REPOSITORY = Path(__file__).parent.parent
STATE_DIR = REPOSITORY / ".devstack"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a devstack keeps what, below one folder of its own."""

    state_dir: Path = STATE_DIR

    @property
    def access_log(self) -> Path:
        """Azurite's output, which Event Grid follows."""
        return self.state_dir / "azurite-access.log"

    @property
    def blobs(self) -> Path:
        """Azurite's blobs and queues, where they outlive it."""
        return self.state_dir / "azurite"

    @property
    def bookmark(self) -> Path:
        """How far Event Grid has read the access log."""
        return self.state_dir / "event-grid.position"


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What a devstack is made of.

    `settings` are app settings that win over the app's files and over this process's environment. `storage` is an
    Azurite that runs already; without one, one is started, which forgets everything at the end when `in_memory`.
    """

    app_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: Ports = field(default_factory=Ports)
    layout: Layout = field(default_factory=Layout)
    in_memory: bool = False
    storage: Storage | None = None
    event_grid: bool = True
    # False for the host in this package even where the Core Tools are installed.
    use_core_tools: bool = False
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    on_result: Callable[[InvocationResult], None] = field(default=lambda _: None)
    output: IO[bytes] | None = None
    grace: float = 10.0
    restart_delays: tuple[float, ...] = RESTART_DELAYS


class Part(Protocol):
    """Something that runs for as long as the devstack does."""

    async def run(self) -> None:
        """Run for ever; an exception says why it couldn't."""


class Stack:
    """A running devstack; made by `running`."""

    def __init__(self, *, storage: Storage, functions_host: FunctionsHost | CoreTools) -> None:
        self.storage = storage
        self.host = functions_host
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, part: Part) -> None:
        """Let a part run from now on."""
        self._tasks.add(asyncio.create_task(part.run()))

    async def run(self) -> None:
        """Return never: raises what ended the first part that ended."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def meanwhile(self, work: Coroutine[None, None, None]) -> None:
        """Do something that needs the parts; raises what ended a part, if one ends before."""
        parts, working = asyncio.create_task(self.run()), asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({parts, working}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (parts, working):
                task.cancel()
            await asyncio.gather(parts, working, return_exceptions=True)

    async def stop(self) -> None:
        """Stop the parts' work; their processes end afterwards."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def running(options: StackOptions) -> AsyncIterator[Stack]:
    """Start everything, wait until it works, and stop it at the end, leaving no process behind.

    Raises a DevstackError when a part can't start.
    """
    async with AsyncExitStack() as cleanup:
        parts: list[Part] = []
        storage = options.storage
        if storage is None:
            keep = not options.in_memory
            emulator = await cleanup.enter_async_context(storage_in(options.layout, options.ports, keep=keep))
            parts.append(emulator)
            storage, bookmark = emulator.storage, Bookmark(options.layout.bookmark if keep else None)
        else:
            bookmark = Bookmark(position=storage.access_log.stat().st_size)
        functions_host = await cleanup.enter_async_context(_host(options, storage))
        parts.append(functions_host)
        grid = await cleanup.enter_async_context(
            EventGrid(
                storage=storage,
                bookmark=bookmark,
                policy=options.delivery,
                leave_out=own_containers({**os.environ, **options.settings}),
            )
        )
        stack = Stack(storage=storage, functions_host=functions_host)
        cleanup.push_async_callback(stack.stop)
        for part in parts:
            stack.start(part)
        if options.event_grid:
            seconds = CORE_TOOLS_SECONDS if options.use_core_tools else 0.0
            await stack.meanwhile(patiently(lambda: subscribe(grid, functions_host.url), seconds=seconds))
            stack.start(grid)
        yield stack


def own_containers(environment: Mapping[str, str]) -> set[str]:
    """The containers that the app writes to, by its settings: the subscription leaves them out, as Azure's should."""
    names = ("output_container", "jobs_container")
    return {environment.get(name.upper()) or Settings.model_fields[name].default for name in names}


def storage_in(layout: Layout, ports: Ports, *, keep: bool) -> AbstractAsyncContextManager[Azurite]:
    """Azurite with its files where Event Grid looks for them; with `keep` its blobs and queues outlive it."""
    if keep:
        Bookmark.begin_anew_if_all_is_told(layout.bookmark, layout.access_log)
    else:
        # What it tells of is gone with the Azurite that wrote it.
        layout.access_log.unlink(missing_ok=True)
    return azurite.running(ports=ports, access_log=layout.access_log, location=layout.blobs if keep else None)


async def subscribe(grid: EventGrid, host_url: str, functions: Sequence[str] = (), *, key: str = "") -> None:
    """Let Event Grid tell these functions of a host; with none, those that the host says want it.

    `key` is that of the host's webhook, where it asks for one.
    """
    names = functions or await blob_functions_of(host_url)
    await grid.subscribe([webhook_url(host_url, name, key=key) for name in names])
    _log.info("Event Grid tells %s of every blob that is written.", ", ".join(names))


def _host(options: StackOptions, storage: Storage) -> AbstractAsyncContextManager[FunctionsHost | CoreTools]:
    environment = app_settings.environment(
        options.app_dir, overrides=options.settings, connection_string=storage.connection_string
    )
    if options.use_core_tools:
        return core_tools.running(options.app_dir, environment=environment, port=options.ports.functions)
    return host.running(
        HostOptions(
            app_dir=options.app_dir,
            environment=environment,
            port=options.ports.functions,
            on_result=options.on_result,
            output=options.output,
            grace=options.grace,
            restart_delays=options.restart_delays,
        )
    )
