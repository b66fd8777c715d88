"""No process stays behind, whatever it does about SIGTERM."""

from __future__ import annotations

import asyncio
import sys

import pytest

from devstack import processes

STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print("started", flush=True)
signal.pause()
"""


def test_a_process_that_ignores_sigterm_is_killed_with_its_children() -> None:
    async def stop_it() -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STUBBORN, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await processes.stop(process, grace=0.1)
        # Ends only when the child, which holds it too, is gone.
        await process.stdout.read()
        return process.returncode

    assert asyncio.run(stop_it()) == -9


def test_a_process_that_has_ended_already_is_fine() -> None:
    async def stop_it() -> int | None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", start_new_session=True)
        await process.wait()
        await processes.stop(process, grace=0.1)
        return process.returncode

    assert asyncio.run(stop_it()) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-200, "killed by signal 200")],
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert processes.how_it_ended(code) == words
