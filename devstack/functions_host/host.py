"""The Functions host: HTTP in front, the queue in the middle, the worker behind."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aiohttp import web

from devstack.errors import PortInUse
from devstack.functions_host import app_settings, host_json
from devstack.functions_host.app_metadata import AppFunction, BlobFunction, event_grid_blob_functions
from devstack.functions_host.dispatcher import FALLBACK_POLL_SECONDS, Dispatcher, Target
from devstack.functions_host.http_front import add_routes, http_functions
from devstack.functions_host.media_account import MediaAccount
from devstack.functions_host.results import InvocationResult
from devstack.functions_host.trigger_queue import INVISIBLE_SECONDS, TriggerQueue, queue_client
from devstack.functions_host.webhook import ROUTE, BlobsWebhook
from devstack.functions_host.worker_supervisor import RESTART_DELAYS, WorkerSupervisor
from devstack.ports import LOOPBACK

_log = logging.getLogger(__name__)

_HOST_ID_SETTING = "AzureFunctionsWebHost__hostid"
_LONGEST_HOST_ID = 32


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """How to run an app.

    `app_dir` holds function_app.py and host.json; `environment` is the app's whole environment, made by
    `app_settings.environment`. The rest has defaults that suit a person at a laptop.
    """

    app_dir: Path
    environment: Mapping[str, str]
    # 0 for any free port.
    port: int = 7071
    on_result: Callable[[InvocationResult], None] = field(default=lambda _: None)
    # Where the app's prints and logs go; None for this process's own standard output and error.
    output: IO[bytes] | None = None
    # Seconds between SIGTERM and SIGKILL for the worker.
    grace: float = 10.0
    fallback_poll: float = FALLBACK_POLL_SECONDS
    invisible_seconds: int = INVISIBLE_SECONDS
    restart_delays: tuple[float, ...] = RESTART_DELAYS


class FunctionsHost:
    """A running host; made by `running`."""

    def __init__(
        self, *, port: int, functions: Mapping[str, BlobFunction], worker: WorkerSupervisor, dispatcher: Dispatcher
    ) -> None:
        self.port = port
        # The functions that Event Grid starts, by function id.
        self.functions = functions
        self._worker = worker
        self._dispatcher = dispatcher

    @property
    def url(self) -> str:
        """The host's address, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id; None while there is none."""
        return self._worker.pid

    async def run(self) -> None:
        """Run functions for ever. Raises FunctionAppError when the app can't be started again after a crash."""
        parts = {asyncio.create_task(self._worker.run()), asyncio.create_task(self._dispatcher.run())}
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            # The worker isn't watched any more before it is stopped, so that its end starts no new one.
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)


@asynccontextmanager
async def running(options: HostOptions) -> AsyncIterator[FunctionsHost]:
    """Start the host, wait until it answers, and stop it at the end; `FunctionsHost.run` makes it work.

    Raises FunctionAppError when the app, its settings or its host.json can't be used, or PortInUse.
    What waits in the queue when the host stops is still there for the next one.
    """
    _log.warning(
        "This host is for laptops and tests: no keys, no scaling, no triggers but blobs by Event Grid and requests."
    )
    limits = host_json.blob_limits(options.app_dir)
    worker = WorkerSupervisor(
        options.app_dir,
        options.environment,
        output=options.output,
        grace=options.grace,
        restart_delays=options.restart_delays,
    )
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(worker.stop)
        everything = await worker.start()
        functions = event_grid_blob_functions(everything)
        _say_what_was_found(everything, functions)
        storage = app_settings.connection(options.environment, app_settings.HOST_STORAGE)
        client = await cleanup.enter_async_context(queue_client(storage, queue_name(options)))
        queue = TriggerQueue(client, invisible_seconds=options.invisible_seconds)
        await queue.ensure()
        dispatcher = Dispatcher(
            queue=queue,
            targets=await _targets(functions, options.environment, cleanup),
            worker=worker,
            limits=limits,
            on_result=options.on_result,
            fallback_poll=options.fallback_poll,
        )
        port = await _listen(
            options.port, everything, BlobsWebhook(function_ids=functions, enqueue=dispatcher.put), worker, cleanup
        )
        yield FunctionsHost(port=port, functions=functions, worker=worker, dispatcher=dispatcher)


def queue_name(options: HostOptions) -> str:
    """The name of the app's trigger queue: with the host id from the settings, or one of this machine and folder."""
    host_id = options.environment.get(_HOST_ID_SETTING)
    if not host_id:
        machine = re.sub(r"[^a-z0-9]", "", socket.gethostname().lower())[:20] or "machine"
        folder = hashlib.sha256(str(options.app_dir.resolve()).encode()).hexdigest()[:10]
        host_id = f"{machine}-{folder}"
    return f"azure-webjobs-blobtrigger-{host_id.lower()[:_LONGEST_HOST_ID]}"


async def _targets(
    functions: Mapping[str, BlobFunction], environment: Mapping[str, str], cleanup: AsyncExitStack
) -> dict[str, Target]:
    accounts: dict[str, MediaAccount] = {}
    for name in {function.connection for function in functions.values()}:
        account = MediaAccount(app_settings.connection(environment, name))
        accounts[name] = await cleanup.enter_async_context(account)
    return {
        function_id: Target(function=function, account=accounts[function.connection])
        for function_id, function in functions.items()
    }


async def _listen(
    port: int,
    everything: tuple[AppFunction, ...],
    webhook: BlobsWebhook,
    worker: WorkerSupervisor,
    cleanup: AsyncExitStack,
) -> int:
    async def list_functions(_: web.Request) -> web.Response:
        return web.json_response(
            [{"name": function.name, "config": {"bindings": function.bindings}} for function in everything]
        )

    application = web.Application()
    application.router.add_post(ROUTE, webhook.handle)
    application.router.add_get("/admin/functions", list_functions)
    add_routes(application.router, http_functions(everything), worker)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    cleanup.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse(
            f"The Functions host can't start: port {port} is in use, perhaps by another one. Stop that one "
            f"(`lsof -i :{port}` names it), or give another port."
        ) from error
    return int(runner.addresses[0][1])


def _say_what_was_found(everything: tuple[AppFunction, ...], functions: Mapping[str, BlobFunction]) -> None:
    requested = {function.name: function.address for function in http_functions(everything)}
    for function in everything:
        if function.name in requested:
            _log.info("Found function %s: a request to %s.", function.name, requested[function.name])
        elif function.function_id in functions:
            _log.info("Found function %s: a blob trigger by Event Grid.", function.name)
        else:
            _log.warning("Left out function %s: this host doesn't run a %s.", function.name, function.trigger["type"])
