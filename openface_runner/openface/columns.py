"""The columns that OpenFace writes, by name: the reference that a CSV is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from openface_runner.openface.installation import Engine, Program


class ColumnGroup(StrEnum):
    """A group of CSV columns."""

    GAZE = "gaze"
    POSE = "pose"
    LANDMARKS_2D = "landmarks_2d"
    LANDMARKS_3D = "landmarks_3d"
    SHAPE = "shape"
    ACTION_UNITS = "action_units"


ACTION_UNITS: Mapping[str, str] = {
    "AU01": "inner brow raiser",
    "AU02": "outer brow raiser",
    "AU04": "brow lowerer",
    "AU05": "upper lid raiser",
    "AU06": "cheek raiser",
    "AU07": "lid tightener",
    "AU09": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU12": "lip corner puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU17": "chin raiser",
    "AU20": "lip stretcher",
    "AU23": "lip tightener",
    "AU25": "lips part",
    "AU26": "jaw drop",
    "AU28": "lip suck",
    "AU45": "blink",
}
"""The action units that OpenFace measures, with their names in the Facial Action Coding System."""

_ONLY_PRESENCE = "AU28"
_LANDMARKS = range(68)
_EYE_LANDMARKS = range(56)
_SHAPE_PARAMETERS = range(34)

# `face_id` came with later versions of OpenFace: that it is missing is a matter of version, not of damage.
IMAGE_LEADING = ("face", "confidence")
VIDEO_LEADING = ("frame", "timestamp", "confidence", "success")
_LEADING = {Program.IMAGE: IMAGE_LEADING, Program.VIDEO: VIDEO_LEADING}
AU_INTENSITIES = tuple(f"{au}_r" for au in ACTION_UNITS if au != _ONLY_PRESENCE)
"""How strong an action unit is, 0 to 5."""
AU_CLASSES = tuple(f"{au}_c" for au in ACTION_UNITS)
"""Whether an action unit is present (1) or not (0); AU28 exists only so."""

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
    ColumnGroup.ACTION_UNITS: (*AU_INTENSITIES, *AU_CLASSES),
}

# Older versions lack these; the gaze vectors themselves are always there when the eye models are.
_OPTIONAL = ("eye_lmk_", "gaze_angle_")


def of_group(group: ColumnGroup) -> tuple[str, ...]:
    """The columns of a group, in the order in which a new OpenFace writes them; an older one may lack some."""
    return _GROUPS[group]


def required(program: Program, groups: Iterable[ColumnGroup], engine: Engine) -> frozenset[str]:
    """The columns without which a CSV of this engine isn't whole: a missing one means a missing model."""
    names = {*_LEADING[program], *(name for group in groups for name in _GROUPS[group])}
    return frozenset(name for name in names if engine.fills(name) and not name.startswith(_OPTIONAL))
