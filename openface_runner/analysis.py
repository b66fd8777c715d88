"""From a medium's file to its verdict: look at it, let OpenFace measure it, believe only what is proved.

The same for a blob that was downloaded and for a file on a laptop; nothing here knows where the file came from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openface_runner.media.content import Limits, Medium, VideoMedium, inspect
from openface_runner.media.request import AuModel, Request
from openface_runner.openface.command import Options
from openface_runner.openface.engine import Measurement, OpenFace, Task
from openface_runner.openface.installation import Engine, Installation, Program, find
from openface_runner.openface.verification import FrameCount, FramePromise
from openface_runner.outcomes import Outcome, Rejected, Verdict
from openface_runner.settings import Capture, Settings


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """All that became known of a medium."""

    verdict: Verdict
    csv: Path | None = None
    """The checked CSV inside the working folder; only when the verdict is ``analysed``."""
    medium: Medium | None = None
    """None when the content could not be told."""
    openface_seconds: float | None = None
    """Wall time of the OpenFace process; None when it wasn't started."""


class Analyser:
    """Analyses files, several at once from several threads.

    Arguments:
        settings: limits, column groups, processes at once.
        openface: the installation to use.
    """

    def __init__(self, settings: Settings, openface: OpenFace) -> None:
        self._settings = settings
        self._openface = openface
        self._limits = Limits(max_pixels=settings.max_pixels, max_duration=settings.max_duration)

    @classmethod
    def from_settings(cls, settings: Settings) -> Analyser:
        """Find OpenFace as the settings say.

        Raises:
            BrokenInstallation: with a list of all that is missing.
        """
        installation = find(settings.openface_bin_dir, settings.openface_model, allow_standin=settings.allow_standin)
        time_limits = {Program.IMAGE: settings.image_time_limit, Program.VIDEO: settings.video_time_limit}
        return cls(settings, OpenFace(installation, processes=settings.openface_processes, time_limits=time_limits))

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
        return self._openface.prove()

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
        self, source: Path, request: Request, work: Path, *, on_inspected: Callable[[Medium], None] = lambda _: None
    ) -> Analysis:
        """Analyse one file.

        Arguments:
            source: the medium, under whatever name; it is only read.
            work: a fresh working folder, absolute and without links, which the caller removes.
            on_inspected: called when the content is known and OpenFace is about to start.

        Raises:
            JobError: no outcome was reached, and another try may help.
        """
        medium = None
        try:
            self.check_size(source.stat().st_size)
            medium = inspect(_own_name(work, source, ""), self._limits)
            on_inspected(medium)
            task = self._task(medium, _own_name(work, source, medium.suffix), request)
            measurement = self._openface.measure(task, work / "out")
        except Rejected as rejected:
            return Analysis(verdict=rejected.verdict, medium=medium)
        return Analysis(
            verdict=measurement.verdict,
            csv=measurement.csv,
            medium=medium,
            openface_seconds=round(measurement.seconds, 3),
        )

    def stop(self) -> None:
        """Kill all OpenFace processes that are running and start no more, for a program that is about to end."""
        self._openface.stop()

    def _task(self, medium: Medium, path: Path, request: Request) -> Task:
        options = Options(
            wild=request.capture is Capture.WILD,
            au_static=request.au_model is AuModel.STATIC,
            groups=self._settings.column_groups,
        )
        if isinstance(medium, VideoMedium):
            promise = FramePromise(frames=medium.frames, count=partial(_count_frames, path))
            return Task(program=Program.VIDEO, path=path, options=options, promise=promise)
        return Task(program=Program.IMAGE, path=path, options=options)


def _own_name(work: Path, source: Path, suffix: str) -> Path:
    # A link, so that a name from outside reaches neither OpenFace's command line nor a library that reads its suffix.
    link = work / f"medium{suffix}"
    link.symlink_to(source.absolute())
    return link


def _count_frames(path: Path) -> FrameCount:
    from openface_runner.media.videos import count_frames

    return count_frames(path)
