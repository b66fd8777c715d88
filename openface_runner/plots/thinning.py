"""Fewer points than frames for a long clip, with no peak lost.

A clip is cut into steps of as many frames each; of a step a line keeps its lowest and its highest value, in the order
in which they came. All lines of a clip have their points at the same times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 4000
"""Of a line. More than a screen has pixels; 26 lines of so many take some 0.6 MB in a page."""

Line = list[float | None]
"""A value a point; None where there is none to draw."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How a clip's frames become points."""

    frames: int
    size: int
    """Frames in a step; 1: every frame is a point of its own."""

    @classmethod
    def of(cls, frames: int, most_points: int = MOST_POINTS) -> Steps:
        """The smallest steps that give no more points than that."""
        size = 1 if frames <= most_points else math.ceil(frames / (most_points // 2))
        return cls(frames=frames, size=size)

    @property
    def starts(self) -> range:
        """The first frame of each step, from 0."""
        return range(0, self.frames, self.size)

    def rows(self) -> list[int]:
        """The frame, from 0, at whose time each point is drawn."""
        if self.size == 1:
            return list(self.starts)
        # Two a step, the second in its middle: a point is never further from its frame than half a step.
        return [row for start in self.starts for row in (start, min(start + self.size // 2, self.frames - 1))]

    def thin(self, values: Sequence[float], shown: Sequence[bool], digits: int) -> Line:
        """A line's points.

        Arguments:
            values: one a frame.
            shown: whether a frame has a value to show; what the others hold is never looked at.
            digits: to round to.
        """
        if self.size == 1:
            return [_rounded(value, digits) if show else None for value, show in zip(values, shown, strict=True)]
        line: Line = []
        for start in self.starts:
            end = start + self.size
            kept = [value for value, show in zip(values[start:end], shown[start:end], strict=True) if show]
            line += _lowest_and_highest(kept, digits)
        return line

    def runs(self, flags: Sequence[bool]) -> list[tuple[int, int]]:
        """Where flags are set: the first and the last frame of each run; a step counts when one of its frames does."""
        set_steps = [any(flags[start : start + self.size]) for start in self.starts]
        found: list[tuple[int, int]] = []
        for start, is_set in zip(self.starts, set_steps, strict=True):
            last = min(start + self.size, self.frames) - 1
            if is_set and found and found[-1][1] == start - 1:
                found[-1] = (found[-1][0], last)
            elif is_set:
                found.append((start, last))
        return found


def _lowest_and_highest(values: Sequence[float], digits: int) -> Line:
    if not values:
        return [None, None]
    low, high = min(values), max(values)
    both = [low, high] if values.index(low) <= values.index(high) else [high, low]
    return [_rounded(value, digits) for value in both]


def _rounded(value: float, digits: int) -> float | None:
    # JSON has no word for what isn't finite; a page can't draw it either.
    return round(value, digits) if math.isfinite(value) else None
