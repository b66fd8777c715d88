"""FaceLandmarkImg's manners: what it does with one image after the other, and how it ends."""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np

from devstack.standin import csv_output, details_file
from devstack.standin.arguments import Request
from devstack.standin.face_model import Picture
from devstack.standin.geometry import camera_for
from devstack.standin.still_faces import StillFaces


def run(request: Request, bundle: bytes) -> int:
    """Measure the images and return the exit code; the first one that can't be opened ends the run.

    Arguments:
        request: what the command line asks for.
        bundle: the model file's content.
    """
    with StillFaces(bundle, wild=request.wild) as faces:
        print("Model loaded", flush=True)
        for position, file in enumerate(request.files):
            picture = _open(file)
            if picture is None:
                print(f"Error: Could not open the image: {file}", flush=True)
                return 1
            if position == 0:
                print("Starting tracking", flush=True)
            _measure(request, position, picture, faces)
    return 0


def _open(file: str) -> Picture | None:
    try:
        # As in OpenFace: by content, turned as its EXIF says, and a JPEG that is cut off is taken as far as it goes.
        # (OpenCV's decoder for bytes in memory refuses that, so the file is opened by name.)
        picture = cv2.imread(file, cv2.IMREAD_COLOR)
    except cv2.error as error:  # more pixels than OpenCV takes
        print(error, file=sys.stderr)
        return None
    return None if picture is None else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _measure(request: Request, position: int, picture: Picture, faces: StillFaces) -> None:
    height, width = picture.shape[:2]
    camera = camera_for(width, height, request)
    details_file.write(request, position, camera, with_csv=False)
    if height == width == 1:
        _die()
    found = faces.measure(picture, camera)
    if found:
        csv_output.write_image(request.out_dir / f"{request.output_stem(position)}.csv", found, request.groups)
        details_file.write(request, position, camera, with_csv=True)


def _die() -> None:
    """End as OpenFace does on an image of one pixel."""
    print("terminate called after throwing an instance of 'std::length_error'", file=sys.stderr)
    print("  what():  cannot create std::vector larger than max_size()", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os.abort()
