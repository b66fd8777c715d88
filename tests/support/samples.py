"""The media that come with the repository, and the recorded runs of the real OpenFace on them."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
SAMPLES = _ROOT / "devstack" / "samples"
RECORDINGS = _ROOT / "tests" / "data" / "openface-recordings"


def sample(name: str) -> Path:
    """A sample medium by its file name."""
    path = SAMPLES / name
    assert path.is_file(), f"no such sample: {name}"
    return path
