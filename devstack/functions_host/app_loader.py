"""Loading a function app and calling its functions, inside the worker process, with Microsoft's own packages."""

from __future__ import annotations

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

    def arguments(self, content: dict[str, str], context: Context) -> dict[str, Any]:
        """The arguments for one call.

        `content` is what the host says of the blob: Connection, ContainerName and BlobName. The parameter's value is
        made by the package that makes it in Azure. Raises what that package raises.
        """
        hints = typing.get_type_hints(self.call)
        trigger = _trigger(self.bindings)
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
        arguments = {trigger["name"]: converter.decode(datum, trigger_metadata={}, pytype=pytype)}
        if "context" in inspect.signature(self.call).parameters:
            arguments["context"] = context
        return arguments


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
