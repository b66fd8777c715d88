"""Whether all that a video promises is there: its frames, its duration, its bytes.

Containers for live streams promise nothing: MPEG-TS and MPEG-PS, and WebM or fragmented MP4 as browsers record them.
A clip of theirs that was cut between two packets can't be told from a shorter one. One that was cut inside a packet,
or damaged, ends as a damaged one does: with fewer rows than frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openface_runner.outcomes import Outcome, Rejected

_ROUNDING = 0.2
"""Seconds by which the last packet may end before the promised duration."""
_ROUNDING_TO_SECONDS = 1.0
"""The same where the promise is a whole number of seconds: some tools know no fractions."""
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEADER = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What the header says."""

    frames: int = 0
    """0 where it doesn't say."""
    duration: float = 0.0
    """Seconds; 0 where it doesn't say."""


def check_duration(promise: Promise, end: float, long_gap: float) -> None:
    """Refuse a clip that ends too early, where only the duration is promised.

    Arguments:
        end: seconds at which the last packet of any stream ends.
        long_gap: seconds that the last frame may be shown for.

    Raises:
        Rejected: ``incomplete``.
    """
    whole_seconds = promise.duration == round(promise.duration)
    tolerance = max(_ROUNDING_TO_SECONDS if whole_seconds else _ROUNDING, long_gap + _ROUNDING)
    if end < promise.duration - tolerance:
        raise Rejected(
            Outcome.INCOMPLETE,
            f"The clip was cut off: it promises {promise.duration:.1f} s, but ends after {end:.1f} s.",
        )


def check_frames(promise: Promise, found: int) -> None:
    """Refuse a clip with fewer packets than frames were promised.

    Raises:
        Rejected: ``incomplete``.
    """
    if found < promise.frames:
        raise Rejected(
            Outcome.INCOMPLETE,
            f"The clip was cut off: it promises {promise.frames} frames, but only {found} are in the file.",
        )


def check_asf_bytes(path: Path) -> None:
    """Refuse a WMV file that is shorter than its header says; FFmpeg drops the promised duration of such a file.

    Raises:
        Rejected: ``incomplete``.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_ASF_HEADER)
    # The properties object: its GUID, its size, the file's GUID, the file's size in bytes, …, the flags.
    start = header.find(_ASF_PROPERTIES)
    if start < 0:
        return
    promised = int.from_bytes(header[start + 40 : start + 48], "little")
    live = header[start + 88 : start + 89] in (b"", b"\1", b"\3")
    if size < promised and not live:
        raise Rejected(
            Outcome.INCOMPLETE,
            f"The clip was cut off: it promises {promised:,} bytes, but only {size:,} are in the file.",
        )
