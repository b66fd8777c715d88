"""The two programs' entry points. They are quick to import: MediaPipe and OpenCV come in when there is work to do."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from devstack.standin import model_file
from devstack.standin.arguments import Request, parse


def face_landmark_img(argv: Sequence[str]) -> int:
    """FaceLandmarkImg: measure every face in images.

    Arguments:
        argv: the command line, less the program's name.

    Returns:
        The exit code.
    """
    request = _request(argv)
    if request is None:
        return 0
    print("Loading the model", flush=True)
    try:
        bundle = model_file.read()
        from devstack.standin import images  # heavy, and it may be missing
    except (ImportError, model_file.StandinUnavailable) as cause:
        return _no_detector(cause)
    return images.run(request, bundle)


def feature_extraction(argv: Sequence[str]) -> int:
    """FeatureExtraction: measure one face through each video.

    Arguments:
        argv: the command line, less the program's name.

    Returns:
        The exit code.
    """
    request = _request(argv)
    if request is None:
        return 0
    try:
        bundle = model_file.read()
        from devstack.standin import videos  # heavy, and it may be missing
    except (ImportError, model_file.StandinUnavailable) as cause:
        return _no_detector(cause)
    return videos.run(request, bundle)


def _request(argv: Sequence[str]) -> Request | None:
    # File names are bytes: one that isn't UTF-8 is said as it is.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    if not argv:
        print("For command line arguments see:")
        print(" https://github.com/TadasBaltrusaitis/OpenFace/wiki/Command-line-arguments")
        return None
    return parse(argv)


def _no_detector(cause: ImportError | model_file.StandinUnavailable) -> int:
    problem = str(cause) if isinstance(cause, model_file.StandinUnavailable) else f"{cause}. {model_file.CURE}."
    # OpenFace names what it failed to read on the lines before this one, so it is said there, too.
    print(f"Reading the stand-in's model....{problem}\n\nERROR: Could not load the landmark detector", flush=True)
    print(f"The stand-in for OpenFace can't run: {problem}", file=sys.stderr)
    return 1
