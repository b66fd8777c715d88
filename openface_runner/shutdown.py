"""The end of the process: its jobs are called off and leave nothing behind."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from openface_runner.cancellation import Cancellation
from openface_runner.outcomes import ShuttingDown

_log = logging.getLogger(__name__)

PATIENCE = 8.0
"""Seconds that jobs have to end in; ``docker stop`` waits 10 before it kills."""
_REPORTING = 0.5
"""Seconds for the worker to tell the host how the jobs ended; no event says when it has."""
_AGAIN = 1.0
"""Seconds until the process is told again to end, when it hasn't noticed."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SHELL_SIGNAL_BASE = 128


class RunningJobs:
    """The jobs of this process, which can all be called off at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: set[Cancellation] = set()
        self._stopping = False

    @contextmanager
    def job(self) -> Iterator[Cancellation]:
        """One job, for the time of the context.

        Raises:
            ShuttingDown: no job is begun any more.
        """
        job = Cancellation()
        with self._changed:
            if self._stopping:
                raise ShuttingDown
            self._jobs.add(job)
        try:
            yield job
        finally:
            with self._changed:
                self._jobs.remove(job)
                self._changed.notify_all()

    def __len__(self) -> int:
        """How many there are now."""
        return len(self._jobs)

    def stop(self, patience: float = PATIENCE) -> bool:
        """Call all jobs off, begin no more, and wait for their ends; whether all came in time.

        Arguments:
            patience: seconds.
        """
        with self._changed:
            self._stopping = True
            jobs = tuple(self._jobs)
        for job in jobs:
            job.cancel(ShuttingDown())
        deadline = time.monotonic() + patience
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, deadline - time.monotonic())


def stop_on_signals(jobs: RunningJobs, patience: float = PATIENCE) -> None:
    """At SIGTERM and SIGINT, stop the jobs first, and then do what the process would have done without this.

    Only the main thread may set signal handlers; called from another one, this only logs that it can't. A signal that
    the process ignores stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        _log.warning("Not on the main thread, so SIGTERM ends the jobs at once: their next delivery cleans up.")
        return
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    if handled:
        _StopFirst(jobs, patience).install(handled)


class _StopFirst:
    """Stops the jobs from a thread of its own, which learns of a signal through a pipe.

    Python runs a signal's handler when the main thread gets to it. That may be at the end of whatever it does, for a
    signal that comes just before it begins to wait isn't noticed by the wait; so the interpreter is asked to write to
    the pipe at once (``signal.set_wakeup_fd``). An event loop that has asked for this first is woken instead.
    """

    def __init__(self, jobs: RunningJobs, patience: float) -> None:
        self._jobs = jobs
        self._patience = patience
        self._before: dict[int, Any] = {}
        self._told, self._tell = os.pipe()
        os.set_blocking(self._tell, False)
        self._done = False
        self._going_on = False

    def install(self, numbers: list[signal.Signals]) -> None:
        self._before = {number: signal.signal(number, self._handle) for number in numbers}
        other = signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)
        if other != -1:
            signal.set_wakeup_fd(other)
        threading.Thread(target=self._listen, name="shutdown", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # Nothing here may take a lock: the main thread may be holding it.
        if self._done:
            self._going_on = True
            self._go_on(number, frame)
        else:
            with contextlib.suppress(BlockingIOError):
                os.write(self._tell, bytes([number]))

    def _listen(self) -> None:
        while (number := os.read(self._told, 1)[0]) not in self._before:
            pass  # Another signal, of somebody else's.
        self._stop(signal.Signals(number))
        self._done = True
        # A signal handler can only be set on the main thread, so that thread is called once more.
        while not self._going_on:
            os.kill(os.getpid(), number)
            time.sleep(_AGAIN)

    def _stop(self, number: signal.Signals) -> None:
        running = len(self._jobs)
        _log.warning("%s: stopping; %d running jobs go back to the queue.", number.name, running)
        if not self._jobs.stop(self._patience):
            _log.error("Not all jobs ended within %g s. Their next delivery cleans up after them.", self._patience)
        if running:
            time.sleep(_REPORTING)

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        before = self._before[number]
        if callable(before):
            before(number, frame)
            return
        if before is None:
            os._exit(_SHELL_SIGNAL_BASE + number)
        signal.signal(number, before)
        os.kill(os.getpid(), number)
