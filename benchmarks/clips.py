"""Media of the size that a benchmark needs, made of the samples."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from tests.support.samples import sample

FACE = sample("face.jpg").read_bytes()
CLIP = sample("face.mp4")
_RATE = 25
_BOX_HEADER = 8
_LARGEST_BOX = 2**31


def looped(path: Path, frames: int) -> Path:
    """The sample clip over and over, as H.264, until it has so many frames."""
    with av.open(str(path), "w") as output:
        stream = None
        written = 0
        while written < frames:
            with av.open(str(CLIP)) as source:
                for frame in source.decode(video=0):
                    if stream is None:
                        stream = output.add_stream("libx264", rate=_RATE)
                        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
                    if written < frames:
                        frame.pts, frame.time_base = written, Fraction(1, _RATE)
                        output.mux(stream.encode(frame))
                        written += 1
        if stream is not None:
            output.mux(stream.encode(None))
    return path


def padded(path: Path, size: int) -> Path:
    """The sample clip with boxes of padding behind it, so large and no larger; the padding takes no disk."""
    content = CLIP.read_bytes()
    with path.open("wb") as file:
        file.write(content)
        left = size - len(content)
        while left > 0:
            box = min(left, _LARGEST_BOX)
            file.write(max(box, _BOX_HEADER).to_bytes(4, "big") + b"free")
            file.seek(box - _BOX_HEADER, 1)
            left -= box
        file.truncate()
    return path
