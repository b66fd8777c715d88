"""A devstack for tests and the demo: a plain context manager, with facts to wait for instead of sleeps.

    with Devstack.running(app_dir, settings={"MediaStorage": "UseDevelopmentStorage=true"}) as stack:
        service = BlobServiceClient.from_connection_string(stack.connection_string)
        ... upload "clip.mp4" into a container ...
        result = stack.wait_until_settled(container, "clip.mp4", timeout=60)
        assert result.succeeded, result.error

The event loop with all parts runs in a thread. Each result is handed out once, so that a second wait for the same blob
waits for the next event's end.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp

from devstack import azurite, stack
from devstack.access_log import FinishedWrite, WriteApi
from devstack.azurite import Storage
from devstack.background import Held, held
from devstack.blob_events import EVENT_TYPE_HEADER, NOTIFICATION, BlobFacts, blob_created
from devstack.errors import DevstackError
from devstack.functions_host.host import FunctionsHost
from devstack.functions_host.results import InvocationResult
from devstack.ports import Ports
from devstack.stack import Layout, Stack, StackOptions
from devstack.subscription import DeliveryPolicy, webhook_url

_PATIENCE = 60.0
# Tests needn't be patient with an app that can't be imported, nor with a worker that ignores SIGTERM.
_TEST_RESTART_DELAYS = (0.1, 0.2)
_TEST_GRACE = 5.0


class _Results:
    """Results as they come, for threads that wait for them."""

    def __init__(self) -> None:
        self.history: list[InvocationResult] = []
        self._waiting: list[InvocationResult] = []
        self._changed = threading.Condition()
        self._failure: BaseException | None = None

    def add(self, result: InvocationResult) -> None:
        with self._changed:
            self.history.append(result)
            self._waiting.append(result)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def take(self, wanted: Callable[[InvocationResult], bool], timeout: float, what: str) -> InvocationResult:
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for result in self._waiting:
                    if wanted(result):
                        self._waiting.remove(result)
                        return result
                if self._failure is not None:
                    raise DevstackError(
                        f"The devstack ended while waiting for {what}: {self._failure}"
                    ) from self._failure
                if not self._changed.wait(deadline - time.monotonic()):
                    seen = "\n".join(map(str, self.history)) or "nothing"
                    raise TimeoutError(f"Waited {timeout:g} s for {what}. Seen so far:\n{seen}")


class Devstack:
    """A running devstack; made by `running`."""

    def __init__(self, holding: Held[Stack], results: _Results, app_output: Path) -> None:
        self._holding = holding
        self._results = results
        self._app_output = app_output

    @classmethod
    @contextmanager
    def running(  # noqa: PLR0913 - each by name, and each with a default
        cls,
        app_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        ports: Ports | None = None,
        storage: Storage | None = None,
        state_dir: Path | None = None,
        event_grid: bool = True,
        delivery: DeliveryPolicy | None = None,
    ) -> Iterator[Devstack]:
        """Start the storage, the host with the app, and Event Grid; stop them at the end.

        Arguments:
            app_dir: the folder with function_app.py and host.json.
            settings: app settings that win over the app's files and over this process's environment. A value of
                "UseDevelopmentStorage=true" becomes the connection string of this devstack's storage.
            ports: where to listen; any free ones without it.
            storage: an Azurite that runs already (`running_storage`); one is started without it, in memory.
            state_dir: the folder for logs; a temporary one without it.
            event_grid: False when only forged events shall arrive (`post_event`).
            delivery: how stubbornly Event Grid delivers.

        Raises FunctionAppError with the import's own error when the app can't be loaded.
        """
        results = _Results()
        with ExitStack() as cleanup:
            folder = state_dir or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="devstack-")))
            folder.mkdir(parents=True, exist_ok=True)
            app_output = folder / "functions.log"
            options = StackOptions(
                app_dir=app_dir.resolve(),
                settings=settings or {},
                ports=ports or Ports.any_free(),
                layout=Layout(state_dir=folder),
                in_memory=True,
                storage=storage,
                event_grid=event_grid,
                delivery=delivery or DeliveryPolicy(first_pause=0.05),
                on_result=results.add,
                output=cleanup.enter_context(app_output.open("ab")),
                grace=_TEST_GRACE,
                restart_delays=_TEST_RESTART_DELAYS,
            )
            holding = cleanup.enter_context(held(lambda: _watched(options, results)))
            yield cls(holding, results, app_output)

    @property
    def connection_string(self) -> str:
        """The storage account's connection string."""
        return self._holding.value.storage.connection_string

    @property
    def host(self) -> FunctionsHost:
        """The Functions host: its address, its functions, its worker's process id."""
        functions_host = self._holding.value.host
        if not isinstance(functions_host, FunctionsHost):
            raise TypeError("This devstack runs the Core Tools' host, which can't be looked into.")
        return functions_host

    @property
    def webhook_url(self) -> str:
        """The webhook of the app's only Event Grid blob function. Raises ValueError when there isn't exactly one."""
        (function,) = self.host.functions.values()
        return webhook_url(self.host.url, function.name)

    @property
    def app_output(self) -> str:
        """What the app has printed and logged up to now."""
        return self._app_output.read_text("utf-8", "replace")

    @property
    def history(self) -> tuple[InvocationResult, ...]:
        """Every result up to now, handed out or not, in the order of their ends."""
        return tuple(self._results.history)

    def next_result(self, timeout: float = _PATIENCE) -> InvocationResult:
        """The next try's end, whatever it was. Raises TimeoutError after that many seconds."""
        return self._results.take(lambda _: True, timeout, "the next result")

    def next_attempt(self, container: str, blob: str, timeout: float = _PATIENCE) -> InvocationResult:
        """The end of the next try at this blob, settled or not. Raises TimeoutError after that many seconds."""
        return self._results.take(
            lambda result: (result.container, result.blob) == (container, blob), timeout, f"{container}/{blob}"
        )

    def wait_until_settled(self, container: str, blob: str, timeout: float = _PATIENCE) -> InvocationResult:
        """Wait until one message about this blob is dealt with: succeeded, in the poison queue, or dropped.

        Tries that failed and are tried again are passed over. Raises TimeoutError after that many seconds in all.
        """
        deadline = time.monotonic() + timeout
        while True:
            result = self.next_attempt(container, blob, deadline - time.monotonic())
            if result.settled:
                return result

    def post_event(self, container: str, blob: str, *, function: str | None = None) -> int:
        """Post a forged event for a blob, which needn't exist, straight to the webhook; returns the HTTP status.

        `function` names the function where the app has more than one.
        """
        url = webhook_url(self.host.url, function) if function else self.webhook_url
        return self._holding.call(_post(url, self._holding.value.storage.ports.blob_endpoint, container, blob))


