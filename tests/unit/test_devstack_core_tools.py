"""`func start` in place of the local host; a program of that name plays it here."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from devstack import core_tools
from devstack.errors import FunctionAppError, PartEnded


@pytest.fixture
def func(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "func"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@ in $(pwd) with $SETTING" > "$0.said"\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


async def run(app: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "SETTING": "a setting"}
    async with core_tools.running(app, environment=environment, port=7072) as tools:
        assert tools.url == "http://127.0.0.1:7072"
        await tools.run()


def test_func_runs_in_the_apps_folder_and_its_end_is_told(func: Path, tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text("{}")
    with pytest.raises(PartEnded, match="exit code 3"):
        asyncio.run(run(tmp_path))
    said = func.with_name("func.said").read_text().strip()
    assert said == f"start --port 7072 in {tmp_path} with a setting"


def test_func_without_local_settings_is_an_error_that_says_what_to_copy(func: Path, tmp_path: Path) -> None:
    with pytest.raises(FunctionAppError, match=r"copy local\.settings\.json\.example"):
        asyncio.run(run(tmp_path))


def test_a_machine_without_func_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert core_tools.find() is None
    with pytest.raises(FunctionAppError, match="aren't installed"):
        asyncio.run(run(tmp_path))
