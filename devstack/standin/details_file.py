"""The text file that OpenFace writes next to each result."""

from __future__ import annotations

from pathlib import Path

from devstack.standin.arguments import Request
from devstack.standin.columns import Group
from devstack.standin.geometry import Camera

ENGINE = "Engine: MediaPipe FaceLandmarker stand-in, not OpenFace"

_LINES = {
    Group.GAZE: "Gaze",
    Group.ACTION_UNITS: "AUs",
    Group.LANDMARKS_2D: "Landmarks 2D",
    Group.LANDMARKS_3D: "Landmarks 3D",
    Group.POSE: "Pose",
}


def write(request: Request, position: int, camera: Camera, *, with_csv: bool) -> None:
    """Write the details of an input, and create the output folder if need be.

    Arguments:
        request: the run's.
        position: of the input in it.
        camera: what the input was measured with.
        with_csv: whether there is a CSV; while an input is being measured, and for an image without a face, there
            is none.
    """
    source = request.files[position]
    stem = request.output_stem(position)
    lines = [
        f"Input:{source}",
        f"Input full path:{Path(source).absolute()}",
        f"Camera parameters:{camera.fx:g},{camera.fy:g},{camera.cx:g},{camera.cy:g}",
    ]
    if with_csv:
        lines.append(f"Output csv:{stem}.csv")
        lines += [f"{label}: {int(group in request.groups)}" for group, label in _LINES.items()]
        lines.append("Shape parameters: 0")  # whatever was asked for, there are none
    lines.append(ENGINE)
    request.out_dir.mkdir(parents=True, exist_ok=True)
    path = request.out_dir / f"{stem}_of_details.txt"
    # File names are bytes: one that isn't UTF-8 is written as it is.
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="surrogateescape")
