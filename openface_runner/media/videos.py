"""Videos: read by FFmpeg's libraries (PyAV) packet by packet, without decoding more than the first frame.

How many rows OpenFace owes for a clip was measured: one for each packet of the video stream that isn't marked as
discarded (edit lists hide some), less VP8's hidden frames. The frame count in the header and OpenCV's count can both
be wrong. Only a clip that shows signs of damage is decoded whole.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openface_runner.media import display_matrix, mp4_tables, timing, wholeness
from openface_runner.media.checked_file import is_fault_of_machine
from openface_runner.media.content import Limits, VideoMedium
from openface_runner.media.demuxing import SUFFIXES, open_video, packets, video_stream
from openface_runner.media.wholeness import Promise
from openface_runner.outcomes import Outcome, Rejected

# Still pictures that FFmpeg's MP4 reader opens as a one-frame video.
_PICTURE_BRANDS = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"}
_UNKNOWN_RATE = 30.0
"""Frames a second that OpenFace takes for granted when nobody says."""
_VP8_SHOWN = 0x10
"""The bit of a VP8 frame's first byte that tells a frame from a hidden one, which others only refer to."""


@dataclass(frozen=True, kw_only=True)
class FrameCount:
    """What decoding a whole video gave."""

    frames: int
    damaged: bool
    """Whether the decoder met errors or marked frames as corrupt."""


