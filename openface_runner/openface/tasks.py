"""What OpenFace is asked to measure, and what it made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openface_runner.openface.command import Options
from openface_runner.openface.installation import Program
from openface_runner.openface.verification import FramePromise, Suspect
from openface_runner.outcomes import Verdict


@dataclass(frozen=True, kw_only=True)
class Task:
    """One medium to measure."""

    program: Program
    path: Path
    """Absolute, and named by this program: OpenFace gets it as it is."""
    options: Options
    promise: FramePromise | None = None
    """For videos."""
    pixels: int = 0
    """Width times height, of images: they bound how many share a run."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a medium's run ended."""

    finding: Verdict | Suspect
    """Suspect only when OpenFace had nothing but this medium."""
    seconds: float
    """Wall time of the OpenFace process."""
    batch_size: int = 1
    """How many media the process measured."""
    waited: float
    """Seconds from when the medium was ready for OpenFace to the start of that process."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What OpenFace made of a medium."""

    verdict: Verdict
    csv: Path | None
    """The checked CSV; only when the verdict is ``analysed``."""
    seconds: float
    """Wall time of the OpenFace process; of the whole run for an image that shared one."""
    batch_size: int = 1
    """How many images shared the run; 1 for videos."""
    waited: float = 0
    """Seconds from when the medium was ready for OpenFace to the start of its process."""
