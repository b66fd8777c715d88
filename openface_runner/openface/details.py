"""The text file that OpenFace writes beside each result: what it says of the picture that it saw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_CAMERA = "Camera parameters:"
_INPUT = "Input:"


def path_of(out_dir: Path, medium: Path) -> Path:
    """Where OpenFace writes the details of an input file."""
    return out_dir / f"{medium.stem}_of_details.txt"


def input_of(out_dir: Path, medium: Path) -> str | None:
    """The file that OpenFace says it measured; None when it doesn't say."""
    return next(_values(out_dir, medium, _INPUT), None)


def seen_size(out_dir: Path, medium: Path) -> tuple[int, int] | None:
    """Width and height of the picture that OpenFace measured, in pixels; None when it doesn't say.

    The camera's centre, the last two of its parameters, is half of them: nothing else is asked for.
    """
    camera = next(_values(out_dir, medium, _CAMERA), None)
    return _doubled(camera.split(",")) if camera else None


def _values(out_dir: Path, medium: Path, label: str) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        for line in path_of(out_dir, medium).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(label):
                yield line.removeprefix(label).strip()


def _doubled(parameters: list[str]) -> tuple[int, int] | None:
    with contextlib.suppress(ValueError, OverflowError):
        _, _, x, y = (float(number) for number in parameters)
        return round(2 * x), round(2 * y)
    return None
