"""Plots as HTML: templates, the data for the charts, and what a page needs beside them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from openface_runner.openface.columns import ColumnGroup, of_group
from openface_runner.plots.clips import Chart, Clip, clip_of
from openface_runner.plots.faces import picture_of
from openface_runner.results import Kind, Results

STYLES = ("vendor/uPlot.min.css", "plots.css")
SCRIPTS = ("vendor/uPlot.iife.min.js", "plots.js")
"""What a page that holds plots must load from ``openface_runner/pages/static``, in this order; scripts deferred."""

COLUMNS = (
    ColumnGroup.ACTION_UNITS,
    ColumnGroup.POSE,
    ColumnGroup.LANDMARKS_2D,
    *(name for name in of_group(ColumnGroup.GAZE) if name.startswith(("gaze_", "eye_lmk_x", "eye_lmk_y"))),
)
"""What ``results.read`` should be asked for: all that is drawn."""

_REPORT_STYLES = (*STYLES, "report.css")


@dataclass(frozen=True, kw_only=True)
class Section:
    """One result of a report, or why there is none. All texts may come from outside: they are escaped."""

    name: str
    results: Results | None = None
    trouble: str = ""
    """Why there are no results, as one or more sentences."""
    facts: Sequence[tuple[str, str]] = field(default=())
    """Where it comes from, as names and values."""
    warnings: Sequence[str] = field(default=())
    """Why the numbers should not be trusted without a look, each a sentence."""
    standin: str = ""
    """What measured it, when that wasn't OpenFace."""


def fragment(results: Results, *, key: str = "plots", level: int = 3) -> Markup:
    """Plots of one result, for a page.

    The page must load ``STYLES`` and ``SCRIPTS``. It may have the strictest Content-Security-Policy: nothing here is an
    inline script or style, data come in a ``<script type="application/json">``, which is never run.

    Arguments:
        results: read with ``COLUMNS``; a video's with all frames. What isn't among its columns is left out.
        key: unique in the page; letters, digits and hyphens. Ids begin with it.
        level: of the headings, 2 to 5.
    """
    common = {"key": key, "level": level}
    if results.kind is Kind.VIDEO:
        clip = clip_of(results)
        return _render("clip.html", clip=clip, data=_data(clip), **common)
    return _render("picture.html", picture=picture_of(results), **common)


def report(sections: Sequence[Section]) -> str:
    """A whole page, in one file that loads nothing: plots of several results, each a section with a place in a table.

    Its Content-Security-Policy allows the scripts and styles that are in it, by their hashes, and nothing else.
    """
    scripts, styles = _static(SCRIPTS), _static(_REPORT_STYLES)
    policy = f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; base-uri 'none'"
    plots = [
        fragment(section.results, key=f"r{number}") if section.results else None
        for number, section in enumerate(sections, start=1)
    ]
    return _render("report.html", sections=sections, plots=plots, scripts=scripts, styles=styles, policy=policy)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("openface_runner.plots"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    return environment


def _render(template: str, **values: Any) -> Markup:
    # Autoescaping has made it safe.
    return Markup(_templates().get_template(template).render(**values))  # noqa: S704


def _number(value: float, digits: int = 2) -> str:
    """With a real minus sign, and never ``-0.0``."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _data(clip: Clip) -> Markup:
    data = {
        "unit": clip.time_unit,
        "times": clip.times,
        "frames": clip.numbers,
        "step": clip.step,
        "lost": clip.lost,
        "charts": {chart.key: _chart_data(chart) for chart in clip.charts},
    }
    # In HTML, "</script" would end the element, and "<!--" would change how it is read.
    return Markup(orjson.dumps(data).decode().replace("<", "\\u003c"))  # noqa: S704


def _chart_data(chart: Chart) -> dict[str, Any]:
    return {
        "unit": chart.unit,
        "digits": chart.digits,
        "span": chart.span,
        "stepped": chart.stepped,
        "present": chart.present,
        "lines": [series.points for series in chart.series],
    }


@cache
def _static(names: tuple[str, ...]) -> tuple[Markup, ...]:
    folder = resources.files("openface_runner") / "pages" / "static"
    # Files of our own, which hold no closing tag.
    return tuple(Markup((folder / name).read_text(encoding="utf-8")) for name in names)  # noqa: S704


def _hashes(texts: Sequence[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
