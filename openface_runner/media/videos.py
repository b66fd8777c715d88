"""Videos: read by FFmpeg's libraries (PyAV) packet by packet, without decoding.

How many rows OpenFace owes for a clip was measured: one for each packet of the video stream that isn't marked as
discarded (edit lists hide some). The frame count in the header and OpenCV's count can both be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from openface_runner.media.content import Limits, VideoMedium
from openface_runner.outcomes import Outcome, Rejected

# FFmpeg's demuxer names. A list of what is allowed, because some others (playlists, image sequences) open further
# files and addresses that the uploaded file names.
_SUFFIXES = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "matroska,webm": ".mkv",
    "avi": ".avi",
    "mpeg": ".mpg",
    "mpegts": ".ts",
    "asf": ".wmv",
    "flv": ".flv",
    "ogg": ".ogv",
}
_OPTIONS = {"format_whitelist": ",".join(_SUFFIXES), "protocol_whitelist": "file"}
# Still pictures that FFmpeg's MP4 reader opens as a one-frame video.
_PICTURE_BRANDS = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"}
_CUT_TOLERANCE = 1.0
"""Seconds by which the packets may end before the duration that the container promises; headers round."""


@dataclass(frozen=True, kw_only=True)
class FrameCount:
    """What decoding a whole video gave."""

    frames: int
    damaged: bool
    """Whether the decoder met errors or marked frames as corrupt."""


@dataclass(frozen=True, kw_only=True)
class _Packets:
    total: int
    shown: int
    end: float
    """Seconds at which the last packet of any stream ends."""


def inspect(path: Path, limits: Limits) -> VideoMedium | None:
    """Read what a video promises and count its packets; None when the file isn't a video of a known kind.

    Raises:
        Rejected: ``unsupported``, ``too_large``, ``unreadable`` or ``incomplete``.
    """
    try:
        with _open(path) as container:
            return _inspect(path, container, limits)
    except av.error.FFmpegError as error:
        # An argument error is the answer to a format that isn't in the list above.
        if isinstance(error, (av.error.InvalidDataError, av.error.ArgumentError)):
            return None
        raise Rejected(Outcome.UNREADABLE, f"The video can't be read ({error.strerror}).") from error


def count_frames(path: Path) -> FrameCount:
    """Decode a whole video and count its frames: the judge where packets and rows disagree.

    Slow, about 1 ms a frame of 640 x 360 pixels. Raises av.error.FFmpegError when the file can't be opened.
    """
    frames, damaged = 0, False
    with _open(path) as container:
        stream = _video_stream(container)
        # Not "AUTO": with a thread for each frame, FFmpeg keeps errors to itself.
        stream.thread_type = "SLICE"
        for packet in container.demux(stream):
            damaged = damaged or packet.is_corrupt
            try:
                decoded = stream.decode(packet)
            except av.error.FFmpegError:
                damaged = True
                continue
            frames += len(decoded)
            damaged = damaged or any(frame.is_corrupt for frame in decoded)
    return FrameCount(frames=frames, damaged=damaged)


def _open(path: Path, **options: str) -> InputContainer:
    # metadata_errors: a title in an unknown encoding is no reason to refuse a clip.
    return av.open(str(path), mode="r", options=_OPTIONS | options, metadata_errors="replace")


def _video_stream(container: InputContainer) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise Rejected(Outcome.UNSUPPORTED, "The file holds no moving picture, only sound or a cover.")
    return streams[0]


def _inspect(path: Path, container: InputContainer, limits: Limits) -> VideoMedium:
    if container.metadata.get("major_brand", "").strip().lower() in _PICTURE_BRANDS:
        raise Rejected(Outcome.UNSUPPORTED, "The picture is a HEIC or AVIF file, which isn't taken.")
    stream = _video_stream(container)
    promised_duration = float(Fraction(container.duration, av.time_base)) if container.duration else 0.0
    _check_limits(stream, promised_duration, limits)
    packets = _count(container, stream)
    _check_whole(path, stream, packets, promised_duration)
    duration = promised_duration or packets.end
    _check_limits(stream, duration, limits)
    return VideoMedium(
        format=container.format.name,
        codec=stream.codec_context.name,
        width=stream.width,
        height=stream.height,
        frames=packets.shown,
        duration=duration,
        suffix=_SUFFIXES[container.format.name],
    )


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


def _count(container: InputContainer, stream: VideoStream) -> _Packets:
    total = shown = 0
    end = 0.0
    for packet in _whole_packets(container):
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream is stream:
            total += 1
            shown += not packet.is_discard
    return _Packets(total=total, shown=shown, end=end)


def _whole_packets(container: InputContainer) -> Iterator[av.Packet[Any]]:
    # PyAV ends each stream with an empty packet, which exists only to flush decoders.
    return (packet for packet in container.demux() if packet.size)


def _check_whole(path: Path, stream: VideoStream, packets: _Packets, promised_duration: float) -> None:
    if not packets.shown:
        raise Rejected(Outcome.UNREADABLE, "The video holds no frame that can be read.")
    if stream.frames:
        found = packets.total
        if found < stream.frames:
            found = _count_without_edit_list(path)
        if found < stream.frames:
            raise Rejected(
                Outcome.INCOMPLETE,
                f"The clip was cut off: it promises {stream.frames} frames, but only {found} are in the file.",
            )
    elif packets.end < promised_duration - _CUT_TOLERANCE:
        raise Rejected(
            Outcome.INCOMPLETE,
            f"The clip was cut off: it promises {promised_duration:.1f} s, but ends after {packets.end:.1f} s.",
        )


def _count_without_edit_list(path: Path) -> int:
    """All packets of an MP4's video, also those that its edit list hides so well that FFmpeg never shows them."""
    with _open(path, ignore_editlist="1") as container:
        stream = _video_stream(container)
        return sum(packet.stream is stream for packet in _whole_packets(container))
