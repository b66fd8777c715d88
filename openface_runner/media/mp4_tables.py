"""How many samples an MP4's tables promise: read before FFmpeg is let at them.

FFmpeg makes an index of all of them when it opens the file, before anything can be asked of it. A table may give one
size for all samples, so that a file of some kilobytes takes 3 GB (measured).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from openface_runner.outcomes import Outcome, Rejected

MOST_SAMPLES = 5_000_000
"""Frames and pieces of sound, in all tracks. Fifteen minutes at 1000 frames a second with sound are 1,000,000."""
_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
_HEADER, _LONG_HEADER = 8, 16
_TO_THE_END, _LONG = 0, 1
"""What stands for a size elsewhere."""


@dataclass
class _Track:
    samples: int = 0
    is_sound: bool = False
    one_tick_each: bool = False

    @property
    def indexed(self) -> int:
        # Sound that isn't compressed has a sample for each tick of its clock, which FFmpeg doesn't index one by one.
        return 0 if self.is_sound and self.one_tick_each else self.samples


def check_samples(path: Path, check: Callable[[], None]) -> None:
    """Refuse an MP4 or QuickTime file that promises absurdly many samples; files of other kinds pass.

    Arguments:
        check: called before each box; what it raises comes through.

    Raises:
        Rejected: ``too_large``.
    """
    tracks = [_Track()]
    with path.open("rb") as file:
        for kind, content in _boxes(file, 0, path.stat().st_size, check):
            if kind == b"trak":
                tracks.append(_Track())
            _note(tracks, kind, content)
            samples = sum(track.indexed for track in tracks)
            if kind in (b"trak", b"trun") and samples > MOST_SAMPLES:
                break
    samples = sum(track.indexed for track in tracks)
    if samples > MOST_SAMPLES:
        raise Rejected(
            Outcome.TOO_LARGE, f"The video promises {samples:,} frames and pieces of sound; {MOST_SAMPLES:,} are taken."
        )


def _note(tracks: list[_Track], kind: bytes, content: bytes) -> None:
    track = tracks[-1]
    if kind in (b"stsz", b"stz2") and len(content) >= 12:  # noqa: PLR2004 - flags, size, count
        track.samples += int.from_bytes(content[8:12], "big")
    elif kind == b"trun" and len(content) >= _HEADER:
        # Into the first, which is no track's: the fragments of a track needn't follow it.
        tracks[0].samples += int.from_bytes(content[4:8], "big")
    elif kind == b"hdlr":
        track.is_sound = track.is_sound or content[8:12] == b"soun"
    elif kind == b"stts":
        track.one_tick_each = content[4:8] + content[12:16] == struct.pack(">II", 1, 1)


def _boxes(file: BinaryIO, start: int, end: int, check: Callable[[], None]) -> Iterator[tuple[bytes, bytes]]:
    """Each box's kind and the beginning of its content, parents before their children."""
    ends = [end]
    while ends:
        check()
        file.seek(start)
        head = file.read(_LONG_HEADER + 16)
        if start + _HEADER > ends[-1] or len(head) < _HEADER:
            start = ends.pop()
            continue
        size, kind = struct.unpack_from(">I4s", head)
        header = _HEADER
        if size == _LONG and len(head) >= _LONG_HEADER:
            header, (size,) = _LONG_HEADER, struct.unpack_from(">Q", head, _HEADER)
        elif size == _TO_THE_END:
            size = ends[-1] - start
        if size < header:
            start = ends.pop()
            continue
        yield kind, head[header:]
        if kind in _PARENTS:
            ends.append(min(start + size, ends[-1]))
            start += header
        else:
            start += size
