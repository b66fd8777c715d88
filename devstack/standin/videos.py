"""FeatureExtraction's manners: what it does with a video, what it says meanwhile, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from devstack.standin import canonical_face, details_file
from devstack.standin.arguments import Request
from devstack.standin.canonical_face import CanonicalFace
from devstack.standin.columns import Group
from devstack.standin.csv_output import VideoCsv
from devstack.standin.face_model import Detector, Landmarker, Picture
from devstack.standin.geometry import Camera, camera_for
from devstack.standin.measurement import Face, measure

_UNKNOWN_RATE = 30.0
_FASTEST_RATE = 1000.0
"""Frames a second; the model's clock has milliseconds and must move on with every frame."""
_UNDETECTED = 0.5
"""Confidence in a face that was followed into a frame where the detector itself doesn't see it: the landmarker's
own threshold, below which it would have lost the face."""
_STEP, _ALL = 10, 100
"""Of the progress, in per cent."""


@dataclass(frozen=True)
class _Video:
    capture: cv2.VideoCapture
    first: Picture
    rate: float
    """Frames a second."""
    promised: int
    """Frames, as the header says."""

    def frames(self) -> Iterator[Picture]:
        """All frames that can be decoded."""
        frame: Picture | None = self.first
        while frame is not None:
            yield frame
            frame = _next_frame(self.capture)


def run(request: Request, bundle: bytes) -> int:
    """Measure the videos and return the exit code, which is 0 whatever happens to them.

    Arguments:
        request: what the command line asks for.
        bundle: the model file's content.
    """
    for position, file in enumerate(request.files):
        print(f"Attempting to read from file: {file}", flush=True)
        video = _open(file)
        if video is None:
            print(f"Failed to open the video file at location: {file}")
            print("Error: Opening a sequence failed", flush=True)
            continue
        print("Device or file opened")
        print("Starting tracking", flush=True)
        _measure(request, position, video, bundle)
    print("No more sequences to read", flush=True)
    return 0


def _open(file: str) -> _Video | None:
    # OpenCV would take a name such as "rtsp:…" for an address, and one with digits for a series of pictures.
    if not Path(file).is_file():
        return None
    capture = cv2.VideoCapture(str(Path(file).absolute()), cv2.CAP_FFMPEG)
    # The OpenCV that OpenFace is built with turns frames as the video's rotation tag says; pip's has to be told.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    first = _next_frame(capture) if capture.isOpened() else None
    if first is None:
        return None
    rate = capture.get(cv2.CAP_PROP_FPS)
    promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return _Video(capture, first, rate if rate > 0 else _UNKNOWN_RATE, promised)


def _next_frame(capture: cv2.VideoCapture) -> Picture | None:
    read, frame = capture.read()
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8) if read else None


def _measure(request: Request, position: int, video: _Video, bundle: bytes) -> None:
    height, width = video.first.shape[:2]
    camera = camera_for(width, height, request)
    details_file.write(request, position, camera, with_csv=True)
    csv = VideoCsv(request.out_dir / f"{request.output_stem(position)}.csv", request.groups)
    progress = _Progress(video.promised)
    with csv, Detector(bundle) as detector, Landmarker(bundle, follow=True, wild=request.wild) as landmarker:
        follower = _Follower(detector, landmarker, canonical_face.read(bundle), camera)
        for number, frame in enumerate(video.frames()):
            time_ms = round(1000 * number / min(video.rate, _FASTEST_RATE))
            csv.append(number / video.rate, follower.measure(frame, time_ms))
            progress.report(number + 1)
    print("Closing output recorder")
    print("Closing input reader")
    print("Closed successfully", flush=True)
    if Group.ACTION_UNITS in request.groups:
        print("Postprocessing the Action Unit predictions", flush=True)
        csv.postprocess(static=request.static_action_units)


@dataclass(frozen=True)
class _Follower:
    """Measures the face that is followed through a video."""

    detector: Detector
    landmarker: Landmarker
    canonical: CanonicalFace
    camera: Camera

    def measure(self, frame: Picture, time_ms: int) -> Face | None:
        landmarks = self.landmarker.find(frame, time_ms)
        if landmarks is None:
            return None
        # The landmarker says nothing of how sure it is, so the detector is asked.
        confidence = max((box.score for box in self.detector.find(frame)), default=_UNDETECTED)
        return measure(landmarks, self.canonical, self.camera, confidence)


class _Progress:
    """Says `0% 10% 20% …` on one line, as OpenFace does: by the header's number of frames, a step a frame at most."""

    def __init__(self, promised: int) -> None:
        self._promised = promised
        self._next = 0

    def report(self, done: int) -> None:
        if self._next <= _ALL and _ALL * done >= self._next * self._promised:
            print(f"{self._next}% ", end="\n" if self._next == _ALL else "")
            self._next += _STEP
