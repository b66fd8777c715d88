"""MediaPipe's two models: one that finds faces, and one that puts 478 landmarks and 52 blendshapes on a face."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import mediapipe
import numpy as np
import numpy.typing as npt
from mediapipe.tasks.python import BaseOptions, vision

from devstack.standin.canonical_face import FloatArray

Picture = npt.NDArray[np.uint8]
"""Height x width x 3, in RGB."""

_DETECTOR = "face_detector.tflite"
_LEAST_SCORE = 0.5
_LEAST_SCORE_WILD = 0.3


@dataclass(frozen=True, order=True)
class Box:
    """A face that was found: its score from 0 to 1, and its place in pixels."""

    score: float
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Landmarks:
    """A face's landmarks (478 x 3, pixels; z on the scale of x, smaller is nearer) and blendshapes (0 to 1)."""

    points: FloatArray
    blendshapes: Mapping[str, float]


class Detector:
    """Finds faces that fill a good part of a picture. A context manager; the model is freed at its end."""

    def __init__(self, bundle: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(bundle)) as parts:
            base = BaseOptions(model_asset_buffer=parts.read(_DETECTOR))
        self._task = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(base_options=base, min_detection_confidence=_LEAST_SCORE)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._task.close()

    def find(self, picture: Picture) -> list[Box]:
        """The faces in a picture, in no particular order."""
        return [
            Box(
                float(found.categories[0].score),
                found.bounding_box.origin_x,
                found.bounding_box.origin_y,
                found.bounding_box.width,
                found.bounding_box.height,
            )
            for found in self._task.detect(_image(picture)).detections
        ]


class Landmarker:
    """Puts landmarks on one face. A context manager; the model is freed at its end.

    Arguments:
        bundle: the model file's content.
        follow: whether the pictures are the frames of one video, in their order; else each stands alone.
        wild: whether to accept faces that the model is less sure of.
    """

    def __init__(self, bundle: bytes, *, follow: bool, wild: bool) -> None:
        least = _LEAST_SCORE_WILD if wild else _LEAST_SCORE
        self._follow = follow
        self._task = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=bundle),
                running_mode=vision.RunningMode.VIDEO if follow else vision.RunningMode.IMAGE,
                num_faces=1,
                min_face_detection_confidence=least,
                min_face_presence_confidence=least,
                output_face_blendshapes=True,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._task.close()

    def find(self, picture: Picture, time_ms: int = 0) -> Landmarks | None:
        """The landmarks of the face in a picture, or None when there is no face.

        Arguments:
            picture: the picture, or the video's next frame.
            time_ms: the frame's time in milliseconds, larger than the one before.
        """
        image = _image(picture)
        result = self._task.detect_for_video(image, time_ms) if self._follow else self._task.detect(image)
        if not result.face_landmarks:
            return None
        height, width = picture.shape[:2]
        points = [(point.x * width, point.y * height, point.z * width) for point in result.face_landmarks[0]]
        blendshapes = {shape.category_name: float(shape.score) for shape in result.face_blendshapes[0]}
        return Landmarks(np.array(points, dtype=np.float64), blendshapes)


def _image(picture: Picture) -> mediapipe.Image:
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
