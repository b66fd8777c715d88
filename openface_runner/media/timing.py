"""When a clip's frames are shown, and whether OpenFace's timestamps say so, too.

OpenFace counts frames and divides by the average rate. Phones drop to fewer frames a second in the dark, browsers and
screen recorders take frames as they come, and some tools write a rate that was never true: there, the record has the
true times.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

_TOLERATED = 0.5
"""Of an average frame's duration: what OpenFace's timestamps may be off before they count as wrong. Rounding (33 and
34 ms for 33.33), a jittering camera clock and a long last frame stay below."""
_UNEVEN = 0.15
"""Of the usual spacing: what one frame may be early or late in a clip of constant rate."""
_ROUNDING = 0.002
"""Seconds, twice what clocks of milliseconds round."""
MOST_TIMESTAMPS = 200_000
"""In a record; fifteen minutes at 60 frames a second are 54,000."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What the true times of a clip's frames are."""

    variable: bool = False
    timestamps: tuple[float, ...] | None = None
    """Seconds from the first frame; None where a constant rate gives them well enough."""
    warnings: tuple[str, ...] = ()


def judge(times: Sequence[float], rate: float) -> Timing:
    """Hold the true times against those that OpenFace will write.

    Arguments:
        times: seconds, one a frame that is shown, in any order.
        rate: frames a second that OpenFace takes for granted.
    """
    ordered = sorted(times)
    since_first = [time - ordered[0] for time in ordered]
    off = max((abs(time - number / rate) for number, time in enumerate(since_first)), default=0.0)
    if off <= max(_TOLERATED / rate, _ROUNDING):
        return Timing()
    spacings = [later - time for time, later in itertools.pairwise(since_first)]
    usual = sorted(spacings)[len(spacings) // 2]
    shortest, longest = min(spacings), max(spacings)
    variable = max(longest - usual, usual - shortest) > max(_UNEVEN * usual, _ROUNDING)
    if variable:
        truth = f"The frame rate varies from {_per_second(longest)} to {_per_second(shortest)} a second"
    else:
        truth = f"The frames follow each other at {_per_second(sum(spacings) / len(spacings))} a second"
    kept = len(since_first) <= MOST_TIMESTAMPS
    where = "see the record for the true ones" if kept else "they are too many for the record to hold the true ones"
    return Timing(
        variable=variable,
        timestamps=tuple(round(time, 3) for time in since_first) if kept else None,
        warnings=(f"{truth}; OpenFace's timestamps assume {_number(rate)}: {where}.",),
    )


def _per_second(spacing: float) -> str:
    # Two frames may carry one time.
    return _number(1 / spacing) if spacing > 0 else "any number"


def _number(rate: float) -> str:
    return f"{rate:.3g}" if rate < 1000 else f"{rate:.0f}"  # noqa: PLR2004 - no exponents for people
