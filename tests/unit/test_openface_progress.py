"""How far a video is, from the CSV as it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from openface_runner.openface.progress import GrowingCsv


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "clip.csv"


def add(csv: Path, text: str) -> None:
    with csv.open("a") as file:
        file.write(text)


def test_only_whole_rows_that_were_added_count_and_only_growth_is_told(csv: Path) -> None:
    told: list[float] = []
    grown = GrowingCsv(csv, 200, told.append)
    grown.look()
    add(csv, "frame,timestamp")
    grown.look()
    add(csv, "\n1,0.0\n")
    grown.look()
    assert told == []  # half a percent
    add(csv, "2,0.1\n3,0")
    grown.look()
    grown.look()
    assert told == [0.01]
    add(csv, ".2\n" + "4,0.3\n" * 97)
    grown.look()
    assert told == [0.01, 0.5]


def test_nothing_is_done_before_openface_has_ended_although_all_rows_are_there(csv: Path) -> None:
    told: list[float] = []
    grown = GrowingCsv(csv, 10, told.append)
    add(csv, "header\n" + "row\n" * 12)
    grown.look()
    # The last step writes the file again from its beginning.
    csv.write_text("header\n")
    grown.look()
    assert told == [0.99]


def test_a_clip_of_which_no_frames_are_promised_has_no_share_to_tell(csv: Path) -> None:
    told: list[float] = []
    add(csv, "header\n")
    GrowingCsv(csv, 0, told.append).look()
    assert told == []
