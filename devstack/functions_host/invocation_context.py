"""The `context` parameter of a function, and whose log line is whose."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import types
import uuid
from typing import NamedTuple

import azure.functions as func


class Invocation(NamedTuple):
    """Which function runs, and which of its runs it is."""

    function: str
    invocation_id: str


# Follows a call into its thread; threads that the app starts itself have none.
current_invocation: contextvars.ContextVar[Invocation | None] = contextvars.ContextVar("invocation", default=None)


class Context(func.Context):
    """What a function may ask about its own run; retries are the queue's, so there are none to tell of here."""

    def __init__(self, invocation: Invocation, function_directory: str) -> None:
        self._invocation = invocation
        self._function_directory = function_directory
        self._thread_local_storage = threading.local()
        self._trace_context = types.SimpleNamespace(
            trace_parent=f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00", trace_state="", attributes={}
        )

    @property
    def invocation_id(self) -> str:
        """The run's id, as in the host's log."""
        return self._invocation.invocation_id

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._invocation.function

    @property
    def function_directory(self) -> str:
        """The folder that holds the function app."""
        return self._function_directory

    @property
    def thread_local_storage(self) -> threading.local:  # type: ignore[override]  # the library means an instance
        """A place where the app may leave the invocation's id for its own threads."""
        return self._thread_local_storage

    @property
    def trace_context(self) -> types.SimpleNamespace:  # type: ignore[override]  # same attributes, no class to make
        """A trace of its own for each run."""
        return self._trace_context

    @property
    def retry_context(self) -> None:  # type: ignore[override]  # as the real worker has it for queues
        """None: blob triggers have no retry policy, and a function isn't told which try it is."""
        return None


class InvocationFormatter(logging.Formatter):
    """Log lines as `func start` prints them, with the function's name and the run's id in front of the message."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s.%(msecs)03dZ] %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The record's line; a traceback is added behind it by the caller."""
        if invocation := current_invocation.get():
            record.message = f"[{invocation.function} {invocation.invocation_id[:8]}] {record.message}"
        return super().formatMessage(record)
