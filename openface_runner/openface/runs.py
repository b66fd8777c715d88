"""Single runs of OpenFace's programs: start one with its limits, watch it, and judge what it left."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from openface_runner.cancellation import Cancellation
from openface_runner.openface import columns, command, cures, details, process, verification
from openface_runner.openface.command import Options
from openface_runner.openface.installation import Installation, Program
from openface_runner.openface.process import Finished, ProcessLimits, Watch
from openface_runner.openface.progress import GrowingCsv
from openface_runner.openface.tasks import Task
from openface_runner.openface.verification import Expectation, Finding, Suspect
from openface_runner.outcomes import BrokenInstallation, InternalFault, Verdict

_LOOK_FOR_NEXT_IMAGE = 0.5
_LOOK_FOR_ROWS = 5.0
"""Seconds between two looks at what a run has done so far."""


class Runs:
    """Runs an installation's programs, in whatever thread calls.

    Arguments:
        installation: as found and checked by ``installation.find``.
        limits: what a process may use for one medium, by program.
    """

    def __init__(self, installation: Installation, limits: Mapping[Program, ProcessLimits]) -> None:
        self.installation = installation
        self._limits = dict(limits)

    def images(
        self, inputs: Sequence[Path], out_dir: Path, options: Options, cancellation: Cancellation
    ) -> tuple[Finished, Callable[[], list[Finding]]]:
        """Run FaceLandmarkImg on images, each of which has the whole wall time to itself.

        Arguments:
            inputs: absolute paths with different stems.

        Returns:
            How it ended, and a function that judges what it left, in the inputs' order, with the errors of
            ``verification.judge_images``: to be called when others may already have the slot.

        Raises:
            BrokenInstallation: it can't be started.
            Exception: the reason for which the work was called off.
        """
        limits = self._limits[Program.IMAGE]
        company = replace(limits, cpu=limits.cpu * len(inputs))
        watch = Watch(every=min(_LOOK_FOR_NEXT_IMAGE, limits.wall / 4), look=_Begun(inputs, out_dir).another)
        argv = command.build(self.installation, Program.IMAGE, inputs, out_dir, options)
        finished = _run(argv, out_dir.parent, company, cancellation, watch if len(inputs) > 1 else None)
        expected = self._expected(Program.IMAGE, options)
        return finished, lambda: verification.judge_images(finished, inputs, out_dir, expected)

    def video(
        self, task: Task, out_dir: Path, cancellation: Cancellation, on_progress: Callable[[float], None]
    ) -> tuple[Finished, Callable[[], Verdict | Suspect]]:
        """Run FeatureExtraction on a video; otherwise as ``images``.

        Arguments:
            on_progress: called now and then, in this thread, with the share of the frames that are measured.
        """
        promise = task.promise
        if promise is None:
            raise InternalFault(f"A video task without a frame promise: {task.path.name}")
        grown = GrowingCsv(verification.csv_of(out_dir, task.path), promise.frames, on_progress)
        limits = self._limits[Program.VIDEO]
        watch = Watch(every=min(_LOOK_FOR_ROWS, limits.wall / 4), look=grown.look)
        argv = command.build(self.installation, Program.VIDEO, [task.path], out_dir, task.options)
        finished = _run(argv, out_dir.parent, limits, cancellation, watch)
        expected = self._expected(Program.VIDEO, task.options)
        return finished, lambda: verification.judge_video(finished, task.path, out_dir, expected, promise)

    def _expected(self, program: Program, options: Options) -> Expectation:
        required = columns.required(program, options.groups, self.installation.engine)
        return Expectation(columns=required, limits=self._limits[program])


def _run(
    argv: Sequence[str], cwd: Path, limits: ProcessLimits, cancellation: Cancellation, watch: Watch | None
) -> Finished:
    try:
        return process.run(argv, cwd=cwd, limits=limits, cancellation=cancellation, watch=watch)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            finding = f"{error.strerror}: {cures.OTHER_PROCESSOR}"
        elif error.errno in (errno.ENOENT, errno.EACCES):
            finding = f"{error.strerror}: {cures.BY_HAND}"
        else:
            raise
        raise BrokenInstallation(f"{argv[0]} can't be started:", [finding]) from error


class _Begun:
    """Which of its images a run has begun: OpenFace writes an image's details when it opens it.

    The first one's time begins with the process, as it does for an image alone.
    """

    def __init__(self, inputs: Sequence[Path], out_dir: Path) -> None:
        self._left = [details.path_of(out_dir, path) for path in reversed(inputs[1:])]

    def another(self) -> bool:
        """Whether it has begun another one since the last call."""
        before = len(self._left)
        while self._left and self._left[-1].exists():
            self._left.pop()
        return len(self._left) < before