@contextmanager
def running_storage(folder: Path, ports: Ports | None = None) -> Iterator[Storage]:
    """An Azurite of its own for callers that share it, in memory, with its log in `folder`; any free ports by default.

    Raises AzuriteNotInstalled or AzuriteDidNotStart.
    """
    access_log = Layout(state_dir=folder).access_log
    with held(
        lambda: azurite.running(ports=ports or Ports.any_free(), access_log=access_log, location=None)
    ) as holding:
        yield holding.value.storage


@asynccontextmanager
async def _watched(options: StackOptions, results: _Results) -> AsyncIterator[Stack]:
    async def watch() -> None:
        try:
            await running.run()
        except Exception as error:
            results.fail(error)

    async with stack.running(options) as running:
        watching = asyncio.create_task(watch())
        try:
            yield running
        finally:
            watching.cancel()


async def _post(url: str, endpoint: str, container: str, blob: str) -> int:
    write = FinishedWrite(container=container, blob=blob, api=WriteApi.PUT_BLOB)
    event = blob_created(write, BlobFacts(), endpoint=endpoint, sequence=0)
    headers = {EVENT_TYPE_HEADER: NOTIFICATION}
    async with aiohttp.ClientSession() as http, http.post(url, json=[event], headers=headers) as response:
        return response.status
