"""The columns of the stand-in's CSVs, in OpenFace's order, and those that it leaves out."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum


class Group(Enum):
    """A group of columns; the value is OpenFace's flag for it, less the hyphen."""

    GAZE = "gaze"
    POSE = "pose"
    LANDMARKS_2D = "2Dfp"
    LANDMARKS_3D = "3Dfp"
    SHAPE = "pdmparams"
    ACTION_UNITS = "aus"


ACTION_UNITS = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU10", "AU12", "AU25", "AU45")
"""The action units that follow OpenFace's well enough to be shown."""

LEFT_OUT_ACTION_UNITS = ("AU07", "AU09", "AU14", "AU15", "AU17", "AU20", "AU23", "AU26", "AU28")
"""Those whose values would be no better than noise when held against OpenFace's."""

LEAVES_OUT = ("eye_lmk_*", "p_*", *(f"{unit}_*" for unit in LEFT_OUT_ACTION_UNITS))
"""Patterns (fnmatch) of OpenFace's columns that are never there: the model has no pupil contour and no point
distribution model."""

IMAGE_LEADING = ("face", "confidence")
VIDEO_LEADING = ("frame", "face_id", "timestamp", "confidence", "success")

LANDMARKS = 68

_COLUMNS: dict[Group, tuple[str, ...]] = {
    Group.GAZE: (*(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"), "gaze_angle_x", "gaze_angle_y"),
    Group.POSE: tuple(f"pose_{value}" for value in ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz")),
    Group.LANDMARKS_2D: tuple(f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS)),
    Group.LANDMARKS_3D: tuple(f"{axis}_{i}" for axis in "XYZ" for i in range(LANDMARKS)),
    Group.SHAPE: (),
    Group.ACTION_UNITS: (*(f"{unit}_r" for unit in ACTION_UNITS), *(f"{unit}_c" for unit in ACTION_UNITS)),
}


def header(leading: Collection[str], groups: Collection[Group]) -> list[str]:
    """The names of all columns: the leading ones of an image's or a video's CSV, then those of the groups."""
    return [*leading, *(name for group in Group if group in groups for name in _COLUMNS[group])]
