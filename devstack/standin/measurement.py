"""Everything that a CSV says of one face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devstack.standin import action_units, geometry
from devstack.standin.canonical_face import CanonicalFace, FloatArray
from devstack.standin.columns import ACTION_UNITS, LANDMARKS
from devstack.standin.face_model import Landmarks

# OpenFace's 68 points among MediaPipe's 478: the table that many projects share. The points 0, 16, 17 and 26 are
# py-feat's (MIT), since they agree better with OpenFace's.
# fmt: off
_POINTS_68 = np.array([
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
], dtype=np.intp)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Face:
    """One face's measures."""

    confidence: float
    """0 to 1."""
    gaze: geometry.Gaze
    location: FloatArray
    """Of the head, in mm from the camera."""
    rotation: FloatArray
    """Of the head, in radians about x, y and z."""
    points_2d: FloatArray
    """68 x 2, pixels."""
    points_3d: FloatArray
    """68 x 3, mm."""
    intensities: FloatArray
    """Of `columns.ACTION_UNITS`, 0 to 5."""


NO_FACE = Face(
    confidence=0.0,
    gaze=geometry.Gaze(np.zeros((2, 3)), np.zeros(2)),
    location=np.zeros(3),
    rotation=np.zeros(3),
    points_2d=np.zeros((LANDMARKS, 2)),
    points_3d=np.zeros((LANDMARKS, 3)),
    intensities=np.zeros(len(ACTION_UNITS)),
)
"""What a video's CSV says of a frame without a face."""


def measure(landmarks: Landmarks, canonical: CanonicalFace, camera: geometry.Camera, confidence: float) -> Face:
    """Measure a face.

    Arguments:
        landmarks: of the face, in the pixels of the whole picture.
        canonical: the mean face that its pose is measured against.
        camera: what saw the picture.
        confidence: how sure the detector is of the face, 0 to 1.
    """
    points = landmarks.points
    pose = geometry.head_pose(points, canonical, camera)
    # OpenFace's origin of a head is the middle of its 68 points.
    location = pose.rotation @ canonical.vertices[_POINTS_68].mean(axis=0) + pose.translation
    pixels_per_mm = (camera.fx + camera.fy) / 2 / location[2]
    depth = location[2] + (points[:, 2] - points[_POINTS_68, 2].mean()) / pixels_per_mm
    space = geometry.in_space(points, depth, camera)
    return Face(
        confidence=confidence,
        gaze=geometry.gaze(points, space, pose.rotation, camera),
        location=location,
        rotation=pose.angles,
        points_2d=points[_POINTS_68, :2],
        points_3d=space[_POINTS_68],
        intensities=action_units.intensities(landmarks),
    )
