"""Run programs in process groups of their own, with a time limit, and keep the end of what they say."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_KEPT = 256 * 1024
"""Bytes kept of each output stream, from its end: a real run writes a few thousand, a runaway one without bound."""
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
"""Environment variables that the program gets: the app's own hold connection strings, none of its business."""
_SHELL_SIGNAL_BASE = 128


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A process that has ended."""

    returncode: int
    """As Python reports it: negative for a signal."""
    timed_out: bool
    """Whether it was our own kill, at the time limit."""
    seconds: float
    stdout: str
    """The last 256 KiB, bytes that aren't UTF-8 replaced."""
    stderr: str

    @property
    def signal(self) -> signal.Signals | None:
        """The signal that ended the program, also where a shell or loader in between reports it as 128 + signal."""
        number = -self.returncode if self.returncode < 0 else self.returncode - _SHELL_SIGNAL_BASE
        try:
            return signal.Signals(number)
        except ValueError:
            return None


class Stopped(Exception):
    """No further program is started: ``Processes.stop`` was called."""


class Processes:
    """Runs programs, each in a process group of its own, from any number of threads; can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._stopped = False

    def run(self, argv: Sequence[str], *, cwd: Path, time_limit: float) -> Finished:
        """Run a program to its end, and leave nothing of it behind.

        Arguments:
            argv: the program's absolute path and its arguments.
            cwd: its working directory.
            time_limit: seconds until the whole process group is killed.

        Raises:
            OSError: the program can't be started.
            Stopped: it is too late to start one.
        """
        started = time.monotonic()
        timed_out = False
        with self._start(argv, cwd) as process:
            assert process.stdout is not None and process.stderr is not None  # noqa: S101 - PIPE was asked for
            outputs = [_Tail(process.stdout), _Tail(process.stderr)]
            try:
                process.wait(time_limit)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                # Also at the good end: what a program leaves running would hold the pipes, and would outlive its job.
                self._end(process.pid)
                process.wait()
            stdout, stderr = (output.text() for output in outputs)
        return Finished(
            returncode=process.returncode,
            timed_out=timed_out,
            seconds=time.monotonic() - started,
            stdout=stdout,
            stderr=stderr,
        )

    def stop(self) -> None:
        """Kill all that is running and start no more; the calls of ``run`` return as for a kill from outside."""
        with self._lock:
            self._stopped = True
            for group in self._groups:
                _kill(group)

    def _start(self, argv: Sequence[str], cwd: Path) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C"}
        # Started under the lock, so that no group can be running that stop() doesn't know of.
        with self._lock:
            if self._stopped:
                raise Stopped
            process = subprocess.Popen(  # noqa: S603 - a list built by command.py; nothing in it comes from outside
                argv,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._groups.add(process.pid)
        return process

    def _end(self, group: int) -> None:
        with self._lock:
            self._groups.discard(group)
            _kill(group)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class _Tail:
    """Reads a stream to its end, in a thread, and keeps its last bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = bytearray()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        descriptor = self._stream.fileno()
        while chunk := os.read(descriptor, 64 * 1024):
            self._kept += chunk
            del self._kept[:-_KEPT]

    def text(self) -> str:
        self._thread.join()
        return self._kept.decode("utf-8", "replace")
