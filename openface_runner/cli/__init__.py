"""The same work on local files, without Azure, and what an operator needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from openface_runner.cli import analyse, doctor, fetch, jobs, replay, report, upload
from openface_runner.cli.following import Refused
from openface_runner.cli.wrong_use import WrongUse
from openface_runner.outcomes import BrokenInstallation
from openface_runner.settings import SettingsError

WRONG_USE = 2
"""Exit code for wrong use, wrong settings and a broken installation; argparse uses the same."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Arguments:
        argv: the words after the program's name; by default the process's own.

    Returns:
        The exit code: 0 good, 1 a medium without a good outcome or a job that wasn't put back, 2 wrong use or a
        broken installation.
    """
    parser = argparse.ArgumentParser(prog="python -m openface_runner", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (analyse, doctor, upload, jobs, fetch, report, replay):
        command.add_command(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (WrongUse, SettingsError, BrokenInstallation) as error:
        print(f"openface_runner: {error}", file=sys.stderr)
        return WRONG_USE
    except Refused as error:
        print(f"openface_runner: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("openface_runner: stopped; no OpenFace is left running.", file=sys.stderr)
        return 130
