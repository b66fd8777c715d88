"""From a clip to its measurement: upright, whether or not the OpenFace in use obeys rotation tags.

OpenFace says how large the picture was that it measured, which tells whether it turned a clip. Half a turn, a turned
square and a mirrored picture look alike in that, so there an upright copy is made before OpenFace runs. A clip that
OpenFace can't open (its OpenCV may lack a decoder: AV1, HEVC) is copied, too, since this program may be able to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from openface_runner.cancellation import Cancellation
from openface_runner.deadline import checks
from openface_runner.media.content import VideoMedium
from openface_runner.openface import details
from openface_runner.openface.command import Options
from openface_runner.openface.engine import OpenFace
from openface_runner.openface.installation import Program
from openface_runner.openface.tasks import Measurement, Task
from openface_runner.openface.verification import FrameCount, FramePromise
from openface_runner.outcomes import Outcome

_COPY = "upright.mp4"
_OF_FIRST, _OF_COPY = "out", "out-upright"
"""Folders of OpenFace's outputs."""
_TURNS_BY_A_QUARTER = (90, 270)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip to measure."""

    medium: VideoMedium
    """What is known of it."""
    path: Path
    """Its file under a name of our own, inside the working folder."""
    options: Options
    work: Path
    """The working folder, for copies and outputs."""
    cancellation: Cancellation
    """Ends OpenFace, and the making of a copy."""
    on_progress: Callable[[float], None] = lambda _: None
    """Called every few seconds with the share of the frames that OpenFace has measured, 0 to 1, when it has grown. It
    begins anew with a copy."""


@dataclass(frozen=True, kw_only=True)
class MeasuredClip:
    """A clip with what OpenFace made of it."""

    medium: VideoMedium
    """With what was done to it."""
    measurement: Measurement


class Clips:
    """Measures clips, several at once from several threads.

    Arguments:
        openface: the installation to use.
        decoding_limit: seconds that making a copy, or counting frames, may take.
    """

    def __init__(self, openface: OpenFace, *, decoding_limit: float) -> None:
        self._openface = openface
        self._decoding_limit = decoding_limit

    def measure(self, clip: Clip) -> MeasuredClip:
        """Measure one clip, or an upright copy of it.

        Raises:
            Rejected: no upright copy can be made: ``incomplete``, ``unreadable`` or ``timed_out``.
            JobError: another try may help.
            Exception: the reason for which the work was called off.
        """
        medium = clip.medium
        if _must_be_copied(medium):
            return self._measure_copy(clip)
        first = self._measure(clip, _OF_FIRST)
        outcome = first.measurement.verdict.outcome
        if outcome is Outcome.UNREADABLE or (
            outcome.is_good
            and medium.rotation
            and details.seen_size(clip.work / _OF_FIRST, clip.path) != medium.upright_size
        ):
            return _after(first.measurement, self._measure_copy(clip))
        return first

    def _measure(self, clip: Clip, out: str) -> MeasuredClip:
        count = partial(self._count_frames, clip.path, clip.cancellation)
        promise = FramePromise(frames=clip.medium.frames, count=count)
        task = Task(program=Program.VIDEO, path=clip.path, options=clip.options, promise=promise)
        measurement = self._openface.measure(task, clip.work / out, clip.cancellation, on_progress=clip.on_progress)
        return MeasuredClip(medium=_with_misfits(clip.medium, measurement), measurement=measurement)

    def _measure_copy(self, clip: Clip) -> MeasuredClip:
        # Only now: it brings large native libraries, which the app's start can do without.
        from openface_runner.media import upright

        medium, path = clip.medium, clip.work / _COPY
        check = checks(clip.cancellation, seconds=self._decoding_limit, doing="Making a copy that OpenFace can read")
        written = upright.copy(clip.path, path, medium, check)
        copied = replace(medium, frames=written, conversions=tuple(_done(medium)))
        return self._measure(replace(clip, medium=copied, path=path), _OF_COPY)

    def _count_frames(self, path: Path, cancellation: Cancellation) -> FrameCount:
        from openface_runner.media.videos import count_frames

        return count_frames(
            path, checks(cancellation, seconds=self._decoding_limit, doing="Counting the clip's frames")
        )


def _after(first: Measurement, second: MeasuredClip) -> MeasuredClip:
    """The second measurement, with the time that both took."""
    last = second.measurement
    both = replace(last, seconds=first.seconds + last.seconds, waited=first.waited + last.waited)
    return replace(second, measurement=both)


def _must_be_copied(medium: VideoMedium) -> bool:
    """Whether nothing that OpenFace says would tell if it took the clip upright."""
    square = medium.width == medium.height
    quarter = medium.rotation in _TURNS_BY_A_QUARTER
    return medium.mirrored or (bool(medium.rotation) and (square or not quarter))


def _done(medium: VideoMedium) -> Iterator[str]:
    if medium.rotation:
        yield f"turned upright by {medium.rotation} degrees"
    if medium.mirrored:
        yield "mirrored left to right"
    yield "encoded anew as H.264"


def _with_misfits(medium: VideoMedium, measurement: Measurement) -> VideoMedium:
    measured = measurement.verdict.measured
    if medium.timestamps is None or measured is None or measured.frames == len(medium.timestamps):
        return medium
    warning = (
        f"OpenFace measured {measured.frames} frames, but the record has the times of {len(medium.timestamps)}: they "
        "don't fit row for row."
    )
    return replace(medium, warnings=(*medium.warnings, warning))
