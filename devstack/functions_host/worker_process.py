"""One life of the worker process, seen from the host."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from devstack import processes
from devstack.errors import FunctionAppError
from devstack.functions_host.app_metadata import AppFunction
from devstack.functions_host.worker import LINE_LIMIT

_PACKAGE_ROOT = Path(__file__).parent.parent.parent
# -P and this line instead of -m: the app's folder comes first on the worker's path, and nothing of ours stays on it.
_BOOT = (
    "import sys; channel, app_dir, root = sys.argv[1:]; sys.path.insert(0, root); "
    "from devstack.functions_host.worker import main; main(int(channel), app_dir, root)"
)
# Importing an app may take its time: it may try its own tools first.
_START_SECONDS = 300.0
_LAST_WORDS_SECONDS = 5.0


class WorkerDied(Exception):
    """The worker process ended while it ran something; the text says how."""


class InvocationFailed(Exception):
    """The function raised; the text is its traceback."""


class WorkerProcess:
    """A worker that has imported the app; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.functions: tuple[AppFunction, ...] = ()
        self._process = process
        self._channel = channel
        self._writer: asyncio.StreamWriter | None = None
        self._pending: dict[str, asyncio.Future[Any]] = {}
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @classmethod
    async def start(cls, app_dir: Path, environment: Mapping[str, str], output: IO[bytes] | None) -> WorkerProcess:
        """Start a worker and wait until it has imported the app.

        `output` receives what the app prints and logs; None leaves it to this process's own standard output and
        error. Raises FunctionAppError with the import's own error.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _BOOT, str(theirs.fileno()), str(app_dir), str(_PACKAGE_ROOT)),
                cwd=app_dir,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        worker = cls(process, ours)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await worker._become_ready(app_dir)
        except BaseException as error:
            await worker.stop(grace=0)
            if isinstance(error, TimeoutError):
                message = f"Importing {app_dir / 'function_app.py'} took longer than {_START_SECONDS:.0f} seconds."
                raise FunctionAppError(message) from error
            raise
        return worker

    async def invoke(self, function: str, invocation_id: str, content: dict[str, Any]) -> Any:
        """Run a function; what it answered, as plain data. Raises InvocationFailed or WorkerDied."""
        if self._writer is None or self._process.returncode is not None:
            raise WorkerDied(self._how_it_died())
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[invocation_id] = done
        request = {"type": "invoke", "id": invocation_id, "function": function, "content": content}
        try:
            self._writer.write(json.dumps(request).encode() + b"\n")
            return await done
        finally:
            del self._pending[invocation_id]

    async def ended(self) -> str:
        """Wait until the process has ended by itself, and everything it ran has failed; says how it ended."""
        await self._process.wait()
        processes.kill_leftovers(self._process.pid)
        if self._reading is not None:
            # What it still said before it ended counts. A process that it left behind may hold the channel open.
            await asyncio.wait({self._reading}, timeout=_LAST_WORDS_SECONDS)
        await self._close()
        return self._how_it_died()

    async def stop(self, *, grace: float) -> None:
        """End the process, with SIGKILL when it is still there `grace` seconds after SIGTERM."""
        await processes.stop(self._process, grace=grace)
        await self._close()

    async def _become_ready(self, app_dir: Path) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._channel, limit=LINE_LIMIT)
        first = json.loads(await reader.readline() or "{}")
        if first.get("type") == "ready":
            self.functions = tuple(
                AppFunction(name=function["name"], bindings=tuple(function["bindings"]))
                for function in first["functions"]
            )
            self._reading = asyncio.create_task(self._read(reader))
            return
        error = first.get("error")
        if error is None:
            code = await self._process.wait()
            error = f"The worker process ended ({processes.how_it_ended(code)}) and said nothing; see its output."
        raise FunctionAppError(f"The function app in {app_dir} can't be loaded.\n{error}")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self._settle(json.loads(line))

    def _settle(self, answer: dict[str, Any]) -> None:
        done = self._pending.get(answer["id"])
        if done is None or done.done():
            return
        if answer["succeeded"]:
            done.set_result(answer["value"])
        else:
            done.set_exception(InvocationFailed(answer["error"]))

    async def _close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is None:
            self._channel.close()
        else:
            self._writer.transport.abort()
        for done in self._pending.values():
            if not done.done():
                done.set_exception(WorkerDied(self._how_it_died()))

    def _how_it_died(self) -> str:
        code = self._process.returncode
        how = "it is being stopped" if code is None else processes.how_it_ended(code)
        return f"The worker process {self._process.pid} died ({how}) while it ran this function."
