"""Which way up a clip is to be shown: read from the container's display matrix.

PyAV shows the matrix only on decoded frames, so the first one is decoded.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from openface_runner.media.demuxing import packets

_MOST_PACKETS = 100
"""Until the first frame comes out: decoders hold back some, and an edit list may hide many."""
_QUARTER = 90


@dataclass(frozen=True)
class Orientation:
    """How a stored picture has to be turned, and then mirrored, to be upright."""

    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Left to right, after turning."""


def read(container: InputContainer, stream: VideoStream, check: Callable[[], None]) -> Orientation:
    """Decode up to the first frame; what it is to be turned by, or nothing when no frame can be decoded.

    The container is somewhere behind its start afterwards. What ``check`` raises, called before each packet, comes
    through.
    """
    frame = _first_frame(container, stream, check)
    # PyAV's types take it for a mapping by name; its iterator gives the entries.
    for data in cast("Iterable[SideData]", frame.side_data) if frame is not None else ():
        if data.type is Type.DISPLAYMATRIX:
            return from_matrix(struct.unpack("=9i", bytes(memoryview(data))))
    return Orientation()


def from_matrix(matrix: Sequence[int]) -> Orientation:
    """The nearest quarter turn to a display matrix of nine numbers.

    A mirrored matrix has to be told from a turned one: FFmpeg's own angle for "mirrored" is 180 degrees, and OpenCV
    turns such a clip upside down.
    """
    a, b, _, c, d = matrix[:5]
    mirrored = a * d - b * c < 0
    angle = math.degrees(math.atan2(b, -a if mirrored else a))
    return Orientation(rotation=round(angle / _QUARTER) % 4 * _QUARTER, mirrored=mirrored)


def _first_frame(container: InputContainer, stream: VideoStream, check: Callable[[], None]) -> VideoFrame | None:
    for packet in itertools.islice(packets(container, check, stream), _MOST_PACKETS):
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            continue
        if frames:
            return frames[0]
    return None
