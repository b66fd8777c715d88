"""Videos of every kind, as they are before OpenFace sees them."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest

from openface_runner.cancellation import Cancellation
from openface_runner.deadline import checks
from openface_runner.media import display_matrix, timing, upright
from openface_runner.media.content import Limits, VideoMedium
from openface_runner.media.videos import count_frames, inspect
from openface_runner.openface import details
from openface_runner.outcomes import DiskFull, Outcome, Rejected, ShuttingDown
from tests.support.samples import sample
from tests.support.video_encoding import Recipe, cut, encode, turned
from tests.support.video_files import VideoFile, make_video_files

LIMITS = Limits(max_pixels=50_000_000, max_duration=900)
IN_THE_DARK: tuple[float, ...] = (0, 0.04, 0.08, 0.12, 0.2, 0.28, 0.36, 0.4, 0.44, 0.52, 0.6, 0.68)
FOUND_ONLY_BY_OPENFACE = {"damaged.mp4", "damaged.flv", "damaged_turned.mp4"}
"""Damage inside packets that are all there shows when they are decoded."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VideoFile]:
    made = make_video_files(tmp_path_factory.mktemp("videos"), sample("face.mp4"))
    return {file.name: file for file in made}


def look(path: Path) -> VideoMedium:
    medium = inspect(path, LIMITS)
    assert medium is not None
    return medium


def outcome_of(path: Path) -> str:
    try:
        return "unreadable" if inspect(path, LIMITS) is None else "analysed"
    except Rejected as rejected:
        return rejected.verdict.outcome


def test_each_kind_of_video_is_taken_or_refused_as_it_should_be(files: dict[str, VideoFile]) -> None:
    wrong = {
        file.name: found
        for file in files.values()
        if (found := outcome_of(file.path)) != file.outcome
        and file.name not in FOUND_ONLY_BY_OPENFACE
        and file.outcome != "no_face"
    }
    assert wrong == {}


def test_the_rows_due_are_the_frames_that_decoding_gives(files: dict[str, VideoFile]) -> None:
    due = {name: look(file.path).frames for name, file in files.items() if file.outcome == "analysed"}
    assert due == {name: count_frames(files[name].path).frames for name in due}
    assert (due["hidden_frames.webm"], due["trimmed.mp4"], due["gaps.avi"], due["one_frame.mp4"]) == (12, 25, 12, 1)


@pytest.mark.parametrize("share", [0.3, 0.8])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "avi", "wmv", "flv"])
def test_a_cut_clip_is_noticed_wherever_the_container_promises_something(
    tmp_path: Path, suffix: str, share: float
) -> None:
    codec = {"webm": "libvpx", "avi": "mpeg4", "wmv": "wmv2"}.get(suffix, "libx264")
    recipe = Recipe(codec=codec, frames=30, chain=("scale=240:240",), muxing={"movflags": "faststart"})
    path = encode(sample("face.mp4"), tmp_path / f"clip.{suffix}", recipe)
    assert outcome_of(path) == "analysed"
    assert outcome_of(cut(path, share)) in ("incomplete", "unreadable")


def test_the_tag_tells_how_a_clip_is_to_be_turned(files: dict[str, VideoFile]) -> None:
    asked = {name: (medium.rotation, medium.mirrored) for name, medium in looked_at(files).items()}
    assert {name: tag for name, tag in asked.items() if tag != (0, False)} == {
        **{f"turned_{by}.mp4": (by, False) for by in (90, 180, 270)},
        **{f"turned_{by}_square.mp4": (by, False) for by in (90, 180, 270)},
        **dict.fromkeys(("turned_90.mov", "turned_90.mkv", "turned_90_odd.mov"), (90, False)),
        "damaged_turned.mp4": (180, False),
        "mirrored.mp4": (0, True),
        "upside_down.mp4": (180, True),
    }
    assert look(files["turned_90.mp4"].path).upright_size == (480, 360)


def looked_at(files: dict[str, VideoFile]) -> dict[str, VideoMedium]:
    taken = [file for file in files.values() if outcome_of(file.path) == "analysed"]
    return {file.name: look(file.path) for file in taken}


ONE = 1 << 16


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turn_is_told_from_a_mirror(degrees: int) -> None:
    cosine, sine = (round(ONE * turn(math.radians(degrees))) for turn in (math.cos, math.sin))
    turned_matrix = (cosine, sine, 0, -sine, cosine, 0, 0, 0, 1 << 30)
    mirrored_matrix = (-cosine, sine, 0, sine, cosine, 0, 0, 0, 1 << 30)
    assert display_matrix.from_matrix(turned_matrix) == display_matrix.Orientation(degrees, mirrored=False)
    assert display_matrix.from_matrix(mirrored_matrix) == display_matrix.Orientation(degrees, mirrored=True)


@pytest.mark.parametrize("name", ["varying.mp4", "varying.webm", "gaps.avi"])
def test_a_varying_rate_comes_with_the_true_times(files: dict[str, VideoFile], name: str) -> None:
    medium = look(files[name].path)
    assert medium.variable_rate
    assert medium.timestamps == IN_THE_DARK
    assert medium.warnings[0].startswith("The frame rate varies from 12.5 to 25 a second; OpenFace's timestamps assume")


