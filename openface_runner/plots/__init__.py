"""Plots of results, as a part of a page and as a page of its own.

    markup = fragment(results.read(path, COLUMNS))  # for a page, which must load STYLES and SCRIPTS
    html = report([Section(...), ...])  # a whole page in one file, which needs no network

A page shows the same numbers as tables, so nothing depends on seeing a chart. Time series are drawn in the browser by
uPlot, which is small and never turns text into code (``pages/static/vendor``); faces are SVG, made here.
"""

from __future__ import annotations

from openface_runner.plots.page import COLUMNS, SCRIPTS, STYLES, Section, fragment, report

__all__ = ["COLUMNS", "SCRIPTS", "STYLES", "Section", "fragment", "report"]
