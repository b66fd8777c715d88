"""Keeps a worker process alive: the functions run somewhere, even after the process has died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from devstack.errors import FunctionAppError
from devstack.functions_host.app_metadata import AppFunction
from devstack.functions_host.worker_process import WorkerProcess

_log = logging.getLogger(__name__)

# Seconds before each new start, once the app can't even be imported. After the last one the host gives up.
RESTART_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0)


class WorkerSupervisor:
    """Starts the worker, runs functions on it, and starts it anew when it dies.

    Arguments:
        app_dir: the folder with function_app.py.
        environment: the worker's whole environment.
        output: where its prints and logs go; None for this process's own standard output and error.
        grace: seconds between SIGTERM and SIGKILL when it is stopped.
        restart_delays: seconds before each new start of an app whose import fails; then it is given up.
    """

    def __init__(
        self,
        app_dir: Path,
        environment: Mapping[str, str],
        *,
        output: IO[bytes] | None = None,
        grace: float = 10.0,
        restart_delays: Sequence[float] = RESTART_DELAYS,
    ) -> None:
        self._app_dir = app_dir
        self._environment = environment
        self._output = output
        self._grace = grace
        self._restart_delays = restart_delays
        self._worker: WorkerProcess | None = None
        self._ready = asyncio.Event()

    async def start(self) -> tuple[AppFunction, ...]:
        """Start the first worker; returns the app's functions. Raises FunctionAppError when it can't be imported."""
        self._worker = await WorkerProcess.start(self._app_dir, self._environment, self._output)
        self._ready.set()
        return self._worker.functions

    async def run(self) -> None:
        """Restart the worker whenever it dies. Raises FunctionAppError when it can't be started any more."""
        while self._worker is not None:
            how = await self._worker.ended()
            self._ready.clear()
            _log.error("%s Starting a new one.", how)
            self._worker = await self._restarted()
            self._ready.set()

    async def invoke(self, function: str, invocation_id: str, content: dict[str, Any]) -> Any:
        """Run a function on the living worker, waiting for one. Raises InvocationFailed or WorkerDied."""
        await self._ready.wait()
        if self._worker is not None:
            return await self._worker.invoke(function, invocation_id, content)
        return None

    @property
    def pid(self) -> int | None:
        """The living worker's process id."""
        return self._worker.pid if self._worker is not None and self._ready.is_set() else None

    async def stop(self) -> None:
        """End the worker."""
        if self._worker is not None:
            await self._worker.stop(grace=self._grace)

    async def _restarted(self) -> WorkerProcess:
        for delay in self._restart_delays:
            try:
                return await WorkerProcess.start(self._app_dir, self._environment, self._output)
            except FunctionAppError as error:
                _log.error("%s\nTrying again in %g s.", error, delay)
                await asyncio.sleep(delay)
        return await WorkerProcess.start(self._app_dir, self._environment, self._output)
