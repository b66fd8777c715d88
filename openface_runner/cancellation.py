"""Calling work off: a job whose medium has changed, whose claim is lost, or whose program is about to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancellation:
    """Whether a piece of work is called off, and why; safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reason: Exception | None = None
        self._stops: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether the work is called off."""
        return self._reason is not None

    def cancel(self, reason: Exception) -> None:
        """Call the work off. The first reason stands.

        Arguments:
            reason: what ``check`` raises from now on.
        """
        with self._changed:
            if self._reason is not None:
                return
            self._reason = reason
            stops = tuple(self._stops)
            self._changed.notify_all()
        for stop in stops:
            stop()

    def check(self) -> None:
        """Raise the reason once the work is called off; to be called now and then by whoever does it."""
        if self._reason is not None:
            raise self._reason

    def wait(self, seconds: float) -> None:
        """Wait for so long, and no longer than until the work is called off; then ``check``."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_cancelled, seconds)
        self.check()

    @contextmanager
    def calling(self, stop: Callable[[], None]) -> Iterator[None]:
        """Within the context, have ``stop`` called, from whatever thread, when the work is called off or is already."""
        with self._changed:
            self._stops.append(stop)
            too_late = self.is_cancelled
        try:
            if too_late:
                stop()
            yield
        finally:
            with self._changed:
                self._stops.remove(stop)

    @contextmanager
    def part(self) -> Iterator[Cancellation]:
        """A cancellation for a part of the work, which is called off alone, or with the whole."""
        part = Cancellation()

        def cancel_part() -> None:
            if self._reason is not None:
                part.cancel(self._reason)

        with self.calling(cancel_part):
            yield part
