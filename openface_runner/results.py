"""Read a CSV that OpenFace left as a table of numbers: columns by stripped name, in groups, and checked.

    from openface_runner import results

    smile = results.read("clip.mp4.csv", with_face_only=True)
    print(max(smile["AU12_r"]), results.ACTION_UNITS["AU12"])

What the columns mean, in which units, and which rows not to trust: ``docs/results.md``. Columns are arrays of doubles
from the standard library, which numpy and pandas take as they are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path

from openface_runner.openface import columns as openface_columns
from openface_runner.openface.columns import ACTION_UNITS, ColumnGroup
from openface_runner.openface.table import DamagedTable
from openface_runner.openface.table import read as read_table

__all__ = ["ACTION_UNITS", "ColumnGroup", "Kind", "Results", "ResultsError", "read"]

_LEADING = frozenset({"face_id", *openface_columns.VIDEO_LEADING, *openface_columns.IMAGE_LEADING})
_GROUPED = frozenset(name for group in ColumnGroup for name in openface_columns.of_group(group))
LANDMARKS = 68
"""Points of a face, in the order of the iBUG 300-W scheme: jaw, brows, nose, eyes, mouth."""


class Kind(StrEnum):
    """What was measured, which decides what a row is."""

    IMAGE = "image"
    """A row is a face; no ``success``, ``frame`` or ``timestamp``."""
    VIDEO = "video"
    """A row is a frame, with a face or without."""


class ResultsError(ValueError):
    """A file isn't a whole result of OpenFace; the message says which, why, and what to do, ``reason`` only why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not a whole result of OpenFace: {reason}. Measure the medium again, or take another file."
        )
        self.reason = reason


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What one CSV holds; ``results["AU12_r"]`` is a column."""

    path: Path
    kind: Kind
    rows: int
    """Faces of an image, frames of a video (all of them, or those with a face, as ``read`` was asked)."""
    columns: Mapping[str, array[float]]
    """The columns that were asked for, by name, in the file's order; ``pandas.DataFrame(results.columns)`` works."""

    def __getitem__(self, name: str) -> array[float]:
        """A column.

        Raises:
            KeyError: the file has no such column, or it wasn't asked for.
        """
        try:
            return self.columns[name]
        except KeyError:
            raise KeyError(f"{name} is not among the columns that were read from {self.path}") from None

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def group(self, group: ColumnGroup | str) -> dict[str, array[float]]:
        """The columns of a group; empty when the file has none of them."""
        names = openface_columns.of_group(ColumnGroup(group))
        return {name: self.columns[name] for name in names if name in self.columns}

    @property
    def success(self) -> list[bool]:
        """Row by row: whether there is a face. Always so in images, which have rows for nothing else."""
        if self.kind is Kind.IMAGE:
            return [True] * self.rows
        return [value == 1 for value in self["success"]]

    @property
    def seconds(self) -> array[float]:
        """When each frame of a video was, from its start. OpenFace reckons with a constant frame rate.

        Raises:
            KeyError: an image has no time.
        """
        return self["timestamp"]

    @property
    def intensities(self) -> dict[str, array[float]]:
        """How strong each action unit is, 0 to 5, by its code (``AU12``); without AU28, which has only presence."""
        return self._action_units("_r")

    @property
    def presences(self) -> dict[str, array[float]]:
        """Whether each action unit is there, 1 or 0, by its code (``AU12``)."""
        return self._action_units("_c")

    def _action_units(self, suffix: str) -> dict[str, array[float]]:
        found = {unit: f"{unit}{suffix}" for unit in ACTION_UNITS}
        return {unit: self.columns[name] for unit, name in found.items() if name in self.columns}

    def landmarks(self, row: int) -> list[tuple[float, float]]:
        """The 68 points of a row, in pixels from the image's upper left corner, x to the right, y down.

        Raises:
            KeyError: the columns of ``landmarks_2d`` aren't there, or weren't asked for.
        """
        return [(self[f"x_{i}"][row], self[f"y_{i}"][row]) for i in range(LANDMARKS)]

    def landmarks_3d(self, row: int) -> list[tuple[float, float, float]]:
        """The 68 points of a row in millimetres from the camera; axes as in ``docs/results.md``.

        Raises:
            KeyError: the columns of ``landmarks_3d`` aren't there, or weren't asked for.
        """
        return [(self[f"X_{i}"][row], self[f"Y_{i}"][row], self[f"Z_{i}"][row]) for i in range(LANDMARKS)]


def read(
    path: str | PathLike[str], columns: Iterable[ColumnGroup | str] | None = None, *, with_face_only: bool = False
) -> Results:
    """Read a CSV of FaceLandmarkImg or FeatureExtraction, of any version since 2.0, and check that it is whole.

    Arguments:
        path: the CSV.
        columns: the column groups that are wanted, as ``ColumnGroup`` or by name, and single columns by name; None:
            every column of the file. The leading columns (``confidence``, ``timestamp``, …) always come. A long clip
            takes 5.7 kB a frame in all, and 0.3 kB with action units alone.
        with_face_only: leave out the frames of a video in which OpenFace found no face (``success`` 0). It writes
            values for them all the same, some versions ``nan``: never reckon with them.

    Raises:
        ResultsError: it isn't a result of OpenFace, or not a whole one.
        ValueError: a name that is neither a group nor a column of OpenFace.
        OSError: the file can't be read.
    """
    path = Path(path)
    unwanted = frozenset() if columns is None else _GROUPED - _named(columns)
    try:
        table = read_table(path, keep=lambda name: name not in unwanted)
    except DamagedTable as error:
        raise ResultsError(path, str(error)) from None
    kind = _kind(path, table.columns)
    if kind is Kind.VIDEO and not table.postprocessed:
        raise ResultsError(path, "OpenFace stopped before its last step, so its action units are raw")
    found = Results(path=path, kind=kind, rows=table.rows, columns=table.values)
    return _with_face(found) if with_face_only and kind is Kind.VIDEO else found


def _named(wanted: Iterable[str]) -> frozenset[str]:
    names: set[str] = set()
    for name in wanted:
        if name in set(ColumnGroup):
            names.update(openface_columns.of_group(ColumnGroup(name)))
        elif name in _GROUPED:
            names.add(name)
        elif name not in _LEADING:
            raise ValueError(f"{name!r} is neither a column of OpenFace nor a group: {', '.join(ColumnGroup)}")
    return frozenset(names)


def _kind(path: Path, names: frozenset[str]) -> Kind:
    for kind, leading in ((Kind.VIDEO, openface_columns.VIDEO_LEADING), (Kind.IMAGE, openface_columns.IMAGE_LEADING)):
        if names.issuperset(leading):
            return kind
    video, image = (", ".join(names) for names in (openface_columns.VIDEO_LEADING, openface_columns.IMAGE_LEADING))
    raise ResultsError(path, f"its columns begin neither with {video} (a video) nor with {image} (an image)")


def _with_face(results: Results) -> Results:
    rows = [row for row, found in enumerate(results.success) if found]
    columns = {name: array("d", [column[row] for row in rows]) for name, column in results.columns.items()}
    return Results(path=results.path, kind=results.kind, rows=len(rows), columns=columns)
