"""OpenFace's command line, as a list: no shell ever sees it, and no name from outside is ever in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openface_runner.openface.columns import ColumnGroup
from openface_runner.openface.installation import Installation, Program

_FLAGS = {
    ColumnGroup.LANDMARKS_2D: "-2Dfp",
    ColumnGroup.LANDMARKS_3D: "-3Dfp",
    ColumnGroup.SHAPE: "-pdmparams",
    ColumnGroup.POSE: "-pose",
    ColumnGroup.ACTION_UNITS: "-aus",
    ColumnGroup.GAZE: "-gaze",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What OpenFace is asked for; images share a run only when their options are equal."""

    wild: bool = False
    au_static: bool = False
    """Videos only: no calibration to the person's own neutral."""
    groups: tuple[ColumnGroup, ...] = tuple(ColumnGroup)
    """At least one: with none, OpenFace would write everything, pictures and clips too."""


def build(
    installation: Installation, program: Program, inputs: Sequence[Path], out_dir: Path, options: Options
) -> list[str]:
    """The argument list for one run.

    Arguments:
        inputs: absolute paths of files that this program named itself; their stems must differ, since OpenFace names
            its outputs by them.
        out_dir: absolute path; OpenFace creates it.

    ``-verbose`` is never passed: without a display the programs abort. ``-f`` must not be the last word: OpenFace
    reads past the end of its arguments.
    """
    argv = [*installation.loader, str(installation.programs[program])]
    for path in inputs:
        argv += ["-f", str(path)]
    argv += ["-out_dir", str(out_dir)]
    argv += [flag for group, flag in _FLAGS.items() if group in options.groups]
    if options.wild:
        argv.append("-wild")
    if options.au_static and program is Program.VIDEO:
        argv.append("-au_static")
    if installation.model is not None:
        argv += ["-mloc", str(installation.model)]
    return argv
