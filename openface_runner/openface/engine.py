"""OpenFace in use: run it on a medium, and turn what it proved into a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from openface_runner.cancellation import Cancellation
from openface_runner.openface import cures, verification
from openface_runner.openface.batches import Arrival, Batcher
from openface_runner.openface.command import Options
from openface_runner.openface.installation import Installation, Program
from openface_runner.openface.process import Finished, ProcessLimits
from openface_runner.openface.runs import Runs
from openface_runner.openface.slots import Slots
from openface_runner.openface.tasks import Measurement, Ran, Task
from openface_runner.openface.verification import FramePromise, NotDone, Suspect
from openface_runner.outcomes import BrokenInstallation, DiskFull, InternalFault, Outcome, Verdict
from openface_runner.workspace import Workspace

_SAMPLES = {Program.IMAGE: "face.jpg", Program.VIDEO: "face.mp4"}
"""Media on which runs of the real OpenFace were recorded; public domain (NASA)."""
_SAMPLE_FRAMES = 75
_LEAST_FREE = 32 * 1024**2
"""Bytes: with less room than this left, a failed run is blamed on the disk and not on the medium."""


class OpenFace:
    """An installation in use, by so many processes at once; safe to share between threads.

    Arguments:
        installation: as found and checked by ``installation.find``.
        processes: how many OpenFace processes may run at once, and one more (``Slots``); further calls wait.
        limits: what a process may use for one medium, by program.
        workspace: where OpenFace's outputs for the known-good samples, and images that share a run, go.
        patience: seconds that a medium may wait for a process.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        processes: int,
        limits: Mapping[Program, ProcessLimits],
        workspace: Workspace,
        patience: float,
    ) -> None:
        self._runs = Runs(installation, limits)
        self._slots = Slots(processes)
        self._workspace = workspace
        self._patience = patience
        self._images = Batcher(self._runs, self._slots, workspace, patience=patience)

    @property
    def installation(self) -> Installation:
        """The programs, the model and the engine in use."""
        return self._runs.installation

    def expecting_image(self) -> AbstractContextManager[Arrival]:
        """Announce, for the time of the context, that an image may come, so that others wait for it a little."""
        return self._images.expecting()

    def measure(
        self,
        task: Task,
        out_dir: Path,
        cancellation: Cancellation,
        *,
        arrival: Arrival | None = None,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Measurement:
        """Measure one medium; images that come at the same time share a process.

        Arguments:
            out_dir: an absolute path in a folder of the workspace that doesn't exist yet; OpenFace's outputs stay
                there.
            cancellation: ends the wait for a free process, and OpenFace itself where no other medium needs it.
            arrival: of an image that was announced.
            on_progress: called every few seconds, in the calling thread, with the share of a video's frames that are
                measured, 0 to 1, when it has grown.

        Raises:
            BrokenInstallation: it is the installation that fails, not the medium.
            KilledFromOutside, Overloaded, DiskFull, InternalFault: another try may help.
            Exception: the reason for which the work was called off.
        """
        if task.program is Program.IMAGE:
            ran = self._images.measure(task, out_dir, cancellation, arrival)
        else:
            ran = self._measure_video(task, out_dir, cancellation, on_progress)
        verdict = ran.finding
        if isinstance(verdict, Suspect):
            self._check_room()
            self.prove([task.program], cancellation, because=verdict.reason)
            verdict = Verdict(
                outcome=Outcome.CRASHED,
                message=f"OpenFace failed on this file ({verdict.reason}); on a known-good sample it still works.",
            )
        analysed = verdict.outcome is Outcome.ANALYSED
        return Measurement(
            verdict=verdict,
            csv=verification.csv_of(out_dir, task.path) if analysed else None,
            seconds=ran.seconds,
            batch_size=ran.batch_size,
            waited=ran.waited,
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

    def _measure_video(
        self, task: Task, out_dir: Path, cancellation: Cancellation, on_progress: Callable[[float], None]
    ) -> Ran:
        with self._slots.taken(Program.VIDEO, cancellation, patience=self._patience) as waited:
            finished, judge = self._runs.video(task, out_dir, cancellation, on_progress)
        return Ran(finding=judge(), seconds=finished.seconds, waited=waited)

    def _measure_sample(self, program: Program, cancellation: Cancellation) -> Measurement:
        sample = resources.files(__package__) / "samples" / _SAMPLES[program]
        with resources.as_file(sample) as path, self._workspace.folder() as folder:
            with self._slots.taken(program, cancellation, patience=self._patience):
                finished, judge = self._start_sample(program, path.resolve(), folder / "out", cancellation)
            finding = judge()
        if isinstance(finding, NotDone):
            raise InternalFault("OpenFace never came to the sample, the only medium of its run.")
        if isinstance(finding, Suspect):
            raise BrokenInstallation("It failed:", [f"{finding.reason}: {cures.for_death(finished)}"])
        if finding.outcome is Outcome.TIMED_OUT:
            raise BrokenInstallation("It hung:", [f"{finding.message} {cures.HANGS.capitalize()}."])
        if finding.outcome is not Outcome.ANALYSED:
            raise BrokenInstallation("It finds nothing:", [f"{finding.message} {cures.BY_HAND.capitalize()}."])
        return Measurement(verdict=finding, csv=None, seconds=finished.seconds)

    def _start_sample(
        self, program: Program, path: Path, out_dir: Path, cancellation: Cancellation
    ) -> tuple[Finished, Callable[[], verification.Finding]]:
        # Neither in company nor with anybody else's options: it is the installation that is to be judged.
        if program is Program.IMAGE:
            finished, judge = self._runs.images([path], out_dir, Options(), cancellation)
            return finished, lambda: judge()[0]
        promise = FramePromise(frames=_SAMPLE_FRAMES, count=_no_recount)
        task = Task(program=program, path=path, options=Options(), promise=promise)
        return self._runs.video(task, out_dir, cancellation, lambda _: None)

    def _check_room(self) -> None:
        free = self._workspace.free
        if free < _LEAST_FREE:
            raise DiskFull(f"OpenFace failed with only {free:,} bytes left on the disk of the working folder.")


@dataclass(frozen=True)
class _SampleCount:
    frames: int = _SAMPLE_FRAMES
    damaged: bool = False


def _no_recount() -> _SampleCount:
    return _SampleCount()
