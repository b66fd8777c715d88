"""Files of every kind, made from the samples, through all of the product: each ends as docs/media.md says."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from devstack.standin.model_file import StandinUnavailable
from openface_runner.analysis import Analyser
from openface_runner.media.request import Request
from openface_runner.settings import Capture
from tests.support.doc_tables import DOCS, MediaRow, media_rows, media_table, section, standin, without_numbers
from tests.support.image_files import make_image_files
from tests.support.missing import skip_or_fail
from tests.support.samples import sample

LEAST = 30


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[MediaRow]]:
    folder = tmp_path_factory.mktemp("media")
    return media_rows(folder / "files", _standin(folder / "standin"))


def _standin(bin_dir: Path) -> Analyser:
    try:
        return standin(bin_dir)
    except StandinUnavailable as error:
        skip_or_fail(error)


def test_every_kind_of_file_ends_in_the_outcome_that_it_should(rows: dict[str, list[MediaRow]]) -> None:
    all_rows = [row for kind in rows.values() for row in kind]
    assert len(all_rows) >= LEAST
    assert {row.name: row.outcome for row in all_rows} == {row.name: row.expected for row in all_rows}


@pytest.mark.parametrize("kind", ["images", "videos"])
def test_the_documented_table_is_what_was_found(rows: dict[str, list[MediaRow]], kind: str) -> None:
    assert without_numbers(section(DOCS / "media.md", kind)) == without_numbers(media_table(rows[kind]))


def test_a_picture_gives_the_same_landmarks_whichever_way_it_was_stored(tmp_path: Path) -> None:
    analyser = _standin(tmp_path / "standin")
    (tmp_path / "files").mkdir()
    files = make_image_files(tmp_path / "files", sample("face.jpg"))
    stored = [file for file in files if "EXIF orientation" in file.description]
    assert len(stored) >= 8
    upright = _landmarks(analyser, sample("face.jpg"), tmp_path / "upright")
    for file in stored:
        assert _landmarks(analyser, file.path, tmp_path / file.name) == pytest.approx(upright, abs=2), file.description


def _landmarks(analyser: Analyser, path: Path, work: Path) -> list[float]:
    """The 68 landmarks of the only face, x then y, in pixels of a picture that is 512 wide."""
    work.mkdir()
    analysis = analyser.analyse(path, Request(capture=Capture.POSED), work)
    assert analysis.csv is not None and analysis.medium is not None
    scale = 512 / analysis.medium.width
    (row,) = csv.DictReader(io.StringIO(analysis.csv.read_text()), skipinitialspace=True)
    return [scale * float(row[f"{axis}_{i}"]) for axis in "xy" for i in range(68)]
