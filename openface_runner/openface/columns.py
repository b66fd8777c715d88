"""The columns that OpenFace writes, by name: the reference that a CSV is held against."""

from __future__ import annotations

from collections.abc import Iterable

from openface_runner.openface.installation import Engine, Program
from openface_runner.settings import ColumnGroup

_AUS = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")
_LANDMARKS = range(68)
_EYE_LANDMARKS = range(56)
_SHAPE_PARAMETERS = range(34)

# `face_id` came with later versions of OpenFace: that it is missing is a matter of version, not of damage.
_LEADING = {
    Program.IMAGE: ("face", "confidence"),
    Program.VIDEO: ("frame", "timestamp", "confidence", "success"),
}
AU_CLASSES = tuple(f"AU{au}_c" for au in (*_AUS, "28"))
"""Action units that are present (1) or not (0); AU28 exists only so."""

_GROUPS: dict[ColumnGroup, tuple[str, ...]] = {
    ColumnGroup.GAZE: (
        *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
        "gaze_angle_x",
        "gaze_angle_y",
        *(f"eye_lmk_{axis}_{i}" for axis in "xyXYZ" for i in _EYE_LANDMARKS),
    ),
    ColumnGroup.POSE: tuple(f"pose_{value}" for value in ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz")),
    ColumnGroup.LANDMARKS_2D: tuple(f"{axis}_{i}" for axis in "xy" for i in _LANDMARKS),
    ColumnGroup.LANDMARKS_3D: tuple(f"{axis}_{i}" for axis in "XYZ" for i in _LANDMARKS),
    ColumnGroup.SHAPE: (
        *(f"p_{value}" for value in ("scale", "rx", "ry", "rz", "tx", "ty")),
        *(f"p_{i}" for i in _SHAPE_PARAMETERS),
    ),
    ColumnGroup.ACTION_UNITS: (*(f"AU{au}_r" for au in _AUS), *AU_CLASSES),
}

# Older versions lack these; the gaze vectors themselves are always there when the eye models are.
_OPTIONAL = ("eye_lmk_", "gaze_angle_")


def required(program: Program, groups: Iterable[ColumnGroup], engine: Engine) -> frozenset[str]:
    """The columns without which a CSV of this engine isn't whole: a missing one means a missing model."""
    names = {*_LEADING[program], *(name for group in groups for name in _GROUPS[group])}
    return frozenset(name for name in names if engine.fills(name) and not name.startswith(_OPTIONAL))
