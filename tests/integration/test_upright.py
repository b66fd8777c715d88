"""Sideways clips are measured upright, whether or not the OpenFace in use obeys rotation tags. With the stand-in."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from devstack.standin.install import install
from devstack.standin.model_file import StandinUnavailable
from openface_runner.analysis import Analyser, Analysis
from openface_runner.media.content import VideoMedium
from openface_runner.media.request import Request
from openface_runner.outcomes import Outcome
from openface_runner.settings import Capture, Settings
from tests.support.missing import skip_or_fail
from tests.support.samples import sample
from tests.support.video_encoding import Recipe, encode, turned

IMPORT = "from devstack.standin import programs\n"
# An OpenCV that knows no such property stays as it is: pip's doesn't turn clips by itself.
WITHOUT_TURNING = "import cv2\ncv2.CAP_PROP_ORIENTATION_AUTO = 999\n"
RECIPES = {
    "upright": Recipe(),
    **{f"turned by {by}": turned(by) for by in (90, 180, 270)},
    "upright square": turned(0, square=True),
    **{f"turned by {by} square": turned(by, square=True) for by in (90, 270)},
    "mirrored": Recipe(chain=(*Recipe().chain, "hflip"), matrix=(-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)),
    "unreadable to OpenCV": Recipe(codec="libsvtav1", options={"preset": "8"}),
}
CLOSE = 2.0
"""Pixels."""


@dataclass(frozen=True)
class Analysed:
    """A clip's analysis, with the landmarks of each frame."""

    analysis: Analysis
    points: list[list[float]]

    @property
    def conversions(self) -> tuple[str, ...]:
        assert isinstance(self.analysis.medium, VideoMedium)
        return self.analysis.medium.conversions

    def distance(self, other: Analysed) -> float:
        """The largest difference of a landmark's coordinate, in pixels."""
        pairs = zip(self.points, other.points, strict=True)
        return max(abs(a - b) for row, its in pairs for a, b in zip(row, its, strict=True))


@pytest.fixture(scope="module", params=["obeys tags", "ignores tags"])
def obeys(request: pytest.FixtureRequest) -> Iterator[bool]:
    yield request.param == "obeys tags"


@pytest.fixture(scope="module")
def analysed(obeys: bool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Analysed]:
    """All recipes, analysed."""
    folder = tmp_path_factory.mktemp("upright").resolve()
    bin_dir = folder / "bin"
    try:
        install(bin_dir)
    except StandinUnavailable as missing:
        skip_or_fail(missing)
    if not obeys:
        program = bin_dir / "FeatureExtraction"
        script = program.read_text()
        assert IMPORT in script
        program.write_text(script.replace(IMPORT, WITHOUT_TURNING + IMPORT))
    analyser = Analyser.from_settings(Settings.from_environment(openface_bin_dir=bin_dir, allow_standin=True))
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(RECIPES, pool.map(partial(analyse, analyser, folder), RECIPES), strict=True))


def analyse(analyser: Analyser, folder: Path, name: str) -> Analysed:
    path = encode(sample("face.mp4"), folder / f"{name}.mp4", RECIPES[name])
    work = folder / f"work {name}"
    work.mkdir()
    analysis = analyser.analyse(path, Request(capture=Capture.POSED), work)
    assert analysis.verdict.outcome is Outcome.ANALYSED, f"{name}: {analysis.verdict.message}"
    assert analysis.csv is not None
    with analysis.csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Analysed(analysis, [[float(row[f"{axis}_{point}"]) for axis in "xy" for point in range(68)] for row in rows])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_sideways_clip_has_the_upright_ones_landmarks(analysed: dict[str, Analysed], degrees: int) -> None:
    assert analysed[f"turned by {degrees}"].distance(analysed["upright"]) < CLOSE


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_sideways_square_has_the_upright_ones_landmarks(analysed: dict[str, Analysed], degrees: int) -> None:
    assert analysed[f"turned by {degrees} square"].distance(analysed["upright square"]) < CLOSE


def test_a_mirrored_clip_has_the_upright_ones_landmarks(analysed: dict[str, Analysed]) -> None:
    assert analysed["mirrored"].distance(analysed["upright"]) < CLOSE


def test_a_clip_that_openfaces_opencv_cannot_read_is_measured_all_the_same(analysed: dict[str, Analysed]) -> None:
    # AV1 at the encoder's own quality, so landmarks are only near.
    assert len(analysed["unreadable to OpenCV"].points) == len(analysed["upright"].points)
    assert analysed["unreadable to OpenCV"].distance(analysed["upright"]) < 3 * CLOSE


def test_the_record_says_what_was_done(analysed: dict[str, Analysed], obeys: bool) -> None:
    done = {name: clip.conversions for name, clip in analysed.items()}
    assert done == {
        "upright": (),
        "turned by 90": () if obeys else ("turned upright by 90 degrees", "encoded anew as H.264"),
        "turned by 180": ("turned upright by 180 degrees", "encoded anew as H.264"),
        "turned by 270": () if obeys else ("turned upright by 270 degrees", "encoded anew as H.264"),
        "upright square": (),
        "turned by 90 square": ("turned upright by 90 degrees", "encoded anew as H.264"),
        "turned by 270 square": ("turned upright by 270 degrees", "encoded anew as H.264"),
        "mirrored": ("mirrored left to right", "encoded anew as H.264"),
        "unreadable to OpenCV": ("encoded anew as H.264",),
    }
