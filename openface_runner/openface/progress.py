"""How far FeatureExtraction is in a video: the rows of the CSV that it writes, against the frames that are due."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_AT_ONCE = 1024**2


class GrowingCsv:
    """Counts the rows of a CSV as it grows, and reads each byte once.

    Arguments:
        csv: the file, which may not exist yet.
        frames: the rows that it should have in the end.
        on_progress: called with the share of them that is there, 0 to 1, when it has grown by a percent or more.
    """

    def __init__(self, csv: Path, frames: int, on_progress: Callable[[float], None]) -> None:
        self._csv = csv
        self._frames = frames
        self._on_progress = on_progress
        self._read = 0
        self._lines = 0
        self._percent = 0

    def look(self) -> bool:
        """Read what was added; always False, since a video's wall time never begins anew."""
        self._count()
        # The first line is the header. OpenFace writes the file again at its end, from its beginning: until it has
        # ended, nothing is done.
        percent = min(99, 100 * max(0, self._lines - 1) // max(1, self._frames))
        if percent > self._percent:
            self._percent = percent
            self._on_progress(percent / 100)
        return False

    def _count(self) -> None:
        try:
            file = self._csv.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._read)
            while added := file.read(_AT_ONCE):
                self._read += len(added)
                self._lines += added.count(b"\n")
