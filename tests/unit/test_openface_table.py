"""OpenFace's CSV, whole and damaged in all ways."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize("odd", ["1_0", "1\r2", "[1]", "true", "0x1", '"1"'])
def test_what_other_readers_take_for_a_number_is_none(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(cell(4, "gaze_0_x", odd), newline="")
    with pytest.raises(DamagedTable, match=r"line 5 holds something that isn't a number"):
        read(path)


CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.integers(-(10**30), 10**30).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.sampled_from(
        ["", " ", "-", "+1", ".5", "1.", "007", "1e5", "1E-05", "nan", "-nan", "inf", "1e999", " 1 ", "1_0"]
    ),
    st.text("0123456789.+-eE, ", max_size=6),
)


def is_whole(content: str) -> bool:
    """Cell by cell: three numbers a row, frames in order, finite where there is a face."""
    for number, row in enumerate(list(csv.reader(content.splitlines()))[1:], start=1):
        try:
            values = [float(cell) for cell in row if "_" not in cell]
        except ValueError:
            return False
        if len(row) != 3 or len(values) != 3 or values[0] != number:
            return False
        if values[1] == 1 and not all(map(math.isfinite, values)):
            return False
    return True


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(rows=st.lists(st.tuples(st.sampled_from(["0", "1", "1.0", "0.00"]), CELLS), min_size=1, max_size=4))
@example(rows=[("1", "1e999")])
@example(rows=[("0", "-nan"), ("1", "2.5")])
def test_the_fast_reader_takes_what_a_plain_one_takes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    lines = [f"{number},{success},{value}\n" for number, (success, value) in enumerate(rows, start=1)]
    content = "frame,success,gaze_0_x\n" + "".join(lines)
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_text(content)
    try:
        table = read(path)
    except DamagedTable:
        assert not is_whole(content)
    else:
        assert is_whole(content)
        assert table.rows == len(rows)
