"""Run programs with limits, keep the end of what they say, and leave nothing of them behind."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from openface_runner.cancellation import Cancellation

_KEPT = 256 * 1024
"""Bytes kept of each output stream, from its end: a real run writes a few thousand, a runaway one without bound."""
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
"""Environment variables that the program gets: the app's own hold connection strings, none of its business."""
_SHELL_SIGNAL_BASE = 128
_GUARD = ("/bin/sh", "-c", "read -r _; kill -KILL 0")
"""Waits for the end of its standard input, a pipe of ours, and then kills its process group, itself included."""
_FIRST_TO_GO = "500"
"""Of 1000. Short of memory, the kernel shall end an OpenFace and not this process with all its jobs."""


@dataclass(frozen=True, kw_only=True)
class ProcessLimits:
    """What a program may use."""

    wall: float
    """Seconds until its whole process group is killed."""
    cpu: int
    """Seconds of processor time, over all its threads, until it gets SIGXCPU. Linux only."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A look at what a program has done so far, now and then while it runs."""

    every: float
    """Seconds between two looks."""
    look: Callable[[], bool]
    """Whether the program has begun something that has a wall time of its own. What it raises ends the run."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A process that has ended."""

    returncode: int
    """As Python reports it: negative for a signal."""
    timed_out: bool
    """Whether it was our own kill, at the wall time's limit."""
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

    @property
    def used_up_cpu(self) -> bool:
        """Whether it was ended because of its processor time."""
        return self.signal is signal.SIGXCPU

    @property
    def over_limit(self) -> bool:
        """Whether one of its limits ended it."""
        return self.timed_out or self.used_up_cpu


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    limits: ProcessLimits,
    cancellation: Cancellation,
    watch: Watch | None = None,
) -> Finished:
    """Run a program to its end, and leave nothing of it behind, not even when this process is killed.

    Arguments:
        argv: the program's absolute path and its arguments.
        cwd: its working directory.
        cancellation: kills the program, with all that it has started, when the work is called off.
        watch: looks at it from this thread while it runs.

    Raises:
        OSError: the program can't be started.
        Exception: the reason for which the work was called off.
    """
    cancellation.check()
    started = time.monotonic()
    with ExitStack() as cleanup:
        kill = partial(_kill, cleanup.enter_context(_guarded_group()))
        process = cleanup.enter_context(_start(argv, cwd, kill.args[0]))
        cleanup.callback(kill)
        assert process.stdout is not None and process.stderr is not None  # noqa: S101 - PIPE was asked for
        outputs = [_Tail(process.stdout), _Tail(process.stderr)]
        try:
            with cancellation.calling(kill):
                _limit(process.pid, limits)
                timed_out = not _ends(process, limits.wall, watch)
        finally:
            # Also at the good end: what a program leaves running would hold the pipes, and would outlive its job.
            kill()
            process.wait()
            # Also when something was raised: what is closed next must have no reader any more.
            stdout, stderr = (output.text() for output in outputs)
    cancellation.check()
    return Finished(
        returncode=process.returncode,
        timed_out=timed_out,
        seconds=time.monotonic() - started,
        stdout=stdout,
        stderr=stderr,
    )


@contextmanager
def _guarded_group() -> Iterator[int]:
    """A process group that ends with this process, whatever way that ends; its leader does nothing else.

    The leader is reaped last, so that the group's number can't be another's as long as it is used here.
    """
    with subprocess.Popen(  # noqa: S603 - a constant
        _GUARD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, process_group=0
    ) as guard:
        try:
            yield guard.pid
        finally:
            _kill(guard.pid)


def _start(argv: Sequence[str], cwd: Path, group: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a list built by command.py; nothing in it comes from outside
        argv,
        cwd=cwd,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Joined by the child itself before it becomes the program: were this process killed right now, there would
        # be no group to join, and no program.
        process_group=group,
    )


def _ends(process: subprocess.Popen[bytes], wall: float, watch: Watch | None) -> bool:
    """Whether the process ends by itself within its wall time, which may begin anew on the way."""
    # Popen.wait with a time limit sleeps and looks again and again; without one, it is woken.
    waiter = threading.Thread(target=process.wait, daemon=True)
    waiter.start()
    deadline = time.monotonic() + wall
    while True:
        left = deadline - time.monotonic()
        waiter.join(max(0, min(left, watch.every) if watch else left))
        if not waiter.is_alive():
            return True
        if watch and watch.look():
            deadline = time.monotonic() + wall
        if time.monotonic() >= deadline:
            return False


def _limit(pid: int, limits: ProcessLimits) -> None:
    # From outside, since code between fork and exec isn't safe in a process with threads. It has ended, perhaps.
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        if hasattr(resource, "prlimit"):
            _, most = resource.prlimit(pid, resource.RLIMIT_CPU)
            soft = limits.cpu if most == resource.RLIM_INFINITY else min(limits.cpu, most)
            resource.prlimit(pid, resource.RLIMIT_CPU, (soft, most))
            # What has ended and isn't reaped yet is root's, in /proc.
            with contextlib.suppress(PermissionError):
                Path(f"/proc/{pid}/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


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
