"""Programs under limits: what is kept of them, what they get to see, and that nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from openface_runner.cancellation import Cancellation
from openface_runner.openface.process import ProcessLimits, Watch, run
from openface_runner.outcomes import ShuttingDown
from tests.support.process_ends import ends

ROOT = Path(__file__).resolve().parents[2]
GENEROUS = ProcessLimits(wall=600, cpu=600)


def test_a_flood_of_messages_is_not_kept(tmp_path: Path) -> None:
    program = tmp_path / "flood"
    program.write_text("#!/bin/sh\nhead -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo the end\n")
    program.chmod(0o755)
    finished = run([str(program)], cwd=tmp_path, limits=GENEROUS, cancellation=Cancellation())
    assert finished.stdout.endswith("the end\n")
    assert len(finished.stdout) <= 256 * 1024


def test_the_apps_secrets_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MediaStorage", "AccountKey=secret")
    finished = run(["/usr/bin/env"], cwd=tmp_path, limits=GENEROUS, cancellation=Cancellation())
    assert "secret" not in finished.stdout
    assert "LC_ALL=C" in finished.stdout


def test_a_program_ends_when_its_work_is_called_off_and_the_reason_is_raised(tmp_path: Path, pid_pipe: Path) -> None:
    cancellation = Cancellation()
    raised: list[BaseException] = []

    def work() -> None:
        argv = ["/bin/sh", "-c", f'echo $$ > "{pid_pipe}"; exec sleep 1000']
        try:
            run(argv, cwd=tmp_path, limits=GENEROUS, cancellation=cancellation)
        except ShuttingDown as reason:
            raised.append(reason)

    thread = threading.Thread(target=work)
    thread.start()
    pid = int(pid_pipe.read_text())
    reason = ShuttingDown()
    cancellation.cancel(reason)
    thread.join()
    assert raised == [reason]
    assert ends(pid)


def test_nothing_is_started_for_work_that_was_called_off_before(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel(ShuttingDown())
    with pytest.raises(ShuttingDown):
        run(["/usr/bin/touch", "started"], cwd=tmp_path, limits=GENEROUS, cancellation=cancellation)
    assert not (tmp_path / "started").exists()


def test_a_wall_time_begins_anew_with_each_thing_that_the_program_begins(tmp_path: Path) -> None:
    # It ends after the third look, when more than its wall time is over.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    looks = iter([True, True, True])

    def look() -> bool:
        if next(looks, None):
            return True
        with suppress(OSError):  # it doesn't read yet, or any more
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return True

    finished = run(
        ["/bin/cat", str(pipe)],
        cwd=tmp_path,
        limits=ProcessLimits(wall=0.2, cpu=600),
        cancellation=Cancellation(),
        watch=Watch(every=0.1, look=look),
    )
    assert (finished.returncode, finished.timed_out) == (0, False)


def test_a_wall_time_ends_a_program_that_begins_nothing(tmp_path: Path) -> None:
    finished = run(
        ["/bin/sleep", "1000"],
        cwd=tmp_path,
        limits=ProcessLimits(wall=0.2, cpu=600),
        cancellation=Cancellation(),
        watch=Watch(every=0.05, look=lambda: False),
    )
    assert finished.timed_out


@pytest.mark.fault("the app's process is killed (-9) while OpenFace runs", "no OpenFace is left running")
@pytest.mark.parametrize("ignoring", ["", "trap '' TERM INT HUP; "], ids=["", "that ignores signals"])
def test_a_program_does_not_outlive_this_process_even_when_that_is_killed(
    tmp_path: Path, pid_pipe: Path, ignoring: str
) -> None:
    argv = ["/bin/sh", "-c", f'{ignoring}sleep 1000 & echo $! $$ > "{pid_pipe}"; wait']
    code = f"""
from pathlib import Path
from openface_runner.cancellation import Cancellation
from openface_runner.openface.process import ProcessLimits, Watch, run
run({argv!r}, cwd=Path({str(tmp_path)!r}), limits=ProcessLimits(wall=600, cpu=600), cancellation=Cancellation())
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as parent:
        child, grandchild = map(int, pid_pipe.read_text().split())
        parent.kill()
    assert parent.returncode == -signal.SIGKILL
    assert ends(child)
    assert ends(grandchild)
