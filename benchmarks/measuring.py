"""Timing of variants side by side: the machine is noisy, so only ratios and differences of one run are told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Samples:
    """The seconds that a variant took, run after run."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} s ({min(self.seconds):.2f} to {max(self.seconds):.2f})"


@dataclass(kw_only=True)
class Result:
    """What a benchmark found: rows of a table, each with what it must show and what it shows."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def alternating(variants: Mapping[str, Callable[[], float | None]], repeat: int) -> dict[str, Samples]:
    """Run all variants one after the other, again and again; their samples by name.

    Arguments:
        variants: each does its work, and may return the seconds that count; else the whole call counts.
        repeat: how often.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeat):
        for name, run in variants.items():
            began = time.perf_counter()
            own = run()
            seconds[name].append(time.perf_counter() - began if own is None else own)
    return {name: Samples(taken) for name, taken in seconds.items()}


def paired_ratio(one: Samples, other: Samples) -> float:
    """The median of the ratios of runs that followed each other."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def paired_difference(one: Samples, other: Samples) -> float:
    """The median of the differences of runs that followed each other, in seconds."""
    return statistics.median(a - b for a, b in zip(one.seconds, other.seconds, strict=True))
