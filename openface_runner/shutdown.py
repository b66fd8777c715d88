"""The end of the process: its jobs are called off and leave nothing behind."""

from __future__ import annotations

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

    Only the main thread may set signal handlers; called from another one, this only logs that it can't.
    """
    if threading.current_thread() is not threading.main_thread():
        _log.warning("Not on the main thread, so SIGTERM ends the jobs at once: their next delivery cleans up.")
        return
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            _StopFirst(jobs, number, patience).install()


class _StopFirst:
    def __init__(self, jobs: RunningJobs, number: signal.Signals, patience: float) -> None:
        self._jobs = jobs
        self._number = number
        self._patience = patience
        self._before: Any = signal.getsignal(number)
        self._begun = False
        self._done = threading.Event()

    def install(self) -> None:
        signal.signal(self._number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._done.is_set():
            self._go_on(number, frame)
        elif not self._begun:
            self._begun = True
            # In a thread: this one may be the worker's event loop, which still has the ends of the jobs to report.
            threading.Thread(target=self._stop, name="shutdown", daemon=True).start()

    def _stop(self) -> None:
        running = len(self._jobs)
        _log.warning("%s: stopping; %d running jobs go back to the queue.", self._number.name, running)
        if not self._jobs.stop(self._patience):
            _log.error("Not all jobs ended within %g s. Their next delivery cleans up after them.", self._patience)
        if running:
            time.sleep(_REPORTING)
        # A signal handler can only be set on the main thread, so that thread is called once more.
        self._done.set()
        os.kill(os.getpid(), self._number)

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._before):
            self._before(number, frame)
            return
        if self._before is None:
            os._exit(_SHELL_SIGNAL_BASE + number)
        signal.signal(number, self._before)
        os.kill(os.getpid(), number)
