"""The lock that the image is built from fits the list of direct packages, and leaves nothing open."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")


def requirements(text: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def locked() -> list[tuple[Requirement, list[str]]]:
    """Return each package of the lock with its hashes."""
    entries = re.sub(r"\\\n", " ", LOCK)
    found = []
    for line in entries.splitlines():
        specifier, *hashes = line.partition("#")[0].split("--hash=")
        if specifier.strip():
            found.append((Requirement(specifier.strip()), [item.strip() for item in hashes]))
    return found


def versions(packages: list[Requirement], python: str) -> dict[str, str]:
    """Return what is installed on Linux with that Python, by name."""
    environment = {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "sys_platform": "linux",
        "platform_system": "Linux",
    }
    return {
        canonicalize_name(package.name): str(package.specifier)
        for package in packages
        if package.marker is None or package.marker.evaluate(environment)
    }


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_every_direct_package_in_its_version(python: str) -> None:
    direct = versions(requirements((ROOT / "requirements.txt").read_text(encoding="utf-8")), python)
    lock = versions([package for package, _ in locked()], python)
    assert direct
    assert {name: lock.get(name) for name in direct} == direct, "run: make lock"


def test_the_lock_has_what_the_direct_packages_need() -> None:
    lock = versions([package for package, _ in locked()], platform.python_version())
    for name in lock:
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in lock, f"{name} needs {line}; run: make lock"


def test_every_package_in_the_lock_is_exact_and_has_hashes() -> None:
    for package, hashes in locked():
        assert re.fullmatch(r"==[^*,]+", str(package.specifier)), package
        assert hashes, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", item) for item in hashes), package


def test_the_lock_names_no_registry() -> None:
    assert not re.search(r"://|^\s*-", re.sub(r"--hash=\S+", "", LOCK), re.MULTILINE)
    assert not [str(package) for package, _ in locked() if package.url]
