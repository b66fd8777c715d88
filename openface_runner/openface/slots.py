"""How many OpenFace processes run at once, and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openface_runner.cancellation import Cancellation
from openface_runner.openface.installation import Program
from openface_runner.outcomes import Overloaded


class Slot:
    """A place for one process, from the asking for it to the giving back."""

    def __init__(self, slots: Slots, program: Program, granted: Callable[[Slot], None]) -> None:
        self._slots = slots
        self.program = program
        self.granted = granted

    def close(self) -> None:
        """Give it back, or ask no more for it; the second time does nothing."""
        self._slots.give_back(self)


class Slots:
    """Places for processes, first come, first served.

    With one exception: a program of which no process runs may start one beyond the number. Else a long video would
    keep all images waiting for an hour on one core, and a thousand images a video. So ``number + 1`` processes run
    for a while at most: the app's memory has to have room for one more.

    Arguments:
        number: how many there are.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._lock = threading.Lock()
        self._waiting: list[Slot] = []
        self._running: list[Slot] = []

    def ask(self, program: Program, granted: Callable[[Slot], None]) -> Slot:
        """Ask for a slot.

        Arguments:
            granted: called with the slot once it may be used, in whatever thread brought that about, perhaps before
                this returns. It must not wait for anything.
        """
        slot = Slot(self, program, granted)
        with self._lock:
            self._waiting.append(slot)
        self._grant()
        return slot

    def give_back(self, slot: Slot) -> None:
        """What ``Slot.close`` does."""
        with self._lock:
            for slots in (self._waiting, self._running):
                if slot in slots:
                    slots.remove(slot)
        self._grant()

    def within_reach(self, program: Program) -> int:
        """How many processes of a program can be running at once as long as the other's go on, at least 1."""
        with self._lock:
            others = sum(slot.program is not program for slot in self._running)
        return max(1, self.number - others)

    @contextmanager
    def taken(self, program: Program, cancellation: Cancellation, *, patience: float) -> Iterator[float]:
        """Hold a slot for the time of the context; the seconds that it took to get it.

        Arguments:
            patience: seconds that the wait may take.

        Raises:
            Overloaded: it took longer.
            Exception: the reason for which the work was called off.
        """
        started = time.monotonic()
        over = threading.Event()
        slot = self.ask(program, lambda _: over.set())
        try:
            with cancellation.calling(over.set):
                if not over.wait(patience):
                    raise Overloaded.after(patience)
            cancellation.check()
            yield time.monotonic() - started
        finally:
            slot.close()

    def _grant(self) -> None:
        granted = []
        with self._lock:
            for slot in tuple(self._waiting):
                if self._may_run(slot):
                    self._waiting.remove(slot)
                    self._running.append(slot)
                    granted.append(slot)
        for slot in granted:
            slot.granted(slot)

    def _may_run(self, slot: Slot) -> bool:
        if len(self._running) < self.number:
            return True
        is_first = all(running.program is not slot.program for running in self._running)
        return is_first and len(self._running) == self.number
