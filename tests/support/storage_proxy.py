"""A proxy in front of Azurite's blob service that misbehaves when a test tells it to.

    with StorageProxy.running(storage) as proxy:
        bench.services = bench.start(MediaStorage=proxy.connection_string)
        proxy.when(lambda request: request.comp == "lease", answer(503, "ServerBusy"), times=2)
        bench.run()
        for request in proxy.requests: print(request)

Every request is recorded, in order of arrival. The first rule that matches it and isn't used up decides what becomes of
it; without one it is passed on. Rules can be added and removed at any time, from any thread.

The moment of a fault matters, so most take ``after``: False, before storage hears of the request; True, after storage
has done it and before the client hears of that. To act at an exact point, such as to kill the process under test:

    proxy.when(nth(7), call(lambda request: os.kill(pid, signal.SIGKILL)))               # 7 does not take place
    proxy.when(nth(7), call(lambda request: os.kill(pid, signal.SIGKILL), after=True))   # 7 took place, unheard

Functions run in a thread of their own while the request waits, so they may block, use storage, or add rules. What they
raise is raised again where the proxy's context ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from devstack.azurite import Storage
from devstack.ports import ACCOUNT, LOOPBACK
from tests.support.storage_faults import (
    Exchange,
    Fault,
    Request,
    alter,
    answer,
    call,
    cut,
    cut_in_request,
    cut_in_response,
    hang,
)

__all__ = [
    "Predicate",
    "Request",
    "Rule",
    "StorageProxy",
    "alter",
    "answer",
    "anything",
    "call",
    "cut",
    "cut_in_request",
    "cut_in_response",
    "hang",
    "nth",
]

_START_SECONDS = 10

Predicate = Callable[[Request], bool]


def anything(_: Request) -> bool:
    """Matches every request."""
    return True


def nth(number: int) -> Predicate:
    """Matches the request with this number, from 1 since the proxy's start or its last ``forget``."""
    return lambda request: request.number == number


@dataclass(eq=False)
class Rule:
    """What to do with some requests; also a context manager, which removes it at its end."""

    predicate: Predicate
    fault: Fault
    times: int | None
    requests: list[Request] = field(default_factory=list)
    """Those that it was applied to."""
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _removed: bool = False

    def remove(self) -> None:
        """Apply it no more; what it is at work on goes on."""
        self._removed = True

    def wait(self, *, count: int = 1, timeout: float = 30) -> None:
        """Wait until it was applied (that is: begun) to so many requests."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise TimeoutError(f"{len(self.requests)} requests matched in {timeout:g} seconds, not {count}.")

    def takes(self, request: Request) -> bool:
        """Whether it applies to a request; counted when it does."""
        with self._changed:
            used_up = self.times is not None and len(self.requests) >= self.times
            if self._removed or used_up or not self.predicate(request):
                return False
            self.requests.append(request)
            self._changed.notify_all()
            return True

    def __enter__(self) -> Rule:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class StorageProxy:
    """A running proxy; made by `running`."""

    def __init__(self, storage: Storage) -> None:
        self.port = 0
        self._storage = storage
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._requests: list[Request] = []
        self._errors: list[Exception] = []

    @classmethod
    @contextmanager
    def running(cls, storage: Storage) -> Iterator[StorageProxy]:
        """A proxy on a free port, in a thread of its own; at the end it raises what a rule's function has raised."""
        proxy = cls(storage)
        started: threading.Event = threading.Event()
        stop: list[Callable[[], object]] = []

        async def serve() -> None:
            closing = asyncio.Event()
            stop.append(lambda: loop.call_soon_threadsafe(closing.set))
            loop = asyncio.get_running_loop()
            async with proxy._listening(closing):
                started.set()
                await closing.wait()

        thread = threading.Thread(target=lambda: asyncio.run(serve()), name="storage proxy", daemon=True)
        thread.start()
        if not started.wait(_START_SECONDS):
            raise TimeoutError("The storage proxy did not start.")
        try:
            yield proxy
        finally:
            stop[0]()
            thread.join()
        if proxy._errors:
            raise ExceptionGroup("rules of the storage proxy failed", proxy._errors)

    @property
    def blob_endpoint(self) -> str:
        """The address of the blob service behind the proxy, with the account and without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        """The account's connection string, blobs through the proxy; queues and tables aren't."""
        return self._storage.connection_string.replace(self._storage.ports.blob_endpoint, self.blob_endpoint)

    @property
    def requests(self) -> tuple[Request, ...]:
        """What has arrived, in order, since the start or the last ``forget``."""
        with self._lock:
            return tuple(self._requests)

    def forget(self) -> None:
        """Forget the requests so far, and count from 1 again; rules stay as they are."""
        with self._lock:
            self._requests.clear()

    def when(self, predicate: Predicate, fault: Fault, *, times: int | None = 1) -> Rule:
        """Apply a fault to the next requests that match; older rules come first.

        Arguments:
            times: to how many of them; None: to all.
        """
        rule = Rule(predicate, fault, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    @asynccontextmanager
    async def _listening(self, closing: asyncio.Event) -> AsyncIterator[None]:
        # A connection for each request: Azurite closes idle ones after 5 seconds, which would look like a fault.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        # As it came, with nothing added and nothing unpacked: headers are signed.
        async with aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as storage:
            origin = f"http://{LOOPBACK}:{self._storage.ports.blob}"
            app = web.Application(client_max_size=0)

            async def handle(raw: web.Request) -> web.StreamResponse:
                exchange = Exchange(self._record(raw), raw, origin=origin, storage=storage, closing=closing)
                return await self._handle(exchange)

            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False)
            await runner.setup()
            site = web.TCPSite(runner, LOOPBACK, 0)
            await site.start()
            self.port = runner.addresses[0][1]
            try:
                yield
            finally:
                await runner.cleanup()

    async def _handle(self, exchange: Exchange) -> web.StreamResponse:
        fault = self._fault_for(exchange.request)
        try:
            with suppress(ConnectionError):  # the client is gone, which is the point of some tests
                return await (fault(exchange) if fault else exchange.pass_on())
        except Exception as error:
            # A client that was killed in the middle of its request leaves storage with a part of it.
            if exchange.raw.transport is not None:
                self._errors.append(error)
        return exchange.reset()

    def _fault_for(self, request: Request) -> Fault | None:
        with self._lock:
            rules = tuple(self._rules)
        return next((rule.fault for rule in rules if rule.takes(request)), None)

    def _record(self, raw: web.Request) -> Request:
        path = unquote(raw.raw_path.partition("?")[0]).removeprefix(f"/{ACCOUNT}").lstrip("/")
        container, _, blob = path.partition("/")
        with self._lock:
            request = Request(
                number=len(self._requests) + 1,
                method=raw.method,
                container=container,
                blob=blob,
                comp=raw.query.get("comp", ""),
                query=dict(raw.query),
                headers=raw.headers.copy(),
            )
            self._requests.append(request)
            return request
