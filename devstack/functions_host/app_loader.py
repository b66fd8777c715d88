"""Loading a function app and calling its functions, inside the worker process, with Microsoft's own packages."""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import azure.functions as func
from azurefunctions.extensions.base import Datum, get_binding_registry

from devstack.functions_host.invocation_context import Context

_MODULE = "function_app"


class AppLoadError(Exception):
    """The app can be imported, but isn't what this host can run."""


@dataclass(frozen=True, kw_only=True)
class LoadedFunction:
    """A function of the app, ready to be called."""

    name: str
    call: Callable[..., Any]
    bindings: list[dict[str, Any]]

    @property
    def is_async(self) -> bool:
        """Whether calling it gives a coroutine."""
        return inspect.iscoroutinefunction(self.call)

    def arguments(self, content: dict[str, Any], context: Context) -> dict[str, Any]:
        """The arguments for one call.

        `content` is what the host says of the blob (Connection, ContainerName and BlobName) or of the request. The
        parameter's value is made by the package that makes it in Azure. Raises what that package raises.
        """
        trigger = _trigger(self.bindings)
        value = _request(content) if _is_http(trigger) else self._blob(trigger, content)
        arguments = {trigger["name"]: value}
        if "context" in inspect.signature(self.call).parameters:
            arguments["context"] = context
        return arguments

    def answer(self, result: Any) -> dict[str, Any] | None:
        """What the host gets of a call's result, as plain data. Raises where the real worker would."""
        if not _is_http(_trigger(self.bindings)):
            if result is not None:
                raise RuntimeError(f"function {self.name!r} without a $return binding returned a non-None value")
            return None
        if not isinstance(result, func.HttpResponse):
            raise AppLoadError(f"{self.name} returned {type(result).__name__}; this host takes HttpResponse only.")
        headers = {"content-type": f"{result.mimetype}; charset={result.charset}", **result.headers}
        return {
            "status": result.status_code,
            "headers": dict(headers),
            "body": base64.b64encode(result.get_body()).decode("ascii"),
        }

    def _blob(self, trigger: dict[str, Any], content: dict[str, str]) -> Any:
        hints = typing.get_type_hints(self.call)
        pytype = hints.get(trigger["name"])
        registry = get_binding_registry()
        if not registry.check_supported_type(pytype):
            raise AppLoadError(
                f"{self.name}'s parameter {trigger['name']!r} is of type {pytype}. This host passes SDK types only, "
                "such as azurefunctions.extensions.bindings.blob.BlobClient; use one, or install the Core Tools."
            )
        data = SimpleNamespace(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content).encode(),
        )
        converter = registry.get(trigger["type"])
        datum = Datum(data, "model_binding_data")
        return converter.decode(datum, trigger_metadata={}, pytype=pytype)


def load() -> dict[str, LoadedFunction]:
    """Import function_app from sys.path and index it. Raises whatever the import raises, or AppLoadError."""
    module = importlib.import_module(_MODULE)
    apps = {id(value): value for value in vars(module).values() if isinstance(value, func.FunctionRegister)}
    if len(apps) != 1:
        raise AppLoadError(f"{_MODULE}.py must hold exactly one azure.functions.FunctionApp; it holds {len(apps)}.")
    (app,) = apps.values()
    functions = [
        LoadedFunction(
            name=str(function.get_function_name()),
            call=function.get_user_function(),
            bindings=json.loads(function.get_function_json())["bindings"],
        )
        for function in app.get_functions()
    ]
    return {function.name: function for function in functions}


def _trigger(bindings: list[dict[str, Any]]) -> dict[str, Any]:
    return next(binding for binding in bindings if binding["type"].lower().endswith("trigger"))


def _is_http(trigger: dict[str, Any]) -> bool:
    return str(trigger["type"]).lower() == "httptrigger"


def _request(content: dict[str, Any]) -> func.HttpRequest:
    return func.HttpRequest(**{**content, "body": base64.b64decode(content["body"])})
