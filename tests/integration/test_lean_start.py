"""What the app's import loads, and what it leaves for when it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from devstack.stack import REPOSITORY
from tests.support.fake_openface import install

HEAVY = ("PIL", "av", "pillow_heif", "puremagic", "rich", "azure.storage.queue")
"""Libraries that the first job or a command needs, and the start doesn't. (Azure's binding loads azure-identity.)"""


def test_the_apps_import_loads_no_library_that_only_jobs_and_commands_need(tmp_path: Path) -> None:
    settings = {
        "MediaStorage": "UseDevelopmentStorage=true",
        "OPENFACE_BIN_DIR": str(install(tmp_path / "bin")),
        "PROVE_AT_START": "false",
    }
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, function_app; print(*sys.modules)"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "openface_runner.jobs" in loaded
    assert [name for name in HEAVY if name in loaded] == []