@dataclass(kw_only=True)
class _Packets:
    """What is in the file, packet by packet."""

    total: int = 0
    shown: int = 0
    corrupt: int = 0
    """Marked as such by the container's reader."""
    end: float = 0.0
    """Seconds at which the last packet of any stream ends."""
    times: array[float] = field(default_factory=lambda: array("d"))
    """Seconds, of the shown frames that have a time."""

    @property
    def timed(self) -> bool:
        """Whether every shown frame has a time."""
        return len(self.times) == self.shown

    @property
    def long_gap(self) -> float:
        """Seconds between two frames, longer than four of five such gaps: damage makes only a few longer."""
        gaps = sorted(later - time for time, later in itertools.pairwise(sorted(self.times)))
        return gaps[len(gaps) * 4 // 5] if gaps else 0.0


def inspect(path: Path, limits: Limits, check: Callable[[], None] = lambda: None) -> VideoMedium | None:
    """Read what a video promises and count its packets; None when the file isn't a video of a known kind.

    Arguments:
        check: called before each packet; what it raises comes through.

    Raises:
        Rejected: ``unsupported``, ``too_large``, ``unreadable`` or ``incomplete``.
        OSError: the machine is at fault, not the medium.
    """
    mp4_tables.check_samples(path, check)
    try:
        with open_video(path) as container:
            return _inspect(path, container, limits, check)
    except av.error.FFmpegError as error:
        if is_fault_of_machine(error):
            raise
        # An argument error is the answer to a format that isn't in the list above.
        if isinstance(error, (av.error.InvalidDataError, av.error.ArgumentError)):
            return None
        raise Rejected(Outcome.UNREADABLE, f"The video can't be read ({error.strerror}).") from error


def count_frames(path: Path, check: Callable[[], None] = lambda: None) -> FrameCount:
    """Decode a whole video and count its frames: the judge where packets and rows disagree.

    Slow, about 1 ms a frame of 640 x 360 pixels. Raises av.error.FFmpegError when the file can't be opened.
    """
    frames, number = Frames(path), 0
    for number, _ in enumerate(frames, start=1):  # noqa: B007 - the last number is the count
        check()
    return FrameCount(frames=number, damaged=frames.damaged)


class Frames:
    """All frames of a video that can be decoded, to be gone through once, whatever errors there are between them."""

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._check = check
        self.damaged = False
        """Whether the decoder met errors or marked frames as corrupt; true to the end only at the end."""

    def __iter__(self) -> Iterator[VideoFrame]:
        with open_video(self._path) as container:
            stream = video_stream(container)
            # Not "AUTO": with a thread for each frame, FFmpeg keeps errors to itself.
            stream.thread_type = "SLICE"
            for packet in packets(container, self._check, stream):
                self.damaged = self.damaged or packet.is_corrupt
                for frame in self._decode(stream, packet):
                    self.damaged = self.damaged or frame.is_corrupt
                    yield frame

    def _decode(self, stream: VideoStream, packet: av.Packet[Any]) -> list[VideoFrame]:
        try:
            return stream.decode(packet)
        except av.error.FFmpegError:
            self.damaged = True
            return []


def _inspect(path: Path, container: InputContainer, limits: Limits, check: Callable[[], None]) -> VideoMedium:
    if container.metadata.get("major_brand", "").strip().lower() in _PICTURE_BRANDS:
        raise Rejected(Outcome.UNSUPPORTED, "The picture is a HEIC or AVIF file, which isn't taken.")
    stream = video_stream(container)
    promise = _promise(container, stream)
    _check_limits(stream, promise.duration, limits)
    found = _read_packets(container, stream, check)
    _check_whole(path, container.format.name, promise, found, check)
    duration = promise.duration or found.end
    _check_limits(stream, duration, limits)
    # What the reader learned on its way counts: OpenCV looks at more of the file when it opens it.
    rate = float(stream.average_rate or stream.guessed_rate or _UNKNOWN_RATE)
    times = timing.judge(found.times, rate) if found.timed else timing.Timing()
    if found.corrupt or times.warnings:
        _check_undamaged(path, check)
    upright = _orientation(path, check)
    return VideoMedium(
        format=container.format.name,
        codec=stream.codec_context.codec.canonical_name,
        width=stream.width,
        height=stream.height,
        frames=found.shown,
        duration=duration,
        rate=round(rate, 6),
        rotation=upright.rotation,
        mirrored=upright.mirrored,
        variable_rate=times.variable,
        timestamps=times.timestamps,
        suffix=SUFFIXES[container.format.name],
        warnings=(*times.warnings, *_stretched(stream)),
    )


def _promise(container: InputContainer, stream: VideoStream) -> Promise:
    """What the header says. To be asked before packets are read, which adds to the index of a file without one."""
    frames = stream.frames
    if container.format.name == "avi":
        # An AVI's frame count includes empty slots, where the frame before is shown for longer; its index doesn't.
        frames = min(frames, len(stream.index_entries) or frames)
    duration = float(Fraction(container.duration, av.time_base)) if container.duration else 0.0
    return Promise(frames=frames, duration=duration)


def _check_limits(stream: VideoStream, duration: float, limits: Limits) -> None:
    if not stream.width or not stream.height:
        raise Rejected(Outcome.UNREADABLE, "The video's picture size can't be read: it is damaged.")
    if stream.width * stream.height > limits.max_pixels:
        raise Rejected(
            Outcome.TOO_LARGE,
            f"The video's frames have {stream.width} x {stream.height} pixels; the limit is {limits.max_pixels:,}.",
        )
    if duration > limits.max_duration:
        raise Rejected(Outcome.TOO_LARGE, f"The video lasts {duration:.4g} s; the limit is {limits.max_duration:g} s.")


def _read_packets(container: InputContainer, stream: VideoStream, check: Callable[[], None]) -> _Packets:
    found = _Packets()
    for packet in _whole_packets(container, check):
        if packet.pts is not None:
            found.end = max(found.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream is stream:
            found.total += 1
            found.corrupt += packet.is_corrupt
            if _is_shown(packet, stream):
                found.shown += 1
                if packet.pts is not None:
                    found.times.append(float(packet.pts * packet.time_base))
    return found


def _is_shown(packet: av.Packet[Any], stream: VideoStream) -> bool:
    if stream.codec_context.codec.canonical_name == "vp8" and not memoryview(packet)[0] & _VP8_SHOWN:
        return False
    return not packet.is_discard


def _whole_packets(container: InputContainer, check: Callable[[], None]) -> Iterator[av.Packet[Any]]:
    return (packet for packet in packets(container, check) if packet.size)


def _check_whole(path: Path, kind: str, promise: Promise, found: _Packets, check: Callable[[], None]) -> None:
    if not found.shown:
        raise Rejected(Outcome.UNREADABLE, "The video holds no frame that can be read.")
    if promise.frames:
        enough = found.total >= promise.frames
        wholeness.check_frames(promise, found.total if enough else _count_without_edit_list(path, check))
    else:
        wholeness.check_duration(promise, found.end, found.long_gap)
    if kind == "asf":
        wholeness.check_asf_bytes(path)


def _count_without_edit_list(path: Path, check: Callable[[], None]) -> int:
    """All packets of an MP4's video, also those that its edit list hides so well that FFmpeg never shows them."""
    with open_video(path, ignore_editlist="1") as container:
        stream = video_stream(container)
        return sum(packet.stream is stream for packet in _whole_packets(container, check))


def _check_undamaged(path: Path, check: Callable[[], None]) -> None:
    """Decode a clip that has gaps in time or corrupt packets: a phone's gaps are harmless, a damaged file's aren't."""
    if count_frames(path, check).damaged:
        raise Rejected(Outcome.INCOMPLETE, "The clip is damaged: parts of it are missing or can't be decoded.")


def _orientation(path: Path, check: Callable[[], None]) -> display_matrix.Orientation:
    with open_video(path) as container:
        return display_matrix.read(container, video_stream(container), check)


def _stretched(stream: VideoStream) -> Iterator[str]:
    shape = stream.sample_aspect_ratio
    if shape and shape != 1:
        yield (
            f"The clip's pixels aren't square ({shape.numerator}:{shape.denominator}), and OpenFace takes them as if "
            "they were: it measures the faces stretched."
        )
