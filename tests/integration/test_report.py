"""``python -m openface_runner report``, as a user types it, and its page in a real browser without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browsing import barriers, fits, quiet_page
from tests.support.samples import RECORDINGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FACE = RECORDINGS / "image-face/outputs/out/face.csv"
TWO_FACES = RECORDINGS / "image-two-faces/outputs/out/two_faces.csv"
CLIP = RECORDINGS / "video-face/outputs/out/face.csv"
FACE_THEN_NONE = RECORDINGS / "video-face-then-none/outputs/out/face_then_none.csv"
KILLED = RECORDINGS / "video-killed-midway/outputs/out/face.csv"
HOSTILE = "<img src=x onerror=alert(1)>.csv"
NO_VALUE = "\N{EN DASH}"
STANDIN = {"blob": "clip.mp4", "state": "ended", "engine": {"name": "imitation", "version": "3", "is_openface": False}}


def report(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openface_runner", "report", *map(str, words)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(RECORDINGS.parents[2])},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def put(folder: Path, **csvs: Path) -> list[Path]:
    paths = [folder / f"{name}.csv" for name in csvs]
    for path, source in zip(paths, csvs.values(), strict=True):
        shutil.copyfile(source, path)
    return paths


def test_all_results_are_in_one_file(tmp_path: Path) -> None:
    done = report(*put(tmp_path, picture=FACE, clip=CLIP), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "-> report.html, 0.1 MB\n"
    page = (tmp_path / "report.html").read_text()
    assert "picture, 1 face" in page and "clip, 75 frames, 75 with a face" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.csv", "picture.csv", "report.html"]


def test_a_damaged_csv_costs_the_others_nothing(tmp_path: Path) -> None:
    damaged, whole = put(tmp_path, damaged=KILLED, whole=FACE)
    done = report(damaged, whole, "--out", "out.html", cwd=tmp_path)
    assert done.returncode == 1
    reason = "This is not a whole result of OpenFace: line 24, the last one, is cut off."
    assert done.stderr == f"openface_runner: {damaged}: {reason}\n"
    page = (tmp_path / "out.html").read_text()
    assert reason in page and "picture, 1 face" in page
    assert str(tmp_path) not in page, "a report goes to others: it names no folder of this computer"


def test_a_record_tells_what_measured_it_and_a_standin_is_called_so(tmp_path: Path) -> None:
    (clip,) = put(tmp_path, clip=CLIP)
    request = {"capture": "wild", "au_model": "static"}
    clip.with_suffix(".json").write_text(json.dumps({**STANDIN, "request": request, "warnings": ["Odd frame rate."]}))
    done = report(clip, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{clip}: these are not OpenFace's numbers: measured with imitation 3." in done.stdout
    page = (tmp_path / "report.html").read_text()
    for said in ("These are not OpenFace's numbers.", "imitation 3", "Odd frame rate.", "wild", "static"):
        assert said in page


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "not known: there is no clip.json beside it"),
        ("{}", "not known: clip.json beside it is no record of a job"),
        ("\0", "not known: clip.json beside it is no record of a job"),
    ],
)
def test_without_a_record_what_measured_it_isnt_guessed(tmp_path: Path, record: str | None, said: str) -> None:
    (clip,) = put(tmp_path, clip=CLIP)
    if record is not None:
        clip.with_suffix(".json").write_text(record)
    assert report(clip, cwd=tmp_path).returncode == 0
    assert said in (tmp_path / "report.html").read_text()


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    done = report(*put(tmp_path, bad=KILLED, two=TWO_FACES), "--json", cwd=tmp_path)
    bad, two = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert two == {
        "source": str(tmp_path / "two.csv"),
        "report": "report.html",
        "kind": "image",
        "rows": 2,
        "trouble": None,
    }
    assert (bad["kind"], "line 24" in bad["trouble"]) == (None, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required"),
        (["nowhere.csv"], "nowhere.csv does not exist"),
        (["."], "is a folder"),
        (["face.csv", "--out", "face.csv"], "would overwrite face.csv"),
        (["face.csv", "--out", "face.json"], "would overwrite face.json"),
        (["face.csv", "--out", "nowhere/report.html"], "can't be written: No such file or directory"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(tmp_path: Path, words: list[str], said: str) -> None:
    shutil.copyfile(FACE, tmp_path / "face.csv")
    done = report(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "face.csv").read_bytes() == FACE.read_bytes()


# In a browser


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    csvs = put(folder, clip=FACE_THEN_NONE, two=TWO_FACES)
    hostile = folder / HOSTILE
    shutil.copyfile(FACE, hostile)
    done = report(*csvs, hostile, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "report.html"


@pytest.fixture(params=[(390, "light"), (1280, "dark")], ids=["phone, light", "desk, dark"])
def page(browser: Browser, report_file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    address = report_file.as_uri()
    with quiet_page(browser, width=width, scheme=scheme, origin=address, offline=True) as page:
        page.goto(address)
        yield page


def test_a_report_opens_from_a_file_with_no_network_and_no_complaint(page: Page) -> None:
    page.get_by_role("img", name="Gaze direction over time").scroll_into_view_if_needed()
    page.locator("[data-chart=gaze] canvas").wait_for()
    assert page.get_by_role("heading", name=HOSTILE).is_visible()
    assert fits(page)


def test_a_report_has_no_barriers(page: Page) -> None:
    page.locator("[data-chart=confidence] canvas").wait_for()
    assert barriers(page) == []


def test_charts_are_drawn_when_they_come_into_view(page: Page) -> None:
    page.locator("[data-chart=confidence] canvas").wait_for()
    last = page.locator("[data-chart=gaze] canvas")
    assert last.count() == 0
    page.locator("[data-chart=gaze]").scroll_into_view_if_needed()
    last.wait_for()


def test_the_slider_moves_all_charts_to_one_moment_by_keyboard(page: Page) -> None:
    page.locator("[data-chart=confidence] canvas").wait_for()
    slider = page.get_by_role("slider", name="Moment")
    assert slider.get_attribute("aria-valuetext") == "0.00 s, frame 1"
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0.04 s, frame 2"
    chart = page.locator("figure").filter(has=page.locator("[data-chart=confidence]"))
    assert chart.locator("[data-value]").text_content() == "0.92"
    slider.press("End")
    page.locator("[data-chart=AU12]").scroll_into_view_if_needed()
    page.locator("[data-chart=AU12] canvas").wait_for()
    smile = page.locator("figure").filter(has=page.locator("[data-chart=AU12]"))
    assert smile.locator("[data-value]").text_content() == NO_VALUE, "the last frame has no face"


def test_zoom_works_by_buttons(page: Page) -> None:
    page.locator("[data-chart=confidence] canvas").wait_for()
    page.get_by_role("slider", name="Moment").press("End")
    marker = page.locator("[data-chart=confidence] .plot-line")
    marker.wait_for(state="visible")
    page.get_by_role("button", name="Zoom in on the moment").click()
    page.get_by_role("slider", name="Moment").press("Home")
    marker.wait_for(state="hidden")  # the first moment is outside of what is shown
    page.get_by_role("button", name="Whole clip").click()
    marker.wait_for(state="visible")


def test_the_numbers_can_be_read_as_tables(page: Page) -> None:
    page.get_by_text("Action units as a table").click()
    table = page.get_by_role("group", name="Action units as a table")
    assert "lip corner puller" in (table.get_by_role("row").filter(has_text="AU12").text_content() or "")
    bars = page.get_by_role("table", name="Action units: intensity from 0 (none) to 5 (the most)")
    assert bars.count() == 3
    assert bars.first.get_by_role("row").filter(has_text="AU12").get_by_role("cell").last.text_content() == "yes"
