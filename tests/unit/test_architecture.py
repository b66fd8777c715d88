"""Who may know whom: the layout's promises, held against the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "openface_runner"
MODULES = sorted(PRODUCT.rglob("*.py"))
LONGEST = 300


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(prefix: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name == prefix or name.startswith(f"{prefix}.") for name in imports(path))
    }


def test_only_the_storage_room_knows_azure() -> None:
    assert all(path.startswith("openface_runner/storage/") for path in importers("azure") | importers("azurefunctions"))


def test_the_product_knows_nothing_of_the_devstack_or_the_tests() -> None:
    assert importers("devstack") | importers("tests") == set()


def test_only_the_openface_room_starts_processes() -> None:
    assert importers("subprocess") == {"openface_runner/openface/process.py"}


def test_openface_and_media_know_nothing_of_jobs_records_and_storage() -> None:
    for above in ("analysis", "jobs", "records", "services", "storage", "cli"):
        known_by = importers(f"openface_runner.{above}")
        assert not [
            path for path in known_by if path.startswith(("openface_runner/openface/", "openface_runner/media/"))
        ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_too_long_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST
