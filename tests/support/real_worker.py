"""A Functions host for one Python process, without .NET: it drives Azure's own worker library with an app.

A program for the worker's Python, never imported: `worker_process.py` starts it, one process for each app, because the
library keeps its app in module globals. It speaks JSON lines over a socket that it inherits, so that standard output
and standard error stay the app's own. First it sends what came of indexing the app, then an answer to each invocation,
which run at once. When the socket ends, it ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as library

_LINE_LIMIT = 16 * 1024 * 1024
_HOST_VERSION = "4.1045.0"


class _Message(SimpleNamespace):
    """Stands for a protobuf message. Strict: to read a field that the host wouldn't send is an error."""


class _OneOf(_Message):
    """A message of which one field is set out of a group, as in TypedData and ParameterBinding."""

    def __init__(self, kind: str, value: Any, **others: Any) -> None:
        super().__init__(**{kind: value}, **others)
        self._kind = kind

    def WhichOneof(self, group: str) -> str:  # noqa: ARG002, N802 - protobuf's own signature
        return self._kind


class _StatusResult(_Message):
    Failure, Success, Cancelled = range(3)


class _BindingInfo(_Message):
    out, inout = 1, 2
    undefined = 0


# What the library takes from the generated module, by the names of Azure's protocol.
_PROTOS = SimpleNamespace(
    StatusResult=_StatusResult,
    BindingInfo=_BindingInfo,
    RpcException=_Message,
    WorkerMetadata=_Message,
    WorkerInitResponse=_Message,
    RpcFunctionMetadata=_Message,
    FunctionMetadataResponse=_Message,
    FunctionLoadResponse=_Message,
    InvocationResponse=_Message,
    TypedData=_Message,
    RpcHttp=_Message,
)


class Host:
    """What the .NET host would ask of a worker, in its order."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    async def index(self, app_dir: str) -> dict[str, Any]:
        """Have the app imported, and every function loaded that is found in it."""
        library.start_threadpool_executor()
        start = _Message(capabilities={}, function_app_directory=app_dir, host_version=_HOST_VERSION)
        answer = _outcome(await _ask(library.worker_init_request, worker_init_request=start))
        functions: list[dict[str, Any]] = []
        if answer["succeeded"]:
            metadata = await _ask(library.functions_metadata_request, functions_metadata_request=_Message())
            answer = _outcome(metadata)
            for function in metadata.function_metadata_results or []:
                load = _Message(function_id=function.function_id, metadata=function)
                loaded = _outcome(await _ask(library.function_load_request, function_load_request=load))
                answer = loaded if answer["succeeded"] else answer
                self._ids[function.name] = function.function_id
                functions.append(
                    {"name": function.name, "bindings": [json.loads(raw) for raw in function.raw_bindings]}
                )
        return {**answer, "functions": functions}

    async def invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a function with one SDK-type binding (ModelBindingData) and its trigger's metadata, or with a request."""
        data = _http(request["http"]) if "http" in request else _binding(request["model_binding_data"])
        invocation = _Message(
            invocation_id=request["id"],
            function_id=self._ids[request["function"]],
            input_data=[_OneOf("data", data, name=request["parameter"])],
            trigger_metadata={name: _OneOf(kind, value) for name, (kind, value) in request["trigger_metadata"].items()},
            trace_context=_Message(trace_parent="", trace_state="", attributes={}),
            retry_context=_Message(retry_count=0, max_retry_count=0, exception=None),
        )
        response = await _ask(library.invocation_request, invocation_request=invocation)
        outcome = _outcome(response)
        if "http" in request and outcome["succeeded"]:
            answer = response.return_value.http
            body = vars(answer.body)
            text = body["bytes"].decode() if "bytes" in body else body["string"]
            outcome["http"] = {"status": int(answer.status_code), "headers": answer.headers, "text": text}
        return outcome


def _binding(data: dict[str, Any]) -> _OneOf:
    return _OneOf("model_binding_data", _Message(**{**data, "content": data["content"].encode()}))


def _http(request: dict[str, Any]) -> _OneOf:
    return _OneOf("http", _Message(**request, body=_OneOf("bytes", b"")))


async def _ask(handler: Callable[[Any], Awaitable[Any]], **request: _Message) -> Any:
    properties = {"protos": _PROTOS, "host": "127.0.0.1"}
    return await handler(SimpleNamespace(request=_Message(**request), properties=properties))


def _outcome(response: Any) -> dict[str, Any]:
    if response.result.status == _StatusResult.Success:
        return {"succeeded": True, "message": "", "stack_trace": ""}
    error = response.result.exception
    return {"succeeded": False, "message": error.message, "stack_trace": error.stack_trace}


async def _serve(channel: socket.socket, app_dir: str) -> None:
    reader, writer = await asyncio.open_connection(sock=channel, limit=_LINE_LIMIT)
    host = Host()

    def send(message: dict[str, Any]) -> None:
        writer.write(json.dumps(message).encode() + b"\n")

    async def run(request: dict[str, Any]) -> None:
        send({"id": request["id"], **await host.invoke(request)})

    send(await host.index(app_dir))
    async with asyncio.TaskGroup() as running:
        while line := await reader.readline():
            running.create_task(run(json.loads(line)))
    library.stop_threadpool_executor()


def main(channel: str, app_dir: str) -> None:
    """Run until the other side closes the channel: an inherited socket's number, or the path of one that listens."""
    if channel.isdecimal():
        os.set_inheritable(int(channel), False)
        connection = socket.socket(fileno=int(channel))
    else:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(channel)
    sys.path.insert(0, app_dir)
    # The worker hands on a log record's message and nothing else of it.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(_serve(connection, app_dir))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
