from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openface_runner.openface.table import DamagedTable, read
from tests.support.samples import RECORDINGS

WHOLE = (RECORDINGS / "video-face-then-none/outputs/out/face_then_none.csv").read_text()


def edited(edit: Callable[[list[list[str]]], object]) -> str:
    rows = [line.split(",") for line in WHOLE.splitlines()]
    edit(rows)
    return "".join(",".join(row) + "\n" for row in rows)


def cell(row: int, column: str, value: str) -> str:
    return edited(lambda rows: rows[row].__setitem__(rows[0].index(column), value))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "header is empty"),
        (WHOLE.splitlines()[0] + "\n", "no row"),
        (WHOLE[:-1], "line 61, the last one, is cut off"),
        (WHOLE[:-40], "line 61, the last one, is cut off"),
        (edited(lambda rows: rows[5].pop()), "line 6 has 713 cells instead of 714"),
        (edited(lambda rows: rows.pop(30)), "line 31 is frame 31 where 30 was due"),
        (edited(lambda rows: rows.insert(3, rows[3])), "line 5 is frame 3 where 4 was due"),
        (cell(4, "AU12_r", "none"), "line 5 holds something that isn't a number"),
        (cell(4, "AU12_r", ""), "line 5 holds something that isn't a number"),
        (cell(4, "gaze_0_x", "nan"), "line 5 holds a value that isn't finite"),
        (cell(4, "gaze_0_x", "inf"), "line 5 holds a value that isn't finite"),
        (cell(0, "AU12_r", "AU12_c"), "names a column twice"),
        (WHOLE.replace("0.92", "0,92", 1), "cells instead of"),
        (WHOLE.replace("\n1,", "\nü,", 1), "isn't text"),
    ],
)
def test_a_damaged_table_is_refused_with_the_place(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DamagedTable, match=reason):
        read(path)


def test_a_lost_frame_may_hold_nan(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(cell(60, "pose_Tx", "-nan"))
    table = read(path)
    assert (table.rows, table.successes) == (60, 34)


def test_columns_are_found_by_stripped_names(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(WHOLE.replace(",", ", "))
    assert "AU12_r" in read(path).columns


def test_au_classes_with_one_decimal_mark_an_unfinished_video(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    assert read(RECORDINGS / "video-face/outputs/out/face.csv").postprocessed
    path.write_text(cell(1, "AU12_c", "1.0"))
    assert not read(path).postprocessed
