"""HTTP-triggered functions: their routes, as the real host serves them, and a request's way to the worker and back."""

from __future__ import annotations

import base64
import itertools
import logging
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from devstack.functions_host.app_metadata import AppFunction
from devstack.functions_host.worker_process import InvocationFailed, WorkerDied
from devstack.functions_host.worker_supervisor import WorkerSupervisor

_log = logging.getLogger(__name__)

# The real host's default (`extensions.http.routePrefix` in host.json).
_PREFIX = "/api/"
# In a route of the real host: {name} takes one part of the path, {*name} the rest of it, slashes and nothing included.
_PLACEHOLDER = re.compile(r"\{(\*?)(\w+)\}")
# What the server sets itself.
_NOT_PASSED_ON = ("content-length", "transfer-encoding", "connection")


@dataclass(frozen=True, kw_only=True)
class HttpFunction:
    """A function that a request starts."""

    name: str
    route: str
    methods: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where it answers, with the route as the app has it."""
        return f"{_PREFIX}{self.route}"

    @property
    def paths(self) -> tuple[str, ...]:
        """All that it answers to, as aiohttp writes it: a rest may be missing, with the slash before it."""
        whole = _PLACEHOLDER.sub(lambda match: f"{{{match[2]}{':.*' if match[1] else ''}}}", self.address)
        without, rest, _ = self.address.rpartition("/{*")
        return (whole, without) if rest else (whole,)


def http_functions(functions: Iterable[AppFunction]) -> list[HttpFunction]:
    """Those of the functions that requests start."""
    return [
        HttpFunction(
            name=function.name,
            route=function.trigger.get("route") or function.name,
            methods=tuple(method.upper() for method in function.trigger.get("methods") or ("GET", "POST")),
        )
        for function in functions
        if function.trigger["type"].lower() == "httptrigger"
    ]


def add_routes(router: web.UrlDispatcher, functions: Iterable[HttpFunction], worker: WorkerSupervisor) -> None:
    """Serve these functions."""
    for function in functions:
        for method, path in itertools.product(function.methods, function.paths):
            router.add_route(method, path, _Handler(function, worker).handle)


class _Handler:
    def __init__(self, function: HttpFunction, worker: WorkerSupervisor) -> None:
        self._function = function
        self._worker = worker

    async def handle(self, request: web.Request) -> web.Response:
        content = {
            "method": request.method,
            "url": str(request.url),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "params": dict(request.query),
            "route_params": dict(request.match_info),
            "body": base64.b64encode(await request.read()).decode("ascii"),
        }
        try:
            answer = await self._worker.invoke(self._function.name, str(uuid.uuid4()), content)
        except (InvocationFailed, WorkerDied) as error:
            # As the real host has it: the caller isn't told why.
            _log.error("%s %s failed: %s", request.method, request.path, error)
            return web.Response(status=500)
        return _response(answer or {"status": 204, "headers": {}, "body": ""})


def _response(answer: dict[str, Any]) -> web.Response:
    headers = {name: value for name, value in answer["headers"].items() if name.lower() not in _NOT_PASSED_ON}
    return web.Response(status=answer["status"], headers=headers, body=base64.b64decode(answer["body"]))
