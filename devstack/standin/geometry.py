"""From landmarks in a picture to millimetres: the camera, the head's pose, the gaze.

Axes are OpenFace's: x right, y down, z away from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from devstack.standin.arguments import Request
from devstack.standin.canonical_face import CanonicalFace, FloatArray

# Eye: its corners and the centre of its iris; first the eye on the picture's left, as in OpenFace.
_EYES = ((33, 133, 468), (362, 263, 473))

# The eyeball, in mm: its radius, and how far its centre lies to the side of, above and behind the middle of the
# corners. The first two of these were fitted so that the mean gaze agrees with OpenFace's.
_EYE_RADIUS = 12.0
_EYE_ASIDE, _EYE_ABOVE, _EYE_BEHIND = 1.9, 3.5, 7.0

_NO_DISTORTION = np.zeros(4)


@dataclass(frozen=True)
class Camera:
    """Focal lengths and optical centre, in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True)
class Pose:
    """Turns and moves the canonical face to where the camera sees it (mm)."""

    rotation: FloatArray
    translation: FloatArray

    @property
    def angles(self) -> FloatArray:
        """Rotation about x, y and z in radians, as OpenFace takes a matrix apart: Rx Ry Rz."""
        r = self.rotation
        return np.array(
            [
                math.atan2(-r[1, 2], r[2, 2]),
                math.asin(np.clip(r[0, 2], -1, 1)),
                math.atan2(-r[0, 1], r[0, 0]),
            ]
        )


@dataclass(frozen=True)
class Gaze:
    """Where the eyes look: a unit vector an eye (2 x 3), and the mean's angles to the side and downwards (radians)."""

    directions: FloatArray
    angles: FloatArray


def camera_for(width: int, height: int, request: Request) -> Camera:
    """The camera of a picture of this size: what the request says, or else OpenFace's estimate."""
    estimate = (500 * width / 640 + 500 * height / 480) / 2
    fx, fy = request.focal_length or (estimate, estimate)
    cx, cy = request.centre or (width / 2, height / 2)
    return Camera(fx, fy, cx, cy)


def head_pose(points: FloatArray, canonical: CanonicalFace, camera: Camera) -> Pose:
    """The pose that projects the canonical face onto the landmarks (pixels)."""
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    model = canonical.vertices[canonical.rigid]
    seen = points[canonical.rigid, :2].copy()  # OpenCV wants it in one piece
    _, turn, move = cv2.solvePnP(model, seen, matrix, _NO_DISTORTION, flags=cv2.SOLVEPNP_SQPNP)
    _, turn, move = cv2.solvePnP(model, seen, matrix, _NO_DISTORTION, turn, move, useExtrinsicGuess=True)
    rotation, _ = cv2.Rodrigues(turn)
    return Pose(np.asarray(rotation, dtype=np.float64), np.asarray(move, dtype=np.float64)[:, 0])


def in_space(points: FloatArray, depth: FloatArray, camera: Camera) -> FloatArray:
    """Points in pixels, with their distance from the camera (mm), as points in space (n x 3, mm)."""
    return np.stack(
        [(points[:, 0] - camera.cx) * depth / camera.fx, (points[:, 1] - camera.cy) * depth / camera.fy, depth], axis=1
    )


def gaze(points: FloatArray, space: FloatArray, rotation: FloatArray, camera: Camera) -> Gaze:
    """Where the eyes look: from each eyeball's centre through the iris.

    Arguments:
        points: all landmarks in pixels.
        space: the same landmarks in mm.
        rotation: the head's.
        camera: what saw them.
    """
    directions = []
    for (corner, other_corner, iris), side in zip(_EYES, (-1, 1), strict=True):
        middle = (space[corner] + space[other_corner]) / 2
        centre = middle + rotation @ np.array([side * _EYE_ASIDE, -_EYE_ABOVE, _EYE_BEHIND])
        ray = np.array([(points[iris, 0] - camera.cx) / camera.fx, (points[iris, 1] - camera.cy) / camera.fy, 1])
        direction = _first_hit(ray / np.linalg.norm(ray), centre) - centre
        directions.append(direction / np.linalg.norm(direction))
    mean = (directions[0] + directions[1]) / 2
    return Gaze(np.array(directions), np.array([math.atan2(mean[0], -mean[2]), math.atan2(mean[1], -mean[2])]))


def _first_hit(ray: FloatArray, centre: FloatArray) -> FloatArray:
    """Where a ray from the camera meets the eyeball; where it passes nearest, if it misses."""
    along = float(ray @ centre)
    inside = along * along - float(centre @ centre) + _EYE_RADIUS**2
    nearest: FloatArray = ray * (along - math.sqrt(max(inside, 0)))
    return nearest
