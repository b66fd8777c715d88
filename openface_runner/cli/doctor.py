"""``doctor``: what is installed, whether it works, what is missing, and how to get it."""

from __future__ import annotations

import argparse
from typing import Any

from openface_runner.analysis import Analyser
from openface_runner.openface.installation import Installation
from openface_runner.outcomes import BrokenInstallation, JobError
from openface_runner.settings import Settings

_CURE = """\
How to get OpenFace: build it, or take a finished image, as https://github.com/TadasBaltrusaitis/OpenFace/wiki says
(its licence is for academic and non-commercial use). Then set OPENFACE_BIN_DIR to the folder of FaceLandmarkImg and
FeatureExtraction. To try the app without it, 'python -m devstack openface' sets up a stand-in with other numbers."""


def add_command(commands: Any) -> None:
    """Add ``doctor`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="tell what is installed, whether it works, and what is missing",
        description="Looks for all that OpenFace needs, then runs both programs on samples. "
        "Exit code 0 when they work, 2 when they don't.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the state of the installation.

    Raises:
        SettingsError: a setting is wrong.
    """
    settings = Settings.from_environment()
    try:
        analyser = Analyser.from_settings(settings)
        _describe(analyser.installation)
        proofs = analyser.prove()
    except JobError as error:
        _explain(error)
        return 2
    for program, proof in proofs.items():
        print(f"{program} works: on its sample in {proof.seconds:.1f} s. {proof.verdict.message}")
    print("OpenFace is ready.")
    return 0


def _explain(error: JobError) -> None:
    if not isinstance(error, BrokenInstallation):
        print(error)
        return
    print(error.summary)
    for finding in error.findings:
        print(f"  - {finding}")
    print(_CURE)


def _describe(installation: Installation) -> None:
    engine = installation.engine
    print(f"engine: {engine}")
    if not engine.is_openface:
        print(
            "  This is not OpenFace: its numbers differ, and these columns are left out: "
            + ", ".join(engine.leaves_out)
        )
    for program, path in installation.programs.items():
        print(f"{program}: {path}")
    print(f"landmark model: {installation.model or 'OpenFace chooses its default'}")
