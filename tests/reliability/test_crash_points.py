"""The process is killed at every step of a job's way: the next delivery ends in the same state, whatever the step was.

A job's way can be seen from storage: whatever it has done and not yet written there is gone with the process. So it is
killed at each of its requests, once before storage hears of it and once after storage has done it, and while OpenFace
runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from openface_runner.outcomes import Outcome
from openface_runner.records import State
from tests.support.bench import Bench
from tests.support.fake_openface import GOOD_IMAGE
from tests.support.fault_report import FAULTS
from tests.support.job_process import LEASE_SECONDS, with_claims_of
from tests.support.process_ends import ends
from tests.support.samples import RECORDINGS
from tests.support.storage_proxy import Predicate, Request, StorageProxy, call

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()
AT_ONCE = 4


@dataclass(frozen=True)
class CrashPoint:
    """Where a process is killed: at a job's request with this number, before or after storage has done it."""

    number: int
    after: bool

    @property
    def medium(self) -> str:
        return f"{self.number:02}-{'after' if self.after else 'before'}.jpg"


def about(medium: str) -> Predicate:
    """Matches the requests about one medium, its record and its result."""
    return lambda request: f"/{medium}" in f"/{request.blob}"


def nth_about(medium: str, number: int) -> Predicate:
    """Matches the request with this number among those about one medium."""
    matches, seen = about(medium), 0

    def predicate(request: Request) -> bool:
        nonlocal seen
        seen += matches(request)
        return matches(request) and seen == number

    return predicate


@contextmanager
def delivery(
    bench: Bench, proxy: StorageProxy, medium: str, *, lease_seconds: int = LEASE_SECONDS
) -> Iterator[subprocess.Popen[str]]:
    """A process with one delivery, its storage behind the proxy."""
    settings = bench.settings(MediaStorage=proxy.connection_string, PROVE_AT_START="false")
    argv = [sys.executable, "-m", "tests.support.job_process", bench.container, medium, str(lease_seconds)]
    environment = {"PATH": os.environ["PATH"], **settings}
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_at(bench: Bench, proxy: StorageProxy, point: CrashPoint) -> None:
    bench.upload(point.medium)
    # Its first request may come before this thread is back from starting it.
    running: Future[subprocess.Popen[str]] = Future()
    killing = call(lambda _: running.result().kill(), after=point.after)
    rule = proxy.when(nth_about(point.medium, point.number), killing)
    with delivery(bench, proxy, point.medium) as process:
        running.set_result(process)
        _, errors = process.communicate()
    assert len(rule.requests) == 1, f"{point} was never reached: {errors}"
    assert process.returncode == -signal.SIGKILL, f"{point}: {errors}"


def requests_of_a_good_job(bench: Bench, proxy: StorageProxy) -> list[Request]:
    bench.upload("good.jpg")
    # With claims so long that it needs no renewal even on a slow machine: its steps are those that every job takes.
    with delivery(bench, proxy, "good.jpg", lease_seconds=60) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    return [request for request in proxy.requests if about("good.jpg")(request)]


@pytest.mark.timeout(300)
@pytest.mark.fault(
    "the app's process is killed (-9) at each of its requests to storage, before and after they take effect",
    "the next delivery ends it: `analysed`, one CSV",
)
def test_whatever_step_a_process_is_killed_at_the_next_delivery_ends_in_the_same_state(
    bench: Bench, proxy: StorageProxy, record_property: Callable[[str, object], None]
) -> None:
    steps = requests_of_a_good_job(bench, proxy)
    points = [CrashPoint(number, after) for number in range(1, len(steps) + 1) for after in (False, True)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda point: kill_at(bench, proxy, point), points))
    # As the host would start it anew; which sweeps the killed ones' folders.
    bench.services = with_claims_of(LEASE_SECONDS, bench.start())
    assert list((bench.folder / "work").iterdir()) == []
    with ThreadPoolExecutor(len(points)) as pool:
        list(pool.map(lambda point: bench.run(point.medium), points))
    for point in points:
        record = bench.record(point.medium)
        assert (record.state, record.outcome, record.error) == (State.ENDED, Outcome.ANALYSED, None), point
        assert record.attempts in (1, 2), point
        assert bench.csv(point.medium) == EXPECTED, point
    assert bench.published() == sorted(["good.jpg", *(point.medium for point in points)])
    record_property(FAULTS, len(points))


@pytest.mark.fault(
    "the app's process is killed (-9) while OpenFace runs", "OpenFace ends, too; the next delivery ends it"
)
def test_a_process_that_is_killed_while_openface_runs_takes_it_along(
    bench: Bench, proxy: StorageProxy, pid_pipe: Path
) -> None:
    bench.program(f'echo $$ > "{pid_pipe}"; exec sleep 1000')
    with delivery(bench, proxy, "face.jpg") as process:
        openface = int(pid_pipe.read_text())
        process.kill()
        process.communicate()
    assert ends(openface)
    assert bench.record().state is State.RUNNING
    bench.program(GOOD_IMAGE)
    bench.services = with_claims_of(LEASE_SECONDS, bench.start())
    bench.run()
    assert (bench.record().outcome, bench.csv()) == (Outcome.ANALYSED, EXPECTED)
    # A first try counts from the first renewal of its claim on: what is noted of a job is written with those.
    assert bench.record().attempts in (1, 2)


@pytest.mark.fault(
    "the app is stopped (SIGTERM, SIGINT) while OpenFace runs", "OpenFace ends, the claim is released, nothing is left"
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_stopped_leaves_nothing_behind_and_its_claim_is_free_at_once(
    bench: Bench, proxy: StorageProxy, pid_pipe: Path, number: signal.Signals
) -> None:
    bench.program(f'trap "" TERM INT; echo $$ > "{pid_pipe}"; sleep 1000')
    with delivery(bench, proxy, "face.jpg") as process:
        openface = int(pid_pipe.read_text())
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode != 0
    assert "The app is being stopped. Nothing to do: the next instance tries it again." in errors
    assert ends(openface)
    assert list((bench.folder / "work").iterdir()) == []
    record = bench.record()
    assert (record.state, record.attempts) == (State.RETRYING, 1)
    assert record.error is not None and record.error.startswith("ShuttingDown: ")
    assert bench.record_blob.get_blob_properties().lease.state == "available"
    bench.program(GOOD_IMAGE)
    bench.run()
    assert (bench.record().outcome, bench.csv()) == (Outcome.ANALYSED, EXPECTED)
