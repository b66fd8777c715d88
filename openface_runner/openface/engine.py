"""OpenFace in use: run it on a medium, and turn what it proved into a verdict."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from openface_runner.cancellation import Cancellation
from openface_runner.openface import columns, command, cures, process, verification
from openface_runner.openface.command import Options
from openface_runner.openface.installation import Installation, Program
from openface_runner.openface.slots import Slots
from openface_runner.openface.verification import Expectation, FramePromise, NotDone, Suspect
from openface_runner.outcomes import BrokenInstallation, DiskFull, InternalFault, Outcome, Verdict
from openface_runner.workspace import Workspace

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
        limits: what a process may use, by program.
        workspace: where OpenFace's outputs for the known-good samples go.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        processes: int,
        limits: Mapping[Program, process.ProcessLimits],
        workspace: Workspace,
    ) -> None:
        self._installation = installation
        self._slots = Slots(processes)
        self._limits = dict(limits)
        self._workspace = workspace

    @property
    def installation(self) -> Installation:
        """The programs, the model and the engine in use."""
        return self._installation

    def measure(self, task: Task, out_dir: Path, cancellation: Cancellation) -> Measurement:
        """Measure one medium.

        Arguments:
            out_dir: an absolute path that doesn't exist yet; OpenFace's outputs stay there.
            cancellation: ends the wait for a free process, and OpenFace itself.

        Raises:
            BrokenInstallation: it is the installation that fails, not the medium.
            KilledFromOutside, DiskFull, InternalFault: another try may help.
            Exception: the reason for which the work was called off.
        """
        finished, finding = self._run(task, out_dir, cancellation)
        if isinstance(finding, Suspect):
            self._check_room()
            self.prove([task.program], cancellation, because=finding.reason)
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

    def prove(
        self, programs: Iterable[Program], cancellation: Cancellation, *, because: str = ""
    ) -> dict[Program, Measurement]:
        """Run programs on known-good samples; their measurements.

        Arguments:
            cancellation: ends the wait for a free process, and OpenFace itself.
            because: what went wrong with a medium before, for the error.

        Raises:
            BrokenInstallation: with what is wrong with each of the programs, and what to do.
            KilledFromOutside: that would prove nothing.
        """
        proofs: dict[Program, Measurement] = {}
        findings, failed = [], []
        for program in programs:
            try:
                proofs[program] = self._measure_sample(program, cancellation)
            except BrokenInstallation as error:
                failed.append(program)
                findings += [f"{program}: {finding}" for finding in error.findings or (error.summary,)]
        if failed:
            findings += [f"before that, on a medium: {because}"] if because else []
            raise BrokenInstallation(f"OpenFace doesn't work on known-good samples ({' and '.join(failed)}):", findings)
        return proofs

    def _measure_sample(self, program: Program, cancellation: Cancellation) -> Measurement:
        sample = resources.files(__package__) / "samples" / _SAMPLES[program]
        with resources.as_file(sample) as path, self._workspace.folder() as folder:
            finished, finding = self._run(_sample_task(program, path.resolve()), folder / "out", cancellation)
        if isinstance(finding, Suspect):
            raise BrokenInstallation("It failed:", [f"{finding.reason}: {cures.for_death(finished)}"])
        if finding.outcome is Outcome.TIMED_OUT:
            raise BrokenInstallation("It hung:", [f"{finding.message} {cures.HANGS.capitalize()}."])
        if finding.outcome is not Outcome.ANALYSED:
            raise BrokenInstallation("It finds nothing:", [f"{finding.message} {cures.BY_HAND.capitalize()}."])
        return Measurement(verdict=finding, csv=None, seconds=finished.seconds)

    def _run(self, task: Task, out_dir: Path, cancellation: Cancellation) -> tuple[process.Finished, Verdict | Suspect]:
        argv = command.build(self._installation, task.program, [task.path], out_dir, task.options)
        limits = self._limits[task.program]
        with self._slots.taken(cancellation):
            finished = _start(argv, out_dir.parent, limits, cancellation)
        expected = Expectation(
            columns=columns.required(task.program, task.options.groups, self._installation.engine),
            limits=limits,
        )
        return finished, _judge(task, finished, out_dir, expected)

    def _check_room(self) -> None:
        free = self._workspace.free
        if free < _LEAST_FREE:
            raise DiskFull(f"OpenFace failed with only {free:,} bytes left on the disk of the working folder.")


def _start(argv: list[str], cwd: Path, limits: process.ProcessLimits, cancellation: Cancellation) -> process.Finished:
    try:
        return process.run(argv, cwd=cwd, limits=limits, cancellation=cancellation)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            finding = f"{error.strerror}: {cures.OTHER_PROCESSOR}"
        elif error.errno in (errno.ENOENT, errno.EACCES):
            finding = f"{error.strerror}: {cures.BY_HAND}"
        else:
            raise
        raise BrokenInstallation(f"{argv[0]} can't be started:", [finding]) from error


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
