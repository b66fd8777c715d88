"""A clip's charts over time, made from its results: what is drawn, and the same in words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from openface_runner.plots.thinning import Line, Steps
from openface_runner.results import ACTION_UNITS, Results

_DEGREES = 180 / math.pi
_MILLIMETRES, _ANGLE, _INTENSITY, _CONFIDENCE, _TIME = 0, 1, 2, 2, 3
"""Digits after the point: as many as the measurement is worth, and no more to load."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a chart."""

    name: str
    points: Line
    lowest: float
    median: float
    highest: float
    highest_at: float
    """The time, in the clip's unit."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart of a clip. All of a clip's have the same times."""

    key: str
    """Unique in the clip; letters, digits and hyphens."""
    title: str
    unit: str
    """As it follows a number: with a blank before it where there must be one."""
    digits: int
    series: tuple[Series, ...]
    span: tuple[float, float] | None = None
    """The lowest and highest value of the axis; None: what the lines need."""
    present: tuple[tuple[float, float], ...] | None = None
    """The times from and to which an action unit is present; None where there is no such thing."""
    presence: float | None = None
    """The share of the frames with a face in which it is present."""
    stepped: bool = False


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What is drawn of a clip."""

    frames: int
    frames_with_face: int
    time_unit: str
    """``s``, or ``frame`` where OpenFace gave no times."""
    times: tuple[float, ...]
    """Of each point."""
    numbers: tuple[int, ...]
    """The frame of each point, from 1."""
    step: int
    """Frames in a point's step; 1: every frame is drawn."""
    lost: tuple[tuple[float, float], ...]
    """The times from and to which no face was found."""
    confidence: Chart
    action_units: tuple[Chart, ...]
    head: tuple[Chart, ...]
    gaze: tuple[Chart, ...]

    @property
    def charts(self) -> Iterator[Chart]:
        """All charts, in the order in which they are shown."""
        yield self.confidence
        yield from (*self.action_units, *self.head, *self.gaze)


def clip_of(results: Results) -> Clip:
    """The charts of a video's results, which must have all frames, those without a face too."""
    return _Maker(results).clip()


class _Maker:
    def __init__(self, results: Results) -> None:
        self._results = results
        self._success = results.success
        self._steps = Steps.of(results.rows)
        self._times, self._unit = _times(results)
        # A frame lasts until the next one; the last as long as the one before.
        self._half = (self._times[1] - self._times[0]) / 2 if results.rows > 1 else 0.5

    def clip(self) -> Clip:
        rows = self._steps.rows()
        return Clip(
            frames=self._results.rows,
            frames_with_face=sum(self._success),
            time_unit=self._unit,
            times=tuple(round(self._times[row], _TIME) for row in rows),
            numbers=tuple(int(self._results["frame"][row]) for row in rows),
            step=self._steps.size,
            lost=self._spans([not found for found in self._success]),
            confidence=Chart(
                key="confidence",
                title="Confidence",
                unit="",
                digits=_CONFIDENCE,
                series=(self._line("confidence", self._results["confidence"], _CONFIDENCE, everywhere=True),),
                span=(0, 1),
            ),
            action_units=tuple(self._action_units()),
            head=tuple(self._head()),
            gaze=tuple(self._gaze()),
        )

    def _action_units(self) -> Iterator[Chart]:
        intensities, presences = self._results.intensities, self._results.presences
        for code, name in ACTION_UNITS.items():
            values = intensities.get(code, presences.get(code))
            if values is None:
                continue
            flags = presences.get(code)
            there = [found and flag == 1 for found, flag in zip(self._success, flags or (), strict=bool(flags))]
            only_presence = code not in intensities
            yield Chart(
                key=code,
                title=name,
                unit="",
                digits=0 if only_presence else _INTENSITY,
                series=(self._line("present" if only_presence else "intensity", values, _INTENSITY),),
                span=(0, 1) if only_presence else (0, 5),
                present=self._spans(there) if flags else None,
                presence=sum(there) / max(sum(self._success), 1) if flags else None,
                stepped=only_presence,
            )

    def _head(self) -> Iterator[Chart]:
        turned = (("pitch", "pose_Rx"), ("yaw", "pose_Ry"), ("roll", "pose_Rz"))
        placed = (("x, sideways", "pose_Tx"), ("y, down", "pose_Ty"), ("z, away", "pose_Tz"))
        yield from self._angles("rotation", "Head rotation", turned)
        position = Chart(
            key="position", title="Head position", unit="\N{NO-BREAK SPACE}mm", digits=_MILLIMETRES, series=()
        )
        yield from self._chart(position, placed)

    def _gaze(self) -> Iterator[Chart]:
        yield from self._angles(
            "gaze", "Gaze direction", (("left and right", "gaze_angle_x"), ("up and down", "gaze_angle_y"))
        )

    def _angles(self, key: str, title: str, names: Sequence[tuple[str, str]]) -> Iterator[Chart]:
        yield from self._chart(Chart(key=key, title=title, unit="°", digits=_ANGLE, series=()), names, factor=_DEGREES)

    def _chart(self, empty: Chart, names: Sequence[tuple[str, str]], *, factor: float = 1) -> Iterator[Chart]:
        if all(column in self._results for _, column in names):
            lines = [(name, [value * factor for value in self._results[column]]) for name, column in names]
            yield replace(empty, series=tuple(self._line(name, values, empty.digits) for name, values in lines))

    def _line(self, name: str, values: Sequence[float], digits: int, *, everywhere: bool = False) -> Series:
        shown = [True] * len(values) if everywhere else self._success
        seen = [(value, time) for value, time, show in zip(values, self._times, shown, strict=True) if show]
        # A clip without a face has nothing to sum up; the page says so once, and draws no such chart.
        highest, at = max(seen, key=lambda pair: pair[0], default=(math.nan, math.nan))
        return Series(
            name=name,
            points=self._steps.thin(values, shown, digits),
            lowest=min((value for value, _ in seen), default=math.nan),
            median=statistics.median(value for value, _ in seen) if seen else math.nan,
            highest=highest,
            highest_at=at,
        )

    def _spans(self, flags: Sequence[bool]) -> tuple[tuple[float, float], ...]:
        return tuple(
            (round(self._times[first] - self._half, _TIME), round(self._times[last] + self._half, _TIME))
            for first, last in self._steps.runs(flags)
        )


def _times(results: Results) -> tuple[Sequence[float], str]:
    seconds = results.seconds
    if all(one < following for one, following in pairwise(seconds)):
        return seconds, "s"
    # Sequences of pictures have no clock.
    return results["frame"], "frame"
