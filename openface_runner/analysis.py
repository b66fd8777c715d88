"""From a medium's file to its verdict: look at it, let OpenFace measure it, believe only what is proved.

The same for a blob that was downloaded and for a file on a laptop; nothing here knows where the file came from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openface_runner.cancellation import Cancellation
from openface_runner.clips import Clips
from openface_runner.deadline import checks
from openface_runner.media.content import Limits, Medium, VideoMedium, describe, prepare
from openface_runner.media.request import AuModel, Request
from openface_runner.openface.command import Options
from openface_runner.openface.engine import Measurement, OpenFace, Task
from openface_runner.openface.installation import Engine, Installation, Program, find
from openface_runner.openface.process import ProcessLimits
from openface_runner.outcomes import Outcome, Rejected, Verdict
from openface_runner.settings import Capture, Settings
from openface_runner.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """All that became known of a medium."""

    verdict: Verdict
    csv: Path | None = None
    """The checked CSV inside the working folder; only when the verdict is ``analysed``."""
    medium: Medium | None = None
    """None when the content could not be told."""
    openface_seconds: float | None = None
    """Wall time of OpenFace, which may have run twice for a clip; None when it wasn't started."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the numbers should not be trusted without a look, each a sentence; none where there are no numbers."""
        if self.verdict.outcome is not Outcome.ANALYSED:
            return ()
        measured = self.verdict.measured
        return (*(measured.doubts if measured else ()), *(self.medium.warnings if self.medium else ()))

    def for_record(self, engine: Engine) -> dict[str, Any]:
        """What of it goes into a job record, by the record's fields."""
        return {
            "medium": describe(self.medium) if self.medium else {},
            "warnings": list(self.warnings),
            "engine": {**vars(engine), "openface_seconds": self.openface_seconds},
        }


class Analyser:
    """Analyses files, several at once from several threads.

    Arguments:
        settings: limits, column groups, processes at once.
        openface: the installation to use.
        workspace: where the jobs' working folders are.
    """

    def __init__(self, settings: Settings, openface: OpenFace, workspace: Workspace) -> None:
        self.workspace = workspace
        self._settings = settings
        self._openface = openface
        self._clips = Clips(openface, decoding_limit=settings.video_time_limit)
        self._limits = Limits(max_pixels=settings.max_pixels, max_duration=settings.max_duration)

    @classmethod
    def from_settings(cls, settings: Settings) -> Analyser:
        """Find OpenFace as the settings say.

        Raises:
            BrokenInstallation: with a list of all that is missing.
        """
        installation = find(settings.openface_bin_dir, settings.openface_model, allow_standin=settings.allow_standin)
        limits = {
            Program.IMAGE: ProcessLimits(wall=settings.image_time_limit, cpu=settings.image_cpu_limit),
            Program.VIDEO: ProcessLimits(wall=settings.video_time_limit, cpu=settings.video_cpu_limit),
        }
        workspace = Workspace(settings.work_dir)
        processes = settings.openface_processes
        openface = OpenFace(installation, processes=processes, limits=limits, workspace=workspace)
        return cls(settings, openface, workspace)

    @property
    def installation(self) -> Installation:
        """The OpenFace in use."""
        return self._openface.installation

    @property
    def engine(self) -> Engine:
        """What does the measuring."""
        return self.installation.engine

    def prove(self) -> dict[Program, Measurement]:
        """Run both of OpenFace's programs on known-good samples; what each measured.

        Raises:
            BrokenInstallation: with what is wrong and what to do about it.
        """
        return self._openface.prove(tuple(Program), Cancellation())

    def fingerprint(self, request: Request) -> str:
        """A short name for everything but the medium that decides a result: equal fingerprints, equal results."""
        model = self.installation.model
        decisive = {
            "request": [request.capture, request.au_model],
            "groups": sorted(self._settings.column_groups),
            "engine": str(self.engine),
            "model": str(model) if model else None,
            "limits": [
                self._settings.max_bytes,
                self._settings.max_pixels,
                self._settings.max_duration,
                self._settings.image_time_limit,
                self._settings.video_time_limit,
                self._settings.image_cpu_limit,
                self._settings.video_cpu_limit,
            ],
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    def check_size(self, size: int) -> None:
        """Refuse a medium by its bytes alone, before it is downloaded.

        Raises:
            Rejected: ``too_large``.
        """
        limit = self._settings.max_bytes
        if size > limit:
            raise Rejected(Outcome.TOO_LARGE, f"The file has {size:,} bytes; the limit is {limit:,}.")

    def analyse(
        self,
        source: Path,
        request: Request,
        work: Path,
        cancellation: Cancellation | None = None,
        *,
        on_inspected: Callable[[Medium], None] = lambda _: None,
    ) -> Analysis:
        """Analyse one file.

        Arguments:
            source: the medium, under whatever name; it is only read.
            work: a folder of the workspace.
            cancellation: ends the analysis, with its OpenFace.
            on_inspected: called when the content is known and OpenFace is about to start.

        Raises:
            JobError: no outcome was reached, and another try may help.
            Exception: the reason for which the analysis was called off.
        """
        medium = None
        cancellation = cancellation or Cancellation()
        check = checks(cancellation, seconds=self._settings.video_time_limit, doing="Looking through the file")
        try:
            self.check_size(source.stat().st_size)
            prepared = prepare(source, work, self._limits, check)
            medium = prepared.medium
            on_inspected(medium)
            options = self._options(request)
            if isinstance(medium, VideoMedium):
                clip = self._clips.measure(medium, prepared.path, options, work, cancellation)
                medium, measurement = clip.medium, clip.measurement
            else:
                task = Task(program=Program.IMAGE, path=prepared.path, options=options)
                measurement = self._openface.measure(task, work / "out", cancellation)
        except Rejected as rejected:
            return Analysis(verdict=rejected.verdict, medium=medium)
        return Analysis(
            verdict=_with_warnings(measurement.verdict, medium),
            csv=measurement.csv,
            medium=medium,
            openface_seconds=round(measurement.seconds, 3),
        )

    def _options(self, request: Request) -> Options:
        return Options(
            wild=request.capture is Capture.WILD,
            au_static=request.au_model is AuModel.STATIC,
            groups=self._settings.column_groups,
        )


def _with_warnings(verdict: Verdict, medium: Medium) -> Verdict:
    if verdict.outcome is not Outcome.ANALYSED:
        return verdict
    return replace(verdict, message=" ".join((verdict.message, *medium.warnings)))
