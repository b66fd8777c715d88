"""Which Python Azure's worker library runs on: it needs 3.13 or newer, and the tests themselves may run on an older.

`python -m tests.support.worker_python` prints the interpreter to make a virtual environment of, or nothing where this
one will do or the machine has none. Only the standard library is imported here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 13)
VARIABLE = "WORKER_PYTHON"
NONE_FOUND = (
    "Azure's Python worker library needs Python 3.13 or newer, and there is none on this machine: its tests are "
    f"skipped. To run them, install one, or name one in {VARIABLE}."
)
_VENV = Path(__file__).resolve().parents[2] / ".venv-worker"
_PROBE = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < {OLDEST})"


class Unusable(Exception):
    """The Python that was asked for isn't one that the worker library can run on."""


def this_one_will_do() -> bool:
    """Whether the worker library can run on the interpreter that runs this, and no other one is asked for."""
    named = shutil.which(os.environ.get(VARIABLE) or sys.executable)
    # A virtual environment's interpreter is a link to the one that it was made of.
    return named is not None and Path(named).samefile(sys.executable) and sys.version_info[:2] >= OLDEST


def other() -> Path | None:
    """Another interpreter for the worker library, if there is one: the one named, or else the first one found.

    Raises Unusable when the one that WORKER_PYTHON names can't be it.
    """
    if named := os.environ.get(VARIABLE):
        if (found := shutil.which(named)) and _suits(Path(found)):
            return Path(found)
        raise Unusable(f"{VARIABLE} is {named!r}, which isn't a Python 3.13 or newer that can make an environment.")
    return next(filter(_suits, _candidates()), None)


def of_the_tests() -> Path | None:
    """The interpreter that has the worker library, or has to have it; None when no Python here is new enough."""
    if this_one_will_do():
        return Path(sys.executable)
    return _VENV / "bin" / "python" if other() else None


def _candidates() -> Iterator[Path]:
    for name in ("python3.13", "python3.14"):
        if found := shutil.which(name):
            yield Path(found)
    yield from sorted(Path.home().glob(".pyenv/versions/3.1[34].*/bin/python"))


def _suits(python: Path) -> bool:
    # To be found isn't enough: pyenv leaves a shim for a version that isn't chosen, which fails when it is started.
    try:
        probe = subprocess.run([python, "-c", _PROBE], check=False, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _main() -> None:
    if this_one_will_do():
        return
    try:
        found = other()
    except Unusable as error:
        sys.exit(f"make: {error}")
    print(found or "")  # noqa: T201 - read by make
    if found is None:
        print(NONE_FOUND, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    _main()
