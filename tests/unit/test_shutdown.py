"""The end of the process, by real signals to a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from openface_runner.outcomes import ShuttingDown
from openface_runner.shutdown import RunningJobs

ROOT = Path(__file__).resolve().parents[2]
JOB = """
import asyncio, signal, sys, threading
from openface_runner.outcomes import ShuttingDown
from openface_runner.shutdown import RunningJobs, stop_on_signals

def work():
    with jobs.job() as job:
        print("working", flush=True)
        try:
            job.wait(1_000_000)
        except ShuttingDown:
            print("called off", flush=True)
"""
PROGRAM = (
    JOB
    + """
{before}
jobs = RunningJobs()
stop_on_signals(jobs, patience={patience})
threading.Thread(target={target}, daemon=True).start()
{main}
"""
)


def run(
    *, signals: list[signal.Signals], before: str = "", target: str = "work", patience: float = 60, main: str = ""
) -> tuple[int, str]:
    """The exit code and the output of a program that is sent these signals as soon as it works."""
    code = PROGRAM.format(before=before, target=target, patience=patience, main=main or "threading.Event().wait()")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        for number in signals:
            process.send_signal(number)
        rest = process.stdout.read()
    return process.returncode, rest


def test_jobs_are_called_off_and_then_the_process_ends_as_it_would_have() -> None:
    assert run(signals=[signal.SIGTERM]) == (-signal.SIGTERM, "called off\n")


def test_a_second_signal_does_not_cut_the_jobs_ends_short() -> None:
    assert run(signals=[signal.SIGTERM, signal.SIGTERM]) == (-signal.SIGTERM, "called off\n")


def test_ctrl_c_still_raises_in_the_main_thread_afterwards() -> None:
    main = """
try:
    threading.Event().wait()
except KeyboardInterrupt:
    print("interrupted")
"""
    assert run(signals=[signal.SIGINT], main=main) == (0, "called off\ninterrupted\n")


def test_an_event_loop_on_the_main_thread_goes_on_until_the_jobs_have_ended() -> None:
    main = """
async def serve():
    await asyncio.to_thread(work)
    print("reported", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""
    code, output = run(signals=[signal.SIGTERM], target="str", main=main)
    assert (code, "called off\nreported\n") == (-signal.SIGTERM, output)


def test_a_main_thread_that_does_not_come_to_handle_signals_holds_nothing_up() -> None:
    """It is in a call that no signal interrupts, as it is for an instant whenever it begins to wait."""
    before = """
import hashlib
# From here on, another thread runs only when this one waits or computes outside of the interpreter.
sys.setswitchinterval(1_000_000)
computing = threading.Event()

def work_when_it_computes():
    computing.wait()
    work()
"""
    main = "computing.set(); hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
    code = PROGRAM.format(before=before, target="work_when_it_computes", patience=60, main=main)
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(signal.SIGTERM)
        try:
            assert process.stdout.readline() == "called off\n"
        finally:
            process.kill()


def test_a_signal_that_the_process_ignores_stays_ignored() -> None:
    before = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    assert run(signals=[signal.SIGINT, signal.SIGTERM], before=before) == (-signal.SIGTERM, "called off\n")


def test_an_event_loop_that_asked_for_signals_first_keeps_them() -> None:
    main = """
async def serve():
    own = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, own.set)
    stop_on_signals(jobs)
    signal.raise_signal(signal.SIGUSR1)
    await own.wait()
    await asyncio.to_thread(work)
    await asyncio.Event().wait()

asyncio.run(serve())
"""
    code = f"{JOB}\njobs = RunningJobs()\n{main}"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "called off\n"
    assert process.returncode == -signal.SIGTERM


def test_a_handler_of_the_program_itself_is_called_afterwards() -> None:
    before = 'signal.signal(signal.SIGTERM, lambda number, _: sys.exit(f"{number.__index__()}"))'
    assert run(signals=[signal.SIGTERM], before=before) == (1, "called off\n")


def test_a_job_that_does_not_end_is_not_waited_for_without_bound() -> None:
    stubborn = """
def stubborn():
    with jobs.job():
        print("working", flush=True)
        threading.Event().wait()
"""
    assert run(signals=[signal.SIGTERM], before=stubborn, target="stubborn", patience=0.1) == (-signal.SIGTERM, "")


def test_no_job_begins_any_more() -> None:
    jobs = RunningJobs()
    with jobs.job() as job:
        threading.Thread(target=jobs.stop).start()
        with pytest.raises(ShuttingDown, match="the next instance tries it again"):
            job.wait(1_000_000)
        with pytest.raises(ShuttingDown), jobs.job():
            pass
    assert jobs.stop()
