"""Copies of clips that any OpenFace measures upright: turned, with no tag that some builds obey and others ignore.

The copies are H.264 in MP4 of the simplest profile: what every FFmpeg since 2010 decodes, without B-frames and so with
neither the edit list nor the reordering that older OpenCVs miscount. (Odd sizes need full-resolution colour, which is
another profile, as old.) Lossless codecs were left aside: H.264's own lossless mode is a rarely used profile, and FFV1
needs some 35 GB for fifteen minutes of full HD. At this quality pixels differ from the decoded original's by about one
grey level of 256 on average.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange

from openface_runner.media.content import VideoMedium
from openface_runner.media.videos import Frames
from openface_runner.outcomes import DiskFull, Outcome, Rejected

_TURNS = {0: (), 90: ("transpose=clock",), 180: ("hflip", "vflip"), 270: ("transpose=cclock",)}
# The bit rate is bounded, and with it the disk space: 7.5 MB a second, which noise in full HD reaches. Equal clips
# owe equal results, so what makes each run's bytes differ is off: several threads, and the macroblock tree, whose
# weights were seen to hang on what was in memory before.
_QUALITY = {"preset": "ultrafast", "crf": "10", "bf": "0", "mbtree": "0", "maxrate": "60M", "bufsize": "60M"}
_THREADS = 1
_FINEST_DENOMINATOR = 1001
"""Of a rate: 30000/1001 is 29.97."""
_LEAST_FREE = 256 * 1024**2
"""Bytes that a copy leaves on the disk for others."""
_CHECKED_EVERY = 25
"""Frames."""
_NO_ROOM = "There is no room for a copy of the clip in the working folder."


def copy(source: Path, target: Path, medium: VideoMedium, check: Callable[[], None]) -> int:
    """Write a clip anew as its container asks for it to be shown, frame for frame at its average rate.

    Arguments:
        source: the clip.
        target: a path ending in ".mp4".
        medium: what is known of the clip.
        check: called before each packet and frame; what it raises comes through.

    Returns:
        The number of frames in the copy.

    Raises:
        Rejected: ``incomplete`` (the clip is damaged: frames would be lost) or ``unreadable``.
        DiskFull: there is no room for it.
    """
    frames = Frames(source, check)
    try:
        written = _write(target, _turned(_guarded(frames, target.parent, check), medium), medium.rate)
    except (OSError, av.error.FFmpegError) as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(_NO_ROOM) from error
        if isinstance(error, av.error.FFmpegError):
            raise Rejected(Outcome.UNREADABLE, f"The clip can't be decoded ({error.strerror}).") from error
        raise
    if written < medium.frames and frames.damaged:
        raise Rejected(
            Outcome.INCOMPLETE, f"The clip is damaged: only {written} of its {medium.frames} frames can be decoded."
        )
    if not written:
        raise Rejected(Outcome.UNREADABLE, "No frame of the clip can be decoded.")
    return written


def _guarded(frames: Iterable[VideoFrame], folder: Path, check: Callable[[], None]) -> Iterator[VideoFrame]:
    for number, frame in enumerate(frames):
        check()
        if number % _CHECKED_EVERY == 0 and shutil.disk_usage(folder).free < _LEAST_FREE:
            raise DiskFull(_NO_ROOM)
        yield frame


def _turned(frames: Iterable[VideoFrame], medium: VideoMedium) -> Iterator[VideoFrame]:
    graph = None
    for frame in frames:
        if graph is None:
            first, graph = frame, _graph(frame, medium)
        # Some recorders change the size on their way; OpenCV brings all frames to the first one's, too. Full-range
        # values (MJPEG, many phones) become what the copy says they are.
        graph.vpush(
            frame.reformat(
                first.width,
                first.height,
                _pixels(first),
                src_color_range=frame.color_range,
                dst_color_range=ColorRange.MPEG,
            )
        )
        yield graph.vpull()


def _graph(frame: VideoFrame, medium: VideoMedium) -> Graph:
    steps = [*_TURNS[medium.rotation], *(["hflip"] if medium.mirrored else []), f"format={_pixels(frame)}"]
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=VideoFormat(_pixels(frame)),
        time_base=frame.time_base or Fraction(1, 1000),
    )
    filters = [graph.add(name, arguments or None) for name, _, arguments in (step.partition("=") for step in steps)]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    return graph


def _pixels(frame: VideoFrame) -> str:
    # Where colour has half the resolution, the encoder needs even sizes.
    return "yuv444p" if frame.width % 2 or frame.height % 2 else "yuv420p"


def _write(target: Path, frames: Iterable[VideoFrame], rate: float) -> int:
    exact = Fraction(rate).limit_denominator(_FINEST_DENOMINATOR)
    number = 0
    with av.open(str(target), "w") as output:
        stream = None
        for frame in frames:
            if stream is None:
                stream = output.add_stream("libx264", rate=exact, options=_QUALITY)
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
                stream.codec_context.thread_count = _THREADS
            frame.pts, frame.time_base = number, 1 / exact
            # Where the clip had its key frames is none of the encoder's business.
            frame.pict_type = PictureType.NONE
            output.mux(stream.encode(frame))
            number += 1
        if stream is not None:
            output.mux(stream.encode(None))
    return number
