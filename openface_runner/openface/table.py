"""One pass over a CSV that OpenFace left: is it whole, is every cell a number, and what does it say."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openface_runner.openface.columns import AU_CLASSES


class DamagedTable(Exception):
    """The CSV isn't whole, or isn't a table of numbers; the message says where."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a whole CSV holds."""

    columns: frozenset[str]
    """Names without the blanks that older versions put around them."""
    rows: int
    successes: int
    """Rows with a face: all of an image's, those with ``success`` 1 of a video's."""
    confidences: Sequence[float]
    """Of the rows with a face."""
    postprocessed: bool
    """Whether a video's action units have been through the last step; true without AU columns, no matter for images.

    FeatureExtraction writes AU classes as ``1.0`` while it runs and as ``1.00`` when it rewrites the file at its end.
    """

    @property
    def confidence_median(self) -> float | None:
        """Median confidence of the rows with a face, rounded to three places."""
        return round(statistics.median(self.confidences), 3) if self.confidences else None

    @property
    def confidence_lowest(self) -> float | None:
        """Lowest confidence of the rows with a face."""
        return min(self.confidences, default=None)


def read(path: Path) -> Table:
    """Read and check a CSV.

    Columns are found by stripped names, never by position. Cells must be finite numbers; only in rows that OpenFace
    itself marks as lost (``success`` 0) may a cell be ``nan``, as some versions write there.

    Raises:
        DamagedTable: a cut line, a wrong number of cells, a cell that isn't a number, or frames out of order.
        FileNotFoundError: there is no such file.
    """
    # newline="": the last line's own end is what tells a cut file from a whole one.
    with path.open(encoding="ascii", newline="") as file:
        try:
            lines = _whole_lines(file)
            header = [name.strip() for name in next(lines, "").split(",")]
            return _read_rows(header, lines)
        except UnicodeDecodeError as error:
            raise DamagedTable(f"byte {error.start} isn't text") from error


def _whole_lines(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            raise DamagedTable(f"line {number}, the last one, is cut off")
        yield line


@dataclass
class _Checks:
    """The positions of the columns that decide, and what was found in them so far."""

    width: int
    success: int | None
    confidence: int | None
    frame: int | None
    au_classes: Sequence[int]
    rows: int = 0
    confidences: list[float] = field(default_factory=list)
    postprocessed: bool = True

    def take(self, number: int, line: str) -> None:
        cells = line.split(",")
        if len(cells) != self.width:
            raise DamagedTable(f"line {number} has {len(cells)} cells instead of {self.width}")
        try:
            values = [float(cell) for cell in cells]
        except ValueError as error:
            raise DamagedTable(f"line {number} holds something that isn't a number: {error}") from error
        found = self.success is None or values[self.success] == 1
        # The sum is finite unless a cell isn't: one check for a whole row.
        if found and not math.isfinite(math.fsum(values)):
            raise DamagedTable(f"line {number} holds a value that isn't finite, in a row with a face")
        self.rows += 1
        if self.frame is not None and values[self.frame] != self.rows:
            raise DamagedTable(f"line {number} is frame {cells[self.frame].strip()} where {self.rows} was due")
        if found and self.confidence is not None:
            self.confidences.append(values[self.confidence])
        self.postprocessed = self.postprocessed and all(_decimals(cells[i]) != 1 for i in self.au_classes)


def _decimals(cell: str) -> int:
    return len(cell.strip().partition(".")[2])


def _read_rows(header: Sequence[str], lines: Iterator[str]) -> Table:
    names = frozenset(header)
    if len(names) != len(header) or "" in names:
        raise DamagedTable("the header is empty or names a column twice")
    position = {name: index for index, name in enumerate(header)}
    checks = _Checks(
        width=len(header),
        success=position.get("success"),
        confidence=position.get("confidence"),
        frame=position.get("frame"),
        au_classes=[position[name] for name in AU_CLASSES if name in position],
    )
    for number, line in enumerate(lines, start=2):
        checks.take(number, line)
    if not checks.rows:
        raise DamagedTable("there is a header, but no row")
    return Table(
        columns=names,
        rows=checks.rows,
        successes=len(checks.confidences),
        confidences=checks.confidences,
        postprocessed=checks.postprocessed,
    )
