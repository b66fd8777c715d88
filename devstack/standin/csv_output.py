"""The two kinds of CSV, in OpenFace's number formats."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.standin.action_units import PRESENT_FROM, calibrated
from devstack.standin.canonical_face import FloatArray
from devstack.standin.columns import IMAGE_LEADING, VIDEO_LEADING, Group, header
from devstack.standin.measurement import NO_FACE, Face

_RUNNING, _FINAL = ".1f", ".2f"
"""Formats of the AU classes: while a video runs (and always in images), and at its end."""


def write_image(path: Path, faces: Sequence[Face], groups: Collection[Group]) -> None:
    """Write an image's CSV, a row a face."""
    lines = [
        ",".join(
            [
                str(number),
                f"{face.confidence:.3f}",
                *_measures(face, groups),
                *_action_units(face.intensities, groups, _RUNNING),
            ]
        )
        for number, face in enumerate(faces)
    ]
    with path.open("w", encoding="ascii", newline="") as file:
        file.writelines(f"{line}\n" for line in [",".join(header(IMAGE_LEADING, groups)), *lines])


class VideoCsv:
    """A video's CSV, a row a frame, which grows while the video is measured and is rewritten in place at the end.

    A context manager. A run that is killed leaves what OpenFace leaves: rows that look whole, with action units that
    aren't calibrated and classes with one decimal, and a last line that is cut where the buffer ended.

    Arguments:
        path: where to write.
        groups: the column groups to write.
    """

    def __init__(self, path: Path, groups: Collection[Group]) -> None:
        self._path = path
        self._groups = groups
        self._rows: list[tuple[str, FloatArray | None]] = []
        self._file = path.open("w", encoding="ascii", newline="")
        self._file.write(self._header())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def append(self, timestamp: float, face: Face | None) -> None:
        """Write the next frame's row.

        Arguments:
            timestamp: the frame's, in seconds.
            face: what was measured, or None for a frame without a face.
        """
        shown = face or NO_FACE
        frame = str(len(self._rows) + 1)
        leading = [frame, "0", f"{timestamp:.3f}", f"{shown.confidence:.2f}", str(int(face is not None))]
        # Joined at once: a long clip's cells would fill the memory as objects of their own.
        start = ",".join([*leading, *_measures(shown, self._groups)])
        self._rows.append((start, face.intensities if face else None))
        self._file.write(self._line(start, shown.intensities, _RUNNING))

    def postprocess(self, *, static: bool) -> None:
        """Rewrite the closed file with final action units; unless `static`, calibrated to the person's own neutral."""
        raw = [values for _, values in self._rows]
        final = raw if static else calibrated(raw)
        lines: Iterable[str] = (
            self._line(start, NO_FACE.intensities if values is None else values, _FINAL)
            for (start, _), values in zip(self._rows, final, strict=True)
        )
        with self._path.open("w", encoding="ascii", newline="") as file:
            file.write(self._header())
            file.writelines(lines)

    def _header(self) -> str:
        return ",".join(header(VIDEO_LEADING, self._groups)) + "\n"

    def _line(self, start: str, intensities: FloatArray, classes: str) -> str:
        return ",".join([start, *_action_units(intensities, self._groups, classes)]) + "\n"


def _measures(face: Face, groups: Collection[Group]) -> list[str]:
    """The cells of every group but the action units."""
    cells: list[str] = []
    if Group.GAZE in groups:
        cells += [f"{value:.6f}" for value in face.gaze.directions.ravel()]
        cells += [f"{value:.3f}" for value in face.gaze.angles]
    if Group.POSE in groups:
        cells += [f"{value:.1f}" for value in face.location]
        cells += [f"{value:.3f}" for value in face.rotation]
    # Transposed: all x, then all y, …
    if Group.LANDMARKS_2D in groups:
        cells += [f"{value:.1f}" for value in face.points_2d.T.ravel()]
    if Group.LANDMARKS_3D in groups:
        cells += [f"{value:.1f}" for value in face.points_3d.T.ravel()]
    return cells


def _action_units(intensities: FloatArray, groups: Collection[Group], classes: str) -> list[str]:
    if Group.ACTION_UNITS not in groups:
        return []
    present = [float(value >= PRESENT_FROM) for value in intensities]
    return [
        *(f"{value:.2f}" for value in intensities),
        *(format(value, classes) for value in present),
    ]
