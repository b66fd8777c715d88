"""An image's faces, made from its results: the 68 points drawn as a face, its action units, where it looks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openface_runner.results import ACTION_UNITS, Results

MOST_FACES = 24
"""Faces of an image that are drawn; a crowd would make a page that nobody can read."""

_DEGREES = 180 / math.pi
_SIZE = 200.0
"""Of a drawing, in units of its own; strokes and dots are sized for it."""
_OVERVIEW_SIZE = 320.0
_MARGIN = 16.0
_GAZE_LENGTH = 60.0

Point = tuple[float, float]

# The iBUG 300-W scheme: first and last point of each line, and whether it is closed.
_LINES = (
    (0, 16, False),  # jaw
    (17, 21, False),  # brows
    (22, 26, False),
    (27, 30, False),  # nose
    (31, 35, False),
    (36, 41, True),  # eyes
    (42, 47, True),
    (48, 59, True),  # lips
    (60, 67, True),
)
_JAW, _BROWS, _NOSE = slice(0, 17), slice(17, 27), 30
_EYE_POINTS = 28
_IRIS_POINTS = 8
"""An eye's points begin with those around its iris."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One action unit of a face."""

    code: str
    name: str
    intensity: float | None
    """0 to 5; None where OpenFace measures only presence (AU28), or the file has no intensities."""
    present: bool | None
    """None when the file doesn't say."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A face as lines and dots, for an SVG; each line is the ``points`` of a polyline or polygon."""

    width: float
    height: float
    open_lines: tuple[str, ...]
    closed_lines: tuple[str, ...]
    irises: tuple[str, ...]
    gazes: tuple[tuple[float, float, float, float], ...]
    """From each iris's middle to where it looks: x1, y1, x2, y2."""
    dots: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Face:
    """One face of an image."""

    number: int
    """From 1, in the file's order."""
    confidence: float
    drawing: Drawing | None
    bars: tuple[Bar, ...]
    facts: tuple[tuple[str, str], ...]
    """Head pose and gaze, as a name and a value with its unit."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Where the faces are to each other, for an SVG."""

    width: float
    height: float
    jaws: tuple[str, ...]
    """Each face's outline, as the points of a polyline."""
    middles: tuple[Point, ...]
    """Where each face's number goes."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn of an image."""

    overview: Overview | None
    """None for a single face."""
    faces: tuple[Face, ...]
    total: int
    """Faces in the file; those beyond ``MOST_FACES`` aren't drawn."""


def picture_of(results: Results) -> Picture:
    """The faces of an image's results."""
    shown = range(min(results.rows, MOST_FACES))
    return Picture(
        overview=_overview(results, shown) if len(shown) > 1 and _has_landmarks(results) else None,
        faces=tuple(_face(results, row) for row in shown),
        total=results.rows,
    )


def _has_landmarks(results: Results) -> bool:
    return "x_67" in results and "y_67" in results


def _overview(results: Results, rows: range) -> Overview:
    faces = [results.landmarks(row) for row in rows]
    frame = _Frame.around([point for face in faces for point in face], _OVERVIEW_SIZE)
    placed = [[frame.place(point) for point in face] for face in faces]
    return Overview(
        width=frame.width,
        height=frame.height,
        jaws=tuple(_line([*face[_JAW], *reversed(face[_BROWS])]) for face in placed),
        middles=tuple(face[_NOSE] for face in placed),
    )


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where points of an image go in a drawing."""

    left: float
    top: float
    scale: float
    width: float
    height: float

    @classmethod
    def around(cls, points: Sequence[Point], size: float) -> _Frame:
        left, top = min(x for x, _ in points), min(y for _, y in points)
        wide, high = max(x for x, _ in points) - left, max(y for _, y in points) - top
        scale = size / (max(wide, high) or 1)
        width, height = (round(length * scale + 2 * _MARGIN, 1) for length in (wide, high))
        return cls(left=left, top=top, scale=scale, width=width, height=height)

    def place(self, point: Point) -> Point:
        x, y = point
        return round((x - self.left) * self.scale + _MARGIN, 1), round((y - self.top) * self.scale + _MARGIN, 1)


def _face(results: Results, row: int) -> Face:
    return Face(
        number=row + 1,
        confidence=results["confidence"][row],
        drawing=_drawing(results, row) if _has_landmarks(results) else None,
        bars=tuple(_bars(results, row)),
        facts=tuple(_facts(results, row)),
    )


def _bars(results: Results, row: int) -> Iterator[Bar]:
    intensities, presences = results.intensities, results.presences
    for code, name in ACTION_UNITS.items():
        intensity, presence = intensities.get(code), presences.get(code)
        if intensity is not None or presence is not None:
            yield Bar(
                code=code,
                name=name,
                intensity=None if intensity is None else intensity[row],
                present=None if presence is None else presence[row] == 1,
            )


def _facts(results: Results, row: int) -> Iterator[tuple[str, str]]:
    angles = (
        ("pitch", "pose_Rx"),
        ("yaw", "pose_Ry"),
        ("roll", "pose_Rz"),
        ("gaze, left and right", "gaze_angle_x"),
        ("gaze, up and down", "gaze_angle_y"),
    )
    for name, column in angles:
        if column in results:
            yield name, f"{results[column][row] * _DEGREES:+.1f}°"
    if "pose_Tz" in results:
        yield "distance", f"{results['pose_Tz'][row] / 1000:.2f} m"


def _drawing(results: Results, row: int) -> Drawing:
    points = results.landmarks(row)
    frame = _Frame.around(points, _SIZE)
    dots = [frame.place(point) for point in points]
    irises = [[frame.place(point) for point in iris] for iris in _irises(results, row)]
    return Drawing(
        width=frame.width,
        height=frame.height,
        open_lines=tuple(_line(dots[first : last + 1]) for first, last, closed in _LINES if not closed),
        closed_lines=tuple(_line(dots[first : last + 1]) for first, last, closed in _LINES if closed),
        irises=tuple(_line(iris) for iris in irises),
        gazes=tuple(_gazes(results, row, irises)),
        dots=tuple(dots),
    )


def _irises(results: Results, row: int) -> Iterator[list[Point]]:
    for eye in (0, 1):
        numbers = range(eye * _EYE_POINTS, eye * _EYE_POINTS + _IRIS_POINTS)
        if all(f"eye_lmk_{axis}_{number}" in results for number in numbers for axis in "xy"):
            yield [(results[f"eye_lmk_x_{number}"][row], results[f"eye_lmk_y_{number}"][row]) for number in numbers]


def _gazes(
    results: Results, row: int, irises: Sequence[Sequence[Point]]
) -> Iterator[tuple[float, float, float, float]]:
    for eye, iris in enumerate(irises):
        x, y = (sum(point[axis] for point in iris) / len(iris) for axis in (0, 1))
        if f"gaze_{eye}_x" in results and f"gaze_{eye}_y" in results:
            towards = (results[f"gaze_{eye}_{axis}"][row] * _GAZE_LENGTH for axis in "xy")
            ahead = [round(start + way, 1) for start, way in zip((x, y), towards, strict=True)]
            yield round(x, 1), round(y, 1), ahead[0], ahead[1]


def _line(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
