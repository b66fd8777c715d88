"""OpenFace in use: run it on a medium, and turn what it proved into a verdict."""

from __future__ import annotations

import errno
import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from openface_runner.openface import columns, command, cures, process, verification
from openface_runner.openface.command import Options
from openface_runner.openface.installation import Installation, Program
from openface_runner.openface.verification import Expectation, FramePromise, NotDone, Suspect
from openface_runner.outcomes import BrokenInstallation, DiskFull, InternalFault, KilledFromOutside, Outcome, Verdict

_SAMPLES = {Program.IMAGE: "face.jpg", Program.VIDEO: "face.mp4"}
"""Media on which runs of the real OpenFace were recorded; public domain (NASA)."""
_SAMPLE_FRAMES = 75
_LEAST_FREE = 32 * 1024**2
"""Bytes: with less room than this left, a failed run is blamed on the disk and not on the medium."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One medium to measure."""

    program: Program
    path: Path
    """Absolute, and named by this program: OpenFace gets it as it is."""
    options: Options
    promise: FramePromise | None = None
    """For videos."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What OpenFace made of a medium."""

    verdict: Verdict
    csv: Path | None
    """The checked CSV; only when the verdict is ``analysed``."""
    seconds: float
    """Wall time of the OpenFace process."""


class OpenFace:
    """An installation in use, by at most ``processes`` processes at once; safe to share between threads.

    Arguments:
        installation: as found and checked by ``installation.find``.
        processes: how many OpenFace processes may run at once; further calls wait.
        time_limits: seconds that a process may take, by program.
    """

    def __init__(self, installation: Installation, *, processes: int, time_limits: Mapping[Program, float]) -> None:
        self._installation = installation
        self._slots = threading.BoundedSemaphore(processes)
        self._time_limits = dict(time_limits)
        self._processes = process.Processes()

    @property
    def installation(self) -> Installation:
        """The programs, the model and the engine in use."""
        return self._installation

    def stop(self) -> None:
        """Kill all OpenFace processes that are running and start no more, for a program that is about to end."""
        self._processes.stop()

    def measure(self, task: Task, out_dir: Path) -> Measurement:
        """Measure one medium.

        Arguments:
            out_dir: an absolute path that doesn't exist yet; OpenFace's outputs stay there.

        Raises:
            BrokenInstallation: it is the installation that fails, not the medium.
            KilledFromOutside, DiskFull, InternalFault: another try may help.
        """
        finished, finding = self._run(task, out_dir)
        if isinstance(finding, Suspect):
            self._check_room(out_dir)
            self.prove([task.program], because=finding.reason)
            finding = Verdict(
                outcome=Outcome.CRASHED,
                message=f"OpenFace failed on this file ({finding.reason}); on a known-good sample it still works.",
            )
        analysed = finding.outcome is Outcome.ANALYSED
        return Measurement(
            verdict=finding,
            csv=verification.csv_of(out_dir, task.path) if analysed else None,
            seconds=finished.seconds,
        )

    def prove(self, programs: Iterable[Program] = tuple(Program), *, because: str = "") -> dict[Program, Measurement]:
        """Run programs on known-good samples; their measurements.

        Arguments:
            because: what went wrong with a medium before, for the error.

        Raises:
            BrokenInstallation: with what is wrong with each of the programs, and what to do.
            KilledFromOutside: that would prove nothing.
        """
        proofs: dict[Program, Measurement] = {}
        findings, failed = [], []
        for program in programs:
            try:
                proofs[program] = self._measure_sample(program)
            except BrokenInstallation as error:
                failed.append(program)
                findings += [f"{program}: {finding}" for finding in error.findings or (error.summary,)]
        if failed:
            findings += [f"before that, on a medium: {because}"] if because else []
            raise BrokenInstallation(f"OpenFace doesn't work on known-good samples ({' and '.join(failed)}):", findings)
        return proofs

    def _measure_sample(self, program: Program) -> Measurement:
        sample = resources.files(__package__) / "samples" / _SAMPLES[program]
        with resources.as_file(sample) as path, tempfile.TemporaryDirectory(prefix="openface-sample-") as folder:
            finished, finding = self._run(_sample_task(program, path.resolve()), Path(folder).resolve() / "out")
        if isinstance(finding, Suspect):
            raise BrokenInstallation("It failed:", [f"{finding.reason}: {cures.for_death(finished)}"])
        if finding.outcome is Outcome.TIMED_OUT:
            raise BrokenInstallation("It hung:", [f"{finding.message} {cures.HANGS.capitalize()}."])
        if finding.outcome is not Outcome.ANALYSED:
            raise BrokenInstallation("It finds nothing:", [f"{finding.message} {cures.BY_HAND.capitalize()}."])
        return Measurement(verdict=finding, csv=None, seconds=finished.seconds)

    def _run(self, task: Task, out_dir: Path) -> tuple[process.Finished, Verdict | Suspect]:
        argv = command.build(self._installation, task.program, [task.path], out_dir, task.options)
        time_limit = self._time_limits[task.program]
        with self._slots:
            finished = self._start(argv, out_dir.parent, time_limit)
        expected = Expectation(
            columns=columns.required(task.program, task.options.groups, self._installation.engine),
            time_limit=time_limit,
        )
        return finished, _judge(task, finished, out_dir, expected)

    def _start(self, argv: list[str], cwd: Path, time_limit: float) -> process.Finished:
        try:
            return self._processes.run(argv, cwd=cwd, time_limit=time_limit)
        except process.Stopped:
            raise KilledFromOutside("The program is about to end and starts no OpenFace any more.") from None
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                finding = f"{error.strerror}: {cures.OTHER_PROCESSOR}"
            elif error.errno in (errno.ENOENT, errno.EACCES):
                finding = f"{error.strerror}: {cures.BY_HAND}"
            else:
                raise
            raise BrokenInstallation(f"{argv[0]} can't be started:", [finding]) from error

    def _check_room(self, out_dir: Path) -> None:
        free = shutil.disk_usage(out_dir.parent).free
        if free < _LEAST_FREE:
            raise DiskFull(
                f"OpenFace failed with only {free:,} bytes left on the disk of the working folder: make room, or set "
                "WORK_DIR to a larger disk."
            )


def _sample_task(program: Program, path: Path) -> Task:
    promise = FramePromise(frames=_SAMPLE_FRAMES, count=_no_recount)
    return Task(program=program, path=path, options=Options(), promise=promise)


@dataclass(frozen=True)
class _SampleCount:
    frames: int = _SAMPLE_FRAMES
    damaged: bool = False


def _no_recount() -> _SampleCount:
    return _SampleCount()


def _judge(task: Task, finished: process.Finished, out_dir: Path, expected: Expectation) -> Verdict | Suspect:
    if task.program is Program.VIDEO:
        if task.promise is None:
            raise InternalFault(f"A video task without a frame promise: {task.path.name}")
        return verification.judge_video(finished, task.path, out_dir, expected, task.promise)
    (finding,) = verification.judge_images(finished, [task.path], out_dir, expected)
    if isinstance(finding, NotDone):
        raise InternalFault(f"OpenFace never came to {task.path.name}, the only medium of its run")
    return finding
