"""Which OpenFace a laptop uses: a real one if there is one, else the stand-in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.standin.install import install


@dataclass(frozen=True, kw_only=True)
class ChosenOpenFace:
    """What to run the function app with."""

    environment: dict[str, str]
    """Variables for the function app: OPENFACE_BIN_DIR and, only for the stand-in, ALLOW_STANDIN."""
    notice: str
    """Whose numbers these are, in plain words, for whoever started the app."""


def choose(state_dir: Path) -> ChosenOpenFace:
    """Find an OpenFace, or else install the stand-in.

    An OPENFACE_BIN_DIR in the environment is taken at its word: the stand-in never covers up what is wrong with it.

    Arguments:
        state_dir: where the devstack keeps its files.

    Raises:
        openface_runner.outcomes.BrokenInstallation: OPENFACE_BIN_DIR is set, and what it names can't be used.
        devstack.standin.model_file.StandinUnavailable: there is no OpenFace, and the stand-in's packages or its model
            file are missing or other ones than they should be.
    """
    # Not needed to know the module, and a devstack without OpenFace needn't pay for it.
    from openface_runner.openface import installation
    from openface_runner.outcomes import BrokenInstallation

    named = os.environ.get("OPENFACE_BIN_DIR")
    model = os.environ.get("OPENFACE_MODEL")
    allowed = os.environ.get("ALLOW_STANDIN", "").lower() in ("1", "true", "yes", "on")
    try:
        found = installation.find(
            Path(named) if named else None, Path(model) if model else None, allow_standin=bool(named) and allowed
        )
    except BrokenInstallation as error:
        if named:
            raise
        return _standin(state_dir.absolute() / "openface-standin" / "bin", error.findings)
    bin_dir = found.programs[installation.Program.IMAGE].parent
    if not found.engine.is_openface:
        return _not_openface(bin_dir)
    return ChosenOpenFace(
        environment={"OPENFACE_BIN_DIR": str(bin_dir)}, notice=f"The numbers come from the OpenFace in {bin_dir}."
    )


def _standin(bin_dir: Path, findings: Sequence[str]) -> ChosenOpenFace:
    install(bin_dir)
    chosen = _not_openface(bin_dir)
    if not findings:
        return chosen
    unusable = "".join(f"\n  - {finding}" for finding in findings)
    return replace(chosen, notice=f"{chosen.notice}\nAn OpenFace was found, but it can't be used:{unusable}")


def _not_openface(bin_dir: Path) -> ChosenOpenFace:
    return ChosenOpenFace(
        environment={"OPENFACE_BIN_DIR": str(bin_dir), "ALLOW_STANDIN": "true"},
        notice=(
            "No OpenFace is in use here. A stand-in takes its place: the numbers come from MediaPipe, they are not "
            "OpenFace's, and columns that it can't fill are missing. Good for trying the app out, not for research. "
            "To use a real OpenFace, set OPENFACE_BIN_DIR to the folder that holds FaceLandmarkImg."
        ),
    )
