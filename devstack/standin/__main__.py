"""`python -m devstack.standin install DIR`: write the stand-in's two programs into DIR, and print DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devstack.standin.install import install
from devstack.standin.model_file import StandinUnavailable


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack.standin", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("install", help="write the two programs")
    command.add_argument("directory", type=Path, help="where to; created if need be")
    directory: Path = parser.parse_args().directory
    try:
        install(directory)
    except StandinUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(directory.absolute())
    return 0


if __name__ == "__main__":
    sys.exit(main())
