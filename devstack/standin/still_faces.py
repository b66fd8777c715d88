"""Every face in a picture: MediaPipe's detector sees only large ones, so it looks at overlapping tiles, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from devstack.standin import canonical_face
from devstack.standin.face_model import Box, Detector, Landmarker, Landmarks, Picture
from devstack.standin.geometry import Camera
from devstack.standin.measurement import Face, measure

_TILINGS = (1, 2, 3, 4)
"""How many tiles a side; the first is the whole picture."""
_TILE_OVERLAP = 1.5
"""A tile's side, against the side at which the tiles would just touch."""
_EDGE = 2
"""Pixels from a tile's edge within which a box counts as cut off by it."""
_SAME_FACE = 0.3
"""The share of the smaller box inside the larger one from which both hold the same face."""
_CROP = 2.5
"""The side of the square that is looked at for landmarks, against the face's box."""


class StillFaces:
    """Measures every face in pictures, each on its own. A context manager; the models are freed at its end.

    Arguments:
        bundle: the model file's content.
        wild: whether to accept faces that the model is less sure of.
    """

    def __init__(self, bundle: bytes, *, wild: bool) -> None:
        self._canonical = canonical_face.read(bundle)
        self._detector = Detector(bundle)
        self._landmarker = Landmarker(bundle, follow=False, wild=wild)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._landmarker.__exit__(*error)
        self._detector.__exit__(*error)

    def measure(self, picture: Picture, camera: Camera) -> list[Face]:
        """The faces in a picture, the surest first."""
        faces = []
        for box in self._boxes(picture):
            landmarks = self._landmarks(picture, box)
            if landmarks is not None:
                faces.append(measure(landmarks, self._canonical, camera, box.score))
        return faces

    def _boxes(self, picture: Picture) -> list[Box]:
        found = [box for side in _TILINGS for box in self._boxes_in_tiles(picture, side)]
        kept: list[Box] = []
        for box in sorted(found, reverse=True):
            if not any(_overlap(box, other) >= _SAME_FACE for other in kept):
                kept.append(box)
        return kept

    def _boxes_in_tiles(self, picture: Picture, tiles_a_side: int) -> Iterator[Box]:
        height, width = picture.shape[:2]
        longest = max(height, width)
        side = int(min(longest, _TILE_OVERLAP * longest / tiles_a_side))
        for top in _starts(height, side, tiles_a_side):
            for left in _starts(width, side, tiles_a_side):
                tile = picture[top : top + side, left : left + side]
                for found in self._detector.find(tile):
                    box = replace(found, x=found.x + left, y=found.y + top)
                    cut_off = _cut_off(box.x, box.width, left, side, width) or _cut_off(
                        box.y, box.height, top, side, height
                    )
                    if not cut_off:
                        yield box

    def _landmarks(self, picture: Picture, box: Box) -> Landmarks | None:
        height, width = picture.shape[:2]
        face = max(box.width, box.height)
        margin = (_CROP - 1) / 2 * face
        left, top, side = int(box.x - margin), int(box.y - margin), int(_CROP * face)
        inside = picture[max(top, 0) : min(top + side, height), max(left, 0) : min(left + side, width)]
        crop = cv2.copyMakeBorder(
            inside,
            max(-top, 0),
            max(top + side - height, 0),
            max(-left, 0),
            max(left + side - width, 0),
            cv2.BORDER_CONSTANT,
        )
        landmarks = self._landmarker.find(np.asarray(crop, dtype=np.uint8))
        return landmarks and replace(landmarks, points=landmarks.points + np.array([left, top, 0]))


def _starts(length: int, tile: int, number: int) -> Iterable[int]:
    return sorted({int(start) for start in np.linspace(0, max(0, length - tile), number)})


def _cut_off(start: int, length: int, tile: int, tile_length: int, whole: int) -> bool:
    """Whether a box ends at an edge of its tile that isn't the picture's edge: the next tile shows more of it."""
    at_start = tile > 0 and start < tile + _EDGE
    at_end = tile + tile_length < whole and start + length > tile + tile_length - _EDGE
    return at_start or at_end


def _overlap(box: Box, other: Box) -> float:
    """The share of the smaller of two boxes that lies in the other."""
    width = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
    height = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
    return max(width, 0) * max(height, 0) / min(box.width * box.height, other.width * other.height)
