"""Install the stand-in as OpenFace would be: two programs in a folder, and a file that says what they are."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from pathlib import Path

import devstack
from devstack.standin import model_file
from devstack.standin.columns import LEAVES_OUT

ENGINE_NAME = "MediaPipe stand-in"
ENGINE_FILE = "engine.json"
"""Where an installation that isn't OpenFace says so; OpenFace has no such file."""

_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_PROGRAMS = {"FaceLandmarkImg": "face_landmark_img", "FeatureExtraction": "feature_extraction"}

# A shell script, since a `#!` line may not hold a path that is long or has blanks. `-I` keeps the caller's folder and
# Python settings out; this repository is put last, so that nothing in it hides a package.
_SCRIPT = """\
#!/bin/sh
# {program}, imitated on MediaPipe. This is not OpenFace.
exec {python} -I -c {code} "$@"
"""
_CODE = """\
import sys
sys.path.append({repository!r})
from devstack.standin import programs
sys.exit(programs.{function}(sys.argv[1:]))
"""


def install(bin_dir: Path) -> None:
    """Write the two programs and `engine.json` into a folder, which is created if need be.

    They run with this Python and this copy of the repository, from any working directory, with an empty environment.

    Arguments:
        bin_dir: the folder.

    Raises:
        model_file.StandinUnavailable: a package or the model file is missing or another one than it should be. The
            numbers hang on exact versions, and later ones of MediaPipe report to a server.
    """
    _check_packages()
    model_file.read()
    bin_dir.mkdir(parents=True, exist_ok=True)
    for program, function in _PROGRAMS.items():
        path = bin_dir / program
        path.write_text(_script(program, function), encoding="utf-8", errors="surrogateescape")
        path.chmod(0o755)
    engine = {"name": ENGINE_NAME, "version": _version("mediapipe"), "is_openface": False, "leaves_out": LEAVES_OUT}
    (bin_dir / ENGINE_FILE).write_text(json.dumps(engine, indent=2) + "\n", encoding="utf-8")


def _check_packages() -> None:
    wrong = []
    for line in _REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        name, pinned, version = line.partition("==")
        if pinned and not line.startswith("#"):
            installed = _version(name)
            if installed != version:
                wrong.append(f"{name} is {installed or 'missing'} instead of {version}")
    if wrong:
        raise model_file.StandinUnavailable(
            f"The stand-in's packages aren't right: {', '.join(wrong)}. {model_file.CURE}."
        )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _script(program: str, function: str) -> str:
    repository = str(Path(devstack.__file__).resolve().parents[1])
    code = _CODE.format(repository=repository, function=function)
    return _SCRIPT.format(program=program, python=shlex.quote(sys.executable), code=shlex.quote(code))
