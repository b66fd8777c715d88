"""The Dockerfile and the shell scripts pass their own linters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.missing import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docker/*.sh"))


def lint(tool: str, *arguments: str) -> str:
    """What a linter from the development packages has to say; empty when it is content."""
    program = Path(sys.executable).with_name(tool)
    if not program.exists():
        skip_or_fail(f"{tool} isn't installed. Run `make setup`.")
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_hadolint_is_content_with_the_dockerfile() -> None:
    assert lint("hadolint", "Dockerfile") == ""


def test_hadolint_finds_faults_at_all(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM debian\nRUN cd /tmp && sudo true\n")
    assert "DL3004" in lint("hadolint", str(file))


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_is_content_with_each_script(script: str) -> None:
    assert lint("shellcheck", script) == ""
