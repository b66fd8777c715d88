"""``doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import argparse
from typing import Any

from openface_runner.openface.installation import Installation, find
from openface_runner.outcomes import BrokenInstallation
from openface_runner.settings import Settings

_CURE = """\
How to get OpenFace: build it, or take a finished image, as https://github.com/TadasBaltrusaitis/OpenFace/wiki says
(its licence is for academic and non-commercial use). Then set OPENFACE_BIN_DIR to the folder of FaceLandmarkImg and
FeatureExtraction. To try the app without it, 'python -m devstack openface' sets up a stand-in with other numbers."""


def add_command(commands: Any) -> None:
    """Add ``doctor`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="tell what is installed and what is missing",
        description="Exit code 0 when OpenFace can be used, 2 when it can't.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the state of the installation.

    Raises:
        SettingsError: a setting is wrong.
    """
    settings = Settings.from_environment()
    try:
        installation = find(settings.openface_bin_dir, settings.openface_model, allow_standin=settings.allow_standin)
    except BrokenInstallation as error:
        print(error.summary)
        for finding in error.findings:
            print(f"  missing: {finding}")
        print(_CURE)
        return 2
    _describe(installation)
    return 0


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
    print("Everything that OpenFace needs is there. Whether it works is shown by analysing a medium.")
