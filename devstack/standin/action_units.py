"""Action units from MediaPipe's blendshapes: rough, and only those that follow OpenFace's (see `columns`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from devstack.standin.canonical_face import FloatArray
from devstack.standin.columns import ACTION_UNITS
from devstack.standin.face_model import Landmarks

PRESENT_FROM = 1.0
"""The intensity from which an action unit's class is 1."""

_MOST = 5.0
_UPPER_LIP, _LOWER_LIP, _MOUTH_LEFT, _MOUTH_RIGHT = 13, 14, 61, 291


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """How an action unit is read off a face."""

    evidence: Callable[[Mapping[str, float], float], float]
    """From the blendshapes and the gap between the lips, as a share of the mouth's width."""
    none: float
    """The evidence at which the intensity is 0."""
    most: float
    """The evidence at which it would be 5; it may lie beyond what evidence can be."""
    neutral: float | None = None
    """The share of a clip's frames that show the person's own neutral or less of it; None: not calibrated."""


def _mean(shapes: Mapping[str, float], name: str) -> float:
    return (shapes[f"{name}Left"] + shapes[f"{name}Right"]) / 2


# Ranges and shares were fitted to OpenFace's values on clips that both measured. MediaPipe's own cheekSquint and
# noseSneer never move, which is why AU06 is made of two others.
_UNITS = {
    "AU01": _Unit(evidence=lambda shapes, _: shapes["browInnerUp"], none=0.02, most=0.7, neutral=0.2),
    "AU02": _Unit(evidence=lambda shapes, _: _mean(shapes, "browOuterUp"), none=0.05, most=1.2, neutral=0.2),
    "AU04": _Unit(evidence=lambda shapes, _: _mean(shapes, "browDown"), none=0.02, most=0.8, neutral=0.1),
    "AU05": _Unit(evidence=lambda shapes, _: _mean(shapes, "eyeWide"), none=0.01, most=0.2, neutral=0.2),
    "AU06": _Unit(
        evidence=lambda shapes, _: _mean(shapes, "eyeSquint") * _mean(shapes, "mouthSmile"), none=0.0, most=1.0
    ),
    "AU10": _Unit(evidence=lambda shapes, _: _mean(shapes, "mouthUpperUp"), none=0.0, most=1.6),
    "AU12": _Unit(evidence=lambda shapes, _: _mean(shapes, "mouthSmile"), none=0.1, most=1.4),
    "AU25": _Unit(evidence=lambda shapes, lip_gap: max(4 * lip_gap, shapes["jawOpen"]), none=0.3, most=2.3),
    "AU45": _Unit(evidence=lambda shapes, _: _mean(shapes, "eyeBlink"), none=0.2, most=1.3, neutral=0.1),
}


def intensities(landmarks: Landmarks) -> FloatArray:
    """The intensity (0 to 5) of each of `columns.ACTION_UNITS`, in their order."""
    lip_gap = _distance(landmarks, _UPPER_LIP, _LOWER_LIP) / _distance(landmarks, _MOUTH_LEFT, _MOUTH_RIGHT)
    values = []
    for name in ACTION_UNITS:
        unit = _UNITS[name]
        share = (unit.evidence(landmarks.blendshapes, lip_gap) - unit.none) / (unit.most - unit.none)
        values.append(_MOST * min(max(share, 0.0), 1.0))
    return np.array(values)


def calibrated(frames: Sequence[FloatArray | None]) -> list[FloatArray | None]:
    """A clip's intensities against the person's own neutral over the clip, as OpenFace's dynamic models have them.

    Arguments:
        frames: the intensities of each frame; None where no face was found, which stays so.
    """
    seen = [frame for frame in frames if frame is not None]
    if not seen:
        return list(frames)
    clip = np.array(seen)
    shares = [_UNITS[name].neutral for name in ACTION_UNITS]
    neutral = np.array(
        [0.0 if share is None else np.quantile(clip[:, unit], share) for unit, share in enumerate(shares)]
    )
    return [None if frame is None else np.maximum(frame - neutral, 0.0) for frame in frames]


def _distance(landmarks: Landmarks, one: int, other: int) -> float:
    return float(np.linalg.norm(landmarks.points[one, :2] - landmarks.points[other, :2]))
