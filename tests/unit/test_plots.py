"""Plots as markup: what is in it, what is thinned, and that nothing from outside gets in as markup."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openface_runner import plots, results
from openface_runner.plots import Section
from openface_runner.plots.thinning import Steps
from tests.support.samples import RECORDINGS

FACE = RECORDINGS / "image-face/outputs/out/face.csv"
TWO_FACES = RECORDINGS / "image-two-faces/outputs/out/two_faces.csv"
CLIP = RECORDINGS / "video-face/outputs/out/face.csv"
FACE_THEN_NONE = RECORDINGS / "video-face-then-none/outputs/out/face_then_none.csv"
NO_FACE = RECORDINGS / "video-no-face/outputs/out/no_face.csv"
HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'

NOT_A_NUMBER = re.compile(r"\bnan\b", re.IGNORECASE)

VOID = {"meta", "input", "img", "br", "link"}


class Markup(HTMLParser):
    """Elements by name, and whether each that was opened was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def attributes(self, tag: str, **having: str) -> list[dict[str, str | None]]:
        found = [attributes for name, attributes in self.elements if name == tag]
        return [attributes for attributes in found if having.items() <= attributes.items()]


def fragment(path: Path) -> str:
    return str(plots.fragment(results.read(path, plots.COLUMNS), key="k"))


