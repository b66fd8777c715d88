"""How many OpenFace processes run at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from openface_runner.cancellation import Cancellation


class Slots:
    """Places for processes; who finds none waits, until one is free or the work is called off.

    Arguments:
        number: how many there are.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, cancellation: Cancellation) -> Iterator[None]:
        """Hold one for the time of the context.

        Raises:
            Exception: the reason for which the work was called off.
        """
        with cancellation.calling(self._wake), self._changed:
            self._changed.wait_for(lambda: self._free or cancellation.is_cancelled)
            cancellation.check()
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
