"""Ending child processes so that none stays behind, and saying how one ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal


async def stop(process: asyncio.subprocess.Process, *, grace: float) -> None:
    """End a process that was started in a session of its own, and everything it started in that session.

    Asks with SIGTERM, waits up to `grace` seconds, then kills. Returns when the process is gone; a process that has
    already ended is fine.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace)
    kill_leftovers(process.pid)
    await process.wait()


def kill_leftovers(session: int) -> None:
    """Kill what is left in the process group that a process with this id led; nothing left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)


def how_it_ended(return_code: int) -> str:
    """A process's return code in words: 'exit code 3', or 'killed by SIGKILL' for a negative one."""
    if return_code >= 0:
        return f"exit code {return_code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-return_code).name}"
    return f"killed by signal {-return_code}"
