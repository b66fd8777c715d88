"""``doctor`` names what is wrong with an installation and what to do, for each way in which one is found broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from openface_runner.cli import main
from tests.support.broken_installations import WAYS, Broken, whole
from tests.support.doc_tables import DOCS, broken_installations_table, section


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bin_dir = whole(tmp_path / "bin")
    monkeypatch.setenv("OPENFACE_BIN_DIR", str(bin_dir))
    return bin_dir


def test_a_whole_installation_is_proved_on_both_samples(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "FaceLandmarkImg works" in said
    assert "FeatureExtraction works" in said


@pytest.mark.parametrize("broken", WAYS, ids=[way.what for way in WAYS])
def test_a_broken_one_is_told_with_the_cure(bin_dir: Path, capsys: pytest.CaptureFixture[str], broken: Broken) -> None:
    broken.do(bin_dir)
    assert main(["doctor"]) == 2
    said = capsys.readouterr().out
    assert "How to get OpenFace" in said
    assert "is ready" not in said


def test_the_documented_messages_are_what_doctor_says(tmp_path: Path) -> None:
    assert section(DOCS / "installation.md", "broken") == broken_installations_table(tmp_path)
