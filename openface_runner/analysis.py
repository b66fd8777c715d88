"""From a medium's file to its verdict: look at it, let OpenFace measure it, believe only what is proved.

The same for a blob that was downloaded and for a file on a laptop; nothing here knows where the file came from.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openface_runner.cancellation import Cancellation
from openface_runner.clips import Clip, Clips
from openface_runner.deadline import checks
from openface_runner.media.content import Limits, Medium, Prepared, VideoMedium, describe, prepare
from openface_runner.media.request import AuModel, Request
from openface_runner.openface.batches import Arrival
from openface_runner.openface.command import Options
from openface_runner.openface.engine import OpenFace
from openface_runner.openface.installation import Engine, Installation, Program, find
from openface_runner.openface.process import ProcessLimits
from openface_runner.openface.tasks import Measurement, Task
from openface_runner.outcomes import Outcome, Rejected, Verdict
from openface_runner.settings import Capture, Settings
from openface_runner.workspace import Workspace

_LEAST_PREPARED = 4
"""Media that are looked through at once, at least: that is waiting for the disk as well as work for a core."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """All that became known of a medium."""

    verdict: Verdict
    csv: Path | None = None
    """The checked CSV inside the working folder; only when the verdict is ``analysed``."""
    medium: Medium | None = None
    """None when the content could not be told."""
    openface_seconds: float | None = None
    """Wall time of OpenFace, which may have run twice for a clip; of the whole run for an image that shared one. None,
    like what follows, when it wasn't started."""
    batch_size: int | None = None
    """How many images shared the run; 1 for videos."""
    waited_seconds: float | None = None
    """From when the medium was ready for OpenFace to the start of the process."""

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
            "engine": {
                **vars(engine),
                "openface_seconds": self.openface_seconds,
                "batch_size": self.batch_size,
                "waited_seconds": self.waited_seconds,
            },
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
        # A picture is decoded in this process, up to some 200 MB for 50 megapixels: whoever waits for OpenFace, waits
        # with that behind him, so that many may wait.
        self._preparing = threading.BoundedSemaphore(max(_LEAST_PREPARED, settings.openface_processes))
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
        openface = OpenFace(
            installation,
            processes=settings.openface_processes,
            limits=limits,
            workspace=workspace,
            patience=settings.queue_time_limit,
        )
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

    def expecting(self) -> AbstractContextManager[Arrival]:
        """Announce, for the time of the context, that an image may come, so that others wait for it a little.

        For whoever has to fetch a file first. ``Arrival.over`` ends it before, as soon as none will come.
        """
        return self._openface.expecting_image()

    def analyse(  # noqa: PLR0913 - most callers need the first three
        self,
        source: Path,
        request: Request,
        work: Path,
        cancellation: Cancellation | None = None,
        *,
        arrival: Arrival | None = None,
        on_inspected: Callable[[Medium], None] = lambda _: None,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Analysis:
        """Analyse one file.

        Arguments:
            source: the medium, under whatever name; it is only read.
            work: a folder of the workspace.
            cancellation: ends the analysis, with its OpenFace.
            arrival: what ``expecting`` gave; without one, the file is announced from now on.
            on_inspected: called when the content is known and OpenFace is about to start.
            on_progress: called every few seconds, in this thread, with the share of a video's frames that OpenFace has
                measured, 0 to 1, when it has grown. It begins anew when a clip has to be measured in an upright copy.

        Raises:
            JobError: no outcome was reached, and another try may help.
            Exception: the reason for which the analysis was called off.
        """
        medium = None
        cancellation = cancellation or Cancellation()
        try:
            self.check_size(source.stat().st_size)
            with nullcontext(arrival) if arrival else self.expecting() as announced:
                prepared = self._prepare(source, work, cancellation)
                medium = prepared.medium
                on_inspected(medium)
                if isinstance(medium, VideoMedium):
                    announced.over()
                    clip = self._clips.measure(
                        Clip(
                            medium=medium,
                            path=prepared.path,
                            options=self._options(request),
                            work=work,
                            cancellation=cancellation,
                            on_progress=on_progress,
                        )
                    )
                    medium, measurement = clip.medium, clip.measurement
                else:
                    task = Task(
                        program=Program.IMAGE,
                        path=prepared.path,
                        options=self._options(request),
                        pixels=medium.width * medium.height,
                    )
                    measurement = self._openface.measure(task, work / "out", cancellation, arrival=announced)
        except Rejected as rejected:
            return Analysis(verdict=rejected.verdict, medium=medium)
        return Analysis(
            verdict=_with_warnings(measurement.verdict, medium),
            csv=measurement.csv,
            medium=medium,
            openface_seconds=round(measurement.seconds, 3),
            batch_size=measurement.batch_size,
            waited_seconds=round(measurement.waited, 3),
        )

    def _prepare(self, source: Path, work: Path, cancellation: Cancellation) -> Prepared:
        with self._preparing:
            check = checks(cancellation, seconds=self._settings.video_time_limit, doing="Looking through the file")
            check()
            return prepare(source, work, self._limits, check)

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
