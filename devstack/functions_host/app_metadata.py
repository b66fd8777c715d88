"""What the app's own decorators say: which functions there are and what triggers them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class AppFunction:
    """A function as the worker indexed it, with its bindings as the real worker would send them."""

    name: str
    bindings: tuple[dict[str, Any], ...]

    @property
    def function_id(self) -> str:
        """What the blobs extension calls the function, in its webhook's address and in its messages."""
        return f"Host.Functions.{self.name}"

    @property
    def trigger(self) -> dict[str, Any]:
        """The binding that starts the function."""
        return next(binding for binding in self.bindings if str(binding["type"]).lower().endswith("trigger"))


@dataclass(frozen=True, kw_only=True)
class BlobFunction:
    """A function that Event Grid starts when a blob was written."""

    name: str
    function_id: str
    # Name of the app setting with the media account's connection string.
    connection: str


def event_grid_blob_functions(functions: Iterable[AppFunction]) -> dict[str, BlobFunction]:
    """Those of the functions that a blob starts by way of Event Grid, by function id."""
    return {
        function.function_id: BlobFunction(
            name=function.name, function_id=function.function_id, connection=function.trigger["connection"]
        )
        for function in functions
        if function.trigger["type"] == "blobTrigger" and function.trigger.get("source") == "EventGrid"
    }