def test_a_wrong_rate_comes_with_the_true_times_though_it_is_constant(files: dict[str, VideoFile]) -> None:
    medium = look(files["rounded.webm"].path)
    assert not medium.variable_rate
    assert medium.timestamps is not None
    assert medium.timestamps[:4] == (0, 0.033, 0.067, 0.1)
    assert medium.warnings[0].startswith(
        "The frames follow each other at 30 a second; OpenFace's timestamps assume 25:"
    )


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        ([round(number / 30, 3) for number in range(900)], 30),
        ([number / 30 + 0.004 * (number % 3) for number in range(900)], 30),
        ([number / 29.97 for number in range(900)], 30000 / 1001),
        ([0.0], 25),
        ([], 25),
    ],
    ids=["rounded to milliseconds", "a jittering clock", "29.97", "one frame", "no times"],
)
def test_times_that_a_constant_rate_gives_well_enough_are_not_kept(times: list[float], rate: float) -> None:
    assert timing.judge(times, rate) == timing.Timing()


def test_more_times_than_a_record_can_hold_are_left_out() -> None:
    found = timing.judge([number / 20 for number in range(timing.MOST_TIMESTAMPS + 1)], 30)
    assert found.timestamps is None
    assert "too many for the record" in found.warnings[0]


def test_pixels_that_are_not_square_are_warned_of(tmp_path: Path) -> None:
    path = encode(
        sample("face.mp4"), tmp_path / "dvd.mkv", Recipe(codec="mpeg2video", pixel_shape=Fraction(4, 3), frames=3)
    )
    assert "pixels aren't square" in look(path).warnings[0]


def copy(source: Path, target: Path, *, seconds: float = 600, cancellation: Cancellation | None = None) -> int:
    check = checks(cancellation or Cancellation(), seconds=seconds, doing="Copying")
    return upright.copy(source, target, look(source), check)


@pytest.mark.parametrize("name", ["turned_90.mp4", "turned_90_odd.mov", "mirrored.mp4", "trimmed.mp4", "av1.mp4"])
def test_an_upright_copy_has_each_frame_and_no_tag(files: dict[str, VideoFile], tmp_path: Path, name: str) -> None:
    original = look(files[name].path)
    assert copy(files[name].path, tmp_path / "copy.mp4") == original.frames
    copied = look(tmp_path / "copy.mp4")
    assert (copied.width, copied.height) == original.upright_size
    assert (copied.frames, copied.rate, copied.codec) == (original.frames, original.rate, "h264")
    assert (copied.rotation, copied.mirrored) == (0, False)


def test_equal_clips_have_equal_copies(files: dict[str, VideoFile], tmp_path: Path) -> None:
    for name in ("one.mp4", "another.mp4"):
        copy(files["turned_180.mp4"].path, tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "another.mp4").read_bytes()


def test_a_copy_does_not_hide_that_frames_are_lost(files: dict[str, VideoFile], tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="of its 30 frames can be decoded") as rejected:
        copy(files["damaged_turned.mp4"].path, tmp_path / "copy.mp4")
    assert rejected.value.verdict.outcome is Outcome.INCOMPLETE


def test_copying_is_bounded(files: dict[str, VideoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = files["turned_180.mp4"].path
    with pytest.raises(Rejected) as rejected:
        copy(path, tmp_path / "copy.mp4", seconds=-1)
    assert rejected.value.verdict.outcome is Outcome.TIMED_OUT
    called_off = Cancellation()
    called_off.cancel(ShuttingDown())
    with pytest.raises(ShuttingDown):
        copy(path, tmp_path / "copy.mp4", cancellation=called_off)
    monkeypatch.setattr(upright, "_LEAST_FREE", 1 << 80)
    with pytest.raises(DiskFull):
        copy(path, tmp_path / "copy.mp4")


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("Camera parameters:472.396,472.396,320,213.5", (640, 427)),
        ("Camera parameters:500,500,nan,213.5", None),
        ("Camera parameters:500,500", None),
        ("Input:medium.mp4", None),
    ],
)
def test_openface_says_how_large_a_picture_it_saw(tmp_path: Path, line: str, size: tuple[int, int] | None) -> None:
    (tmp_path / "medium_of_details.txt").write_text(f"Input:x\n{line}\nOutput csv:medium.csv\n")
    assert details.seen_size(tmp_path, Path("medium.mp4")) == size


def test_without_details_nothing_is_said_of_the_size(tmp_path: Path) -> None:
    assert details.seen_size(tmp_path, Path("medium.mp4")) is None


def test_limits_hold_before_a_clip_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(sample("face.mp4"), tmp_path / "clip.mp4", turned(90))
    monkeypatch.setattr(display_matrix, "read", pytest.fail)
    for small in (Limits(max_pixels=1000, max_duration=900), Limits(max_pixels=10**9, max_duration=0.1)):
        with pytest.raises(Rejected) as rejected:
            inspect(path, small)
        assert rejected.value.verdict.outcome is Outcome.TOO_LARGE