def data_of(markup: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="k-data">(.*?)</script>', markup)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def edited(tmp_path: Path, path: Path, edit: Callable[[list[list[str]]], object]) -> Path:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    edit(rows)
    target = tmp_path / "edited.csv"
    target.write_text("".join(",".join(row) + "\n" for row in rows))
    return target


def test_a_clip_has_a_chart_for_each_measure_with_its_name_in_words() -> None:
    markup = fragment(CLIP)
    charts = {place["data-chart"]: place for place in Markup(markup).attributes("div", role="img")}
    assert set(charts) == {"confidence", *results.ACTION_UNITS, "rotation", "position", "gaze"}
    assert (charts["AU12"]["aria-label"] or "").startswith("AU12 lip corner puller over time. intensity: lowest ")
    assert set(data_of(markup)["charts"]) == set(charts)


def test_a_charts_data_are_the_csvs_own_with_angles_in_degrees() -> None:
    clip, data = results.read(CLIP), data_of(fragment(CLIP))
    assert data["times"] == list(clip.seconds)
    assert data["charts"]["AU12"]["lines"] == [list(clip["AU12_r"])]
    assert data["charts"]["rotation"]["lines"][1][0] == round(math.degrees(clip["pose_Ry"][0]), 1)
    assert data["lost"] == []


def test_lost_frames_are_spans_and_leave_gaps_in_all_lines_but_confidence() -> None:
    clip, data = results.read(FACE_THEN_NONE), data_of(fragment(FACE_THEN_NONE))
    lost = [not found for found in clip.success]
    assert [value is None for value in data["charts"]["AU01"]["lines"][0]] == lost
    assert None not in data["charts"]["confidence"]["lines"][0]
    within = [any(start <= time <= end for start, end in data["lost"]) for time in clip.seconds]
    assert within == lost


def test_a_clip_without_a_face_says_so_and_draws_only_confidence() -> None:
    markup = fragment(NO_FACE)
    assert "No face was found in this clip" in markup
    assert [place["data-chart"] for place in Markup(markup).attributes("div", role="img")] == ["confidence"]
    assert not NOT_A_NUMBER.search(markup)


def test_a_value_that_isnt_a_number_in_a_lost_frame_never_reaches_the_page(tmp_path: Path) -> None:
    def spoil(rows: list[list[str]]) -> None:
        rows[60][rows[0].index("pose_Tx")] = "-nan"

    markup = fragment(edited(tmp_path, FACE_THEN_NONE, spoil))
    assert not NOT_A_NUMBER.search(markup)
    data_of(markup)


def test_a_clip_without_times_is_drawn_by_frames(tmp_path: Path) -> None:
    def stop_the_clock(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            row[rows[0].index("timestamp")] = "0"

    data = data_of(fragment(edited(tmp_path, CLIP, stop_the_clock)))
    assert (data["unit"], data["times"][:3]) == ("frame", [1, 2, 3])


def test_a_clip_of_one_frame_can_be_drawn(tmp_path: Path) -> None:
    data = data_of(fragment(edited(tmp_path, CLIP, lambda rows: rows.__delitem__(slice(2, None)))))
    assert data["times"] == [0.0]


def test_charts_of_columns_that_arent_there_are_left_out() -> None:
    clip = results.read(CLIP, ["pose"])
    markup = Markup(str(plots.fragment(clip, key="k")))
    assert [place["data-chart"] for place in markup.attributes("div", role="img")] == [
        "confidence",
        "rotation",
        "position",
    ]


def test_each_face_of_an_image_is_drawn_with_68_points_and_a_bar_for_each_action_unit() -> None:
    markup = Markup(fragment(TWO_FACES))
    assert len(markup.attributes("circle", **{"class": "plot-dot"})) == 2 * 68
    assert len(markup.attributes("polygon", **{"class": "plot-iris"})) == 2 * 2
    assert len(markup.attributes("rect")) == 2 * 17, "AU28 has no intensity"
    assert len(markup.attributes("text")) == 2, "the overview numbers them"


def test_a_bar_is_as_long_as_its_intensity() -> None:
    widths = [float(bar["width"] or "") for bar in Markup(fragment(FACE)).attributes("rect")]
    assert widths == [round(20 * column[0], 1) for column in results.read(FACE).intensities.values()]


def test_faces_beyond_what_can_be_read_are_counted_and_not_drawn(tmp_path: Path) -> None:
    crowd = edited(tmp_path, TWO_FACES, lambda rows: rows.extend(rows[1:] * 20))
    markup = fragment(crowd)
    assert "The first 24 of 42 faces are drawn" in markup
    assert len(Markup(markup).attributes("div", **{"class": "plot-person"})) == 24


def test_an_image_without_landmarks_and_action_units_still_has_its_facts() -> None:
    markup = str(plots.fragment(results.read(FACE, ["pose"]), key="k"))
    assert "<svg" not in markup and "<table" not in markup
    assert "pitch" in markup


@pytest.mark.parametrize("path", [CLIP, FACE_THEN_NONE, NO_FACE, FACE, TWO_FACES], ids=lambda path: path.stem)
def test_a_fragment_needs_neither_inline_scripts_nor_inline_styles(path: Path) -> None:
    markup = Markup(fragment(path))
    assert markup.open == []
    assert markup.attributes("script") == markup.attributes("script", type="application/json")
    names = {name for _, attributes in markup.elements for name in attributes}
    assert not [name for name in names if name == "style" or name.startswith("on")]
    ids = [attributes["id"] for _, attributes in markup.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_all_that_comes_from_outside_is_escaped_in_a_report() -> None:
    section = Section(
        name=HOSTILE,
        results=results.read(FACE, plots.COLUMNS),
        facts=[(HOSTILE, HOSTILE)],
        warnings=[HOSTILE],
        standin=HOSTILE,
    )
    page = plots.report([section, Section(name=HOSTILE, trouble=HOSTILE)])
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 9, "each of them, once; a name in the list, too"
    markup = Markup(page)
    assert markup.attributes("img") == []
    assert len(markup.attributes("script")) == len(plots.SCRIPTS)


def test_a_reports_policy_allows_only_what_is_in_it() -> None:
    markup = Markup(plots.report([Section(name="a", results=results.read(CLIP, plots.COLUMNS))]))
    (policy,) = markup.attributes("meta", **{"http-equiv": "Content-Security-Policy"})
    directives = dict(part.strip().split(" ", 1) for part in (policy["content"] or "").split(";"))
    assert directives["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[\w+/]+=*' ?){2}", directives["script-src"])
    loaded = {name for _, attributes in markup.elements for name in attributes if name in ("src", "srcset")}
    assert loaded == set()


def test_a_standins_numbers_are_called_so() -> None:
    clip = results.read(CLIP, plots.COLUMNS)
    said = "These are not OpenFace's numbers."
    assert said in plots.report([Section(name="a", results=clip, standin="stand-in 1")])
    assert said not in plots.report([Section(name="a", results=clip)])


def test_a_long_clip_becomes_few_points_and_the_page_says_so(tmp_path: Path) -> None:
    def lengthen(rows: list[list[str]]) -> None:
        header, first = rows[0], rows[1]
        frame, time = header.index("frame"), header.index("timestamp")
        del rows[1:]
        for number in range(9001):
            row = list(first)
            row[frame], row[time] = str(number + 1), f"{number / 25:.3f}"
            rows.append(row)
        rows[4711][header.index("AU12_r")] = "4.99"

    markup = fragment(edited(tmp_path, CLIP, lengthen))
    data = data_of(markup)
    lines = [line for chart in data["charts"].values() for line in chart["lines"]]
    assert {len(line) for line in lines} == {len(data["times"])}
    assert len(data["times"]) <= 4000
    assert 4.99 in data["charts"]["AU12"]["lines"][0]
    assert "9,001 frames: each chart is drawn in steps of 5 frames" in markup


@given(
    values=st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=200),
    most=st.sampled_from([2, 8, 50, 1000]),
)
def test_thinning_keeps_the_extremes_and_never_shows_a_hidden_frame(
    values: list[tuple[float, bool]], most: int
) -> None:
    numbers, shown = [value for value, _ in values], [show for _, show in values]
    steps = Steps.of(len(values), most)
    line = steps.thin(numbers, shown, digits=9)
    assert len(line) == len(steps.rows()) <= max(most, 2)
    kept = [value for value in line if value is not None]
    visible = [round(value, 9) for value, show in values if show]
    assert set(kept) <= set(visible)
    assert (min(kept, default=0), max(kept, default=0)) == (min(visible, default=0), max(visible, default=0))
    assert steps.rows() == sorted(steps.rows())


@given(flags=st.lists(st.booleans(), min_size=1, max_size=200), most=st.sampled_from([2, 8, 50, 1000]))
def test_runs_cover_every_flag_and_dont_touch(flags: list[bool], most: int) -> None:
    runs = Steps.of(len(flags), most).runs(flags)
    covered = {row for first, last in runs for row in range(first, last + 1)}
    assert {row for row, flag in enumerate(flags) if flag} <= covered <= set(range(len(flags)))
    assert all(one[1] + 1 < following[0] for one, following in pairwise(runs))
