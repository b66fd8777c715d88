"""The worker: the process that imports the function app and runs its functions, as Azure's Python worker does.

It speaks with the host in JSON lines over a socket that it inherits, so that standard output and standard error stay
the app's own. To the host: `ready` with the functions or `failed` with an error, then `done` for each invocation. From
the host: `invoke`. When the host is gone, the socket ends and the worker ends itself with SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import logging
import os
import signal
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from devstack.functions_host import app_loader
from devstack.functions_host.invocation_context import Context, Invocation, InvocationFormatter, current_invocation

# A traceback or an app's metadata is one line; asyncio's own limit is 64 KiB.
LINE_LIMIT = 16 * 1024 * 1024
THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


def main(channel: int, app_dir: str, package_root: str) -> None:
    """Run until the host closes the channel.

    Arguments:
        channel: the inherited socket's file descriptor.
        app_dir: the folder with function_app.py.
        package_root: what had to be on sys.path to start this, and isn't in Azure.
    """
    os.set_inheritable(channel, False)
    sys.path.remove(package_root)
    sys.path.insert(0, app_dir)
    handler = logging.StreamHandler()
    handler.setFormatter(InvocationFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    asyncio.run(_serve(socket.socket(fileno=channel), app_dir))


async def _serve(channel: socket.socket, app_dir: str) -> None:
    reader, writer = await asyncio.open_connection(sock=channel, limit=LINE_LIMIT)
    try:
        # On the main thread, as in Azure: an app may set its signal handlers while it is imported.
        functions = app_loader.load()
    except (Exception, SystemExit) as error:
        _send(writer, {"type": "failed", "error": _error_in_app(error)})
        writer.close()
        await writer.wait_closed()
        return
    described = [{"name": function.name, "bindings": function.bindings} for function in functions.values()]
    _send(writer, {"type": "ready", "functions": described})
    with ThreadPoolExecutor(_threads(), thread_name_prefix="function") as pool:
        runner = _Runner(functions, pool, app_dir)
        running = set()
        while line := await reader.readline():
            task = asyncio.create_task(runner.run(json.loads(line), writer))
            running.add(task)
            task.add_done_callback(running.discard)
        os.kill(os.getpid(), signal.SIGTERM)


class _Runner:
    def __init__(self, functions: dict[str, app_loader.LoadedFunction], pool: ThreadPoolExecutor, app_dir: str) -> None:
        self._functions = functions
        self._pool = pool
        self._app_dir = app_dir

    async def run(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        error, value = "", None
        try:
            value = await self._call(Invocation(request["function"], request["id"]), request["content"])
        except Exception as failure:
            error = "".join(traceback.format_exception(failure))
        sys.stdout.flush()
        _send(writer, {"type": "done", "id": request["id"], "succeeded": not error, "error": error, "value": value})
        await writer.drain()

    async def _call(self, invocation: Invocation, content: dict[str, Any]) -> Any:
        current_invocation.set(invocation)
        function = self._functions[invocation.function]
        arguments = function.arguments(content, Context(invocation, self._app_dir))
        if function.is_async:
            result = await function.call(**arguments)
        else:
            call = functools.partial(contextvars.copy_context().run, function.call, **arguments)
            result = await asyncio.get_running_loop().run_in_executor(self._pool, call)
        return function.answer(result)


def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")


def _threads() -> int:
    return int(os.environ.get(THREADS_SETTING) or min(32, (os.cpu_count() or 1) + 4))


def _error_in_app(error: BaseException) -> str:
    """The error first, since it may be a message for people; then where it came from."""
    summary = "".join(traceback.format_exception_only(error)).strip()
    return f"{summary}\n\n{''.join(traceback.format_exception(error))}".rstrip()
