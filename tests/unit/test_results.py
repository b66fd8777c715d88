"""The reader of results, on CSVs that the real OpenFace left."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from openface_runner import results
from openface_runner.results import ColumnGroup, Kind, ResultsError
from tests.support.samples import RECORDINGS

FACE = RECORDINGS / "image-face/outputs/out/face.csv"
TWO_FACES = RECORDINGS / "image-two-faces/outputs/out/two_faces.csv"
CLIP = RECORDINGS / "video-face/outputs/out/face.csv"
FACE_THEN_NONE = RECORDINGS / "video-face-then-none/outputs/out/face_then_none.csv"
KILLED = RECORDINGS / "video-killed-midway/outputs/out/face.csv"
DOCS = RECORDINGS.parents[2] / "docs/results.md"
SIZES = {"gaze": 288, "pose": 6, "landmarks_2d": 136, "landmarks_3d": 204, "shape": 40, "action_units": 35}


def test_an_images_rows_are_faces() -> None:
    two = results.read(TWO_FACES)
    assert (two.kind, two.rows, two.success) == (Kind.IMAGE, 2, [True, True])
    assert list(two["confidence"]) == [0.917, 0.917]
    with pytest.raises(KeyError, match="timestamp is not among the columns"):
        assert two.seconds


def test_a_videos_rows_are_frames_with_their_times() -> None:
    clip = results.read(CLIP)
    assert (clip.kind, clip.rows) == (Kind.VIDEO, 75)
    assert list(clip.seconds)[:3] == [0.0, 0.04, 0.08]
    assert all(clip.success)


def test_columns_come_in_their_groups() -> None:
    clip = results.read(CLIP)
    assert {group.value: len(clip.group(group)) for group in ColumnGroup} == SIZES
    assert len(clip.columns) == 5 + sum(SIZES.values())


def test_only_what_is_asked_for_is_kept() -> None:
    clip = results.read(CLIP, ["pose", ColumnGroup.ACTION_UNITS, "gaze_angle_x"])
    assert len(clip.columns) == 5 + 6 + 35 + 1
    assert "gaze_angle_x" in clip and "gaze_angle_y" not in clip
    with pytest.raises(KeyError, match="x_0 is not among the columns that were read from"):
        clip.landmarks(0)


def test_a_name_that_openface_doesnt_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'AU99_r' is neither a column of OpenFace nor a group: gaze, pose"):
        results.read(CLIP, ["AU99_r"])


def test_frames_without_a_face_are_there_until_they_are_left_out() -> None:
    every = results.read(FACE_THEN_NONE)
    assert (every.rows, sum(every.success)) == (60, 34)
    found = results.read(FACE_THEN_NONE, with_face_only=True)
    assert (found.rows, set(found.success)) == (34, {True})
    kept = [value for value, success in zip(every["pose_Tz"], every.success, strict=True) if success]
    assert list(found["pose_Tz"]) == kept


def test_an_images_faces_are_never_left_out() -> None:
    assert results.read(TWO_FACES, with_face_only=True).rows == 2


def test_action_units_go_by_their_code() -> None:
    face = results.read(FACE)
    assert face.intensities["AU12"][0] == face["AU12_r"][0] == 3.04
    assert face.presences["AU12"][0] == 1
    assert set(face.presences) == set(results.ACTION_UNITS)
    assert set(results.ACTION_UNITS) - set(face.intensities) == {"AU28"}
    assert results.ACTION_UNITS["AU12"] == "lip corner puller"


def test_landmarks_are_points_of_a_row() -> None:
    two = results.read(TWO_FACES)
    for row in (0, 1):
        points = two.landmarks(row)
        assert len(points) == len(two.landmarks_3d(row)) == 68
        assert points[0] == (two["x_0"][row], two["y_0"][row])
        chin, brow = points[8], points[19]
        assert chin[1] > brow[1], "y grows downwards"
    assert two.landmarks_3d(1)[30] == (two["X_30"][1], two["Y_30"][1], two["Z_30"][1])


def test_a_column_is_a_buffer_of_doubles_which_numpy_and_pandas_take_as_it_is() -> None:
    with memoryview(results.read(CLIP)["AU12_r"]) as buffer:
        assert (buffer.format, buffer.shape, buffer.contiguous) == ("d", (75,), True)


def test_a_csv_of_an_older_openface_is_read_by_stripped_names(tmp_path: Path) -> None:
    rows = [line.split(",") for line in CLIP.read_text().splitlines()]
    left_out = {"face_id", "gaze_angle_x", "gaze_angle_y"}
    kept = [index for index, name in enumerate(rows[0]) if name not in left_out and not name.startswith("eye_lmk")]
    old = tmp_path / "old.csv"
    old.write_text("".join(", ".join(row[index] for index in kept) + "\n" for row in rows))
    read, new = results.read(old), results.read(CLIP)
    assert read.rows == 75
    assert read["AU45_c"] == new["AU45_c"]
    assert set(read.group(ColumnGroup.GAZE)) == {f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (KILLED.read_text(), "line 24, the last one, is cut off"),
        (CLIP.read_text().replace("1.00", "1.0").replace("0.00", "0.0"), "stopped before its last step"),
        ("name,age\n1,2\n", "its columns begin neither with frame, timestamp"),
        ("", "the header is empty"),
    ],
)
def test_what_isnt_a_whole_result_is_refused_with_the_file_and_the_reason(
    tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "clip.csv"
    path.write_text(content)
    with pytest.raises(ResultsError) as refused:
        results.read(path)
    assert str(refused.value).startswith(f"{path} is not a whole result of OpenFace: ")
    assert reason in refused.value.reason
    assert "Measure the medium again" in str(refused.value)


def test_a_missing_file_is_pythons_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        results.read(tmp_path / "nowhere.csv")


def test_the_example_in_the_docs_gives_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    shutil.copyfile(CLIP, tmp_path / "clip.mp4.csv")
    shutil.copyfile(FACE, tmp_path / "face.jpg.csv")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102
    promised = re.findall(r"print\(.*\)\s+# (.*)", code)
    assert capsys.readouterr().out.splitlines() == promised
    assert names["strongest"] == "AU12"


def test_the_docs_name_every_action_unit_as_the_reader_does() -> None:
    text = DOCS.read_text()
    assert [unit for unit, name in results.ACTION_UNITS.items() if f"| {unit} | {name} |" not in text] == []


def test_importing_the_reader_loads_nothing_that_only_the_app_needs() -> None:
    words = [sys.executable, "-c", "import sys, openface_runner.results; print(*sys.modules)"]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert "openface_runner.results" in loaded
    assert {"pydantic", "av", "azure", "jinja2", "numpy", "rich"}.isdisjoint(loaded)
