"""One pass over a CSV that OpenFace left: is it whole, is every cell a number, and what does it say."""

from __future__ import annotations

import math
import re
import statistics
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from openface_runner.openface.columns import AU_CLASSES

_ONE_DECIMAL = re.compile(rb"\.[^,\s]\s*(?:,|$)")
_OF_JSON_NUMBERS = b"0123456789.+-eE, \n"


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
    values: Mapping[str, array[float]]
    """The columns that were to be kept, in the file's order, a value a row."""

    @property
    def confidence_median(self) -> float | None:
        """Median confidence of the rows with a face, rounded to three places."""
        return round(statistics.median(self.confidences), 3) if self.confidences else None

    @property
    def confidence_lowest(self) -> float | None:
        """Lowest confidence of the rows with a face."""
        return min(self.confidences, default=None)


def _nothing(_: str) -> bool:
    return False


def read(path: Path, keep: Callable[[str], bool] = _nothing) -> Table:
    """Read and check a CSV.

    Columns are found by stripped names, never by position. Cells must be finite numbers; only in rows that OpenFace
    itself marks as lost (``success`` 0) may a cell be ``nan``, as some versions write there.

    Arguments:
        path: the CSV.
        keep: whether a column's values are wanted. All 714 of a clip take 5.7 kB a frame.

    Raises:
        DamagedTable: a cut line, a wrong number of cells, a cell that isn't a number, or frames out of order.
        FileNotFoundError: there is no such file.
    """
    with path.open("rb") as file:
        lines = _whole_lines(file)
        header = [name.strip() for name in _text(1, next(lines, b"")).split(",")]
        return _read_rows(header, lines, keep)


def _whole_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    # The last line's own end is what tells a cut file from a whole one.
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            raise DamagedTable(f"line {number}, the last one, is cut off")
        yield line


def _text(number: int, line: bytes) -> str:
    try:
        return line.decode("ascii")
    except UnicodeDecodeError:
        raise DamagedTable(f"line {number} holds a byte that isn't text") from None


@dataclass
class _Checks:
    """The positions of the columns that decide, and what was found in them so far."""

    width: int
    success: int | None
    confidence: int | None
    frame: int | None
    au_classes: Sequence[int]
    kept: Sequence[tuple[int, array[float]]]
    rows: int = 0
    confidences: list[float] = field(default_factory=list)
    postprocessed: bool = True

    def take(self, number: int, line: bytes) -> None:
        values = _finite_numbers(line)
        finite = values is not None
        if values is None:
            values = _numbers(number, line)
            # The sum is finite unless a cell isn't: one check for a whole row.
            finite = math.isfinite(math.fsum(values))
        if len(values) != self.width:
            raise DamagedTable(f"line {number} has {len(values)} cells instead of {self.width}")
        found = self.success is None or values[self.success] == 1
        if found and not finite:
            raise DamagedTable(f"line {number} holds a value that isn't finite, in a row with a face")
        self.rows += 1
        if self.frame is not None and values[self.frame] != self.rows:
            raise DamagedTable(f"line {number} is frame {values[self.frame]:g} where {self.rows} was due")
        if found and self.confidence is not None:
            self.confidences.append(values[self.confidence])
        for position, column in self.kept:
            column.append(values[position])
        self.postprocessed = self.postprocessed and self._has_passed_the_last_step(line)

    def _has_passed_the_last_step(self, line: bytes) -> bool:
        if not self.au_classes:
            return True
        first = self.au_classes[0]
        # They are the last columns, so most of the line needn't be split.
        cells = line.rsplit(b",", self.width - first)[1:]
        if len(cells) != len(self.au_classes):
            cells = [cells[position - first] for position in self.au_classes]
        return not _ONE_DECIMAL.search(b",".join(cells))


def _finite_numbers(line: bytes) -> list[float] | None:
    """The numbers of a row, if all are finite and written as JSON writes them; five times as fast as one by one."""
    if line.translate(None, _OF_JSON_NUMBERS):
        return None
    try:
        values: list[float] = orjson.loads(b"[%b]" % line)
    except orjson.JSONDecodeError:
        return None
    return values


def _numbers(number: int, line: bytes) -> list[float]:
    text = _text(number, line)
    # Python takes an underscore between digits, and a carriage return for a blank.
    odd = "_" if "_" in text else "\r" if "\r" in text.removesuffix("\r\n") else None
    if odd:
        raise DamagedTable(f"line {number} holds something that isn't a number: {odd!r}")
    try:
        return [float(cell) for cell in text.split(",")]
    except ValueError as error:
        raise DamagedTable(f"line {number} holds something that isn't a number: {error}") from None


def _read_rows(header: Sequence[str], lines: Iterator[bytes], keep: Callable[[str], bool]) -> Table:
    names = frozenset(header)
    if len(names) != len(header) or "" in names:
        raise DamagedTable("the header is empty or names a column twice")
    position = {name: index for index, name in enumerate(header)}
    kept = {name: array("d") for name in header if keep(name)}
    checks = _Checks(
        width=len(header),
        success=position.get("success"),
        confidence=position.get("confidence"),
        frame=position.get("frame"),
        au_classes=sorted(position[name] for name in AU_CLASSES if name in position),
        kept=[(position[name], column) for name, column in kept.items()],
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
        values=kept,
    )
