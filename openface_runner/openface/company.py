"""Images that share a run: brought together under names that differ, and their outputs taken apart again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openface_runner.workspace import Workspace


@dataclass(frozen=True)
class Company:
    """Where a run finds its inputs and leaves its outputs."""

    inputs: tuple[Path, ...]
    """What OpenFace gets, in the media's order."""
    out_dir: Path

    def deliver(self, number: int, medium: Path, out_dir: Path) -> None:
        """Move the outputs for one input to its own folder, under its own stem, as a run of its own would leave them.

        Arguments:
            number: the input's place in ``inputs``.
            medium: the medium's own path.
            out_dir: a folder of the same disk.
        """
        if self.out_dir == out_dir:
            return
        out_dir.mkdir(exist_ok=True)
        stem = self.inputs[number].stem
        for output in self.out_dir.glob(f"{stem}[._]*"):
            output.replace(out_dir / f"{medium.stem}{output.name.removeprefix(stem)}")


@contextmanager
def assembled(media: Sequence[Path], out_dir: Path, workspace: Workspace) -> Iterator[Company]:
    """Bring media together for one run, for the time of the context. A medium alone stays where it is.

    Arguments:
        media: absolute paths.
        out_dir: where a medium that is alone has its outputs.
        workspace: where the folder is made.

    Raises:
        DiskFull: there is no room for a folder.
    """
    if len(media) == 1:
        yield Company(tuple(media), out_dir)
        return
    digits = len(str(len(media)))
    with workspace.folder() as folder:
        # OpenFace names its outputs by an input's stem. Stems of equal lengths: none begins with another.
        names = (f"{number:0{digits}}{path.suffix}" for number, path in enumerate(media))
        inputs = tuple(_linked(folder / name, path) for name, path in zip(names, media, strict=True))
        yield Company(inputs, folder / "out")


def _linked(link: Path, medium: Path) -> Path:
    # A hard link outlives the folder of a job that is called off meanwhile, where OpenFace would stop at a symbolic
    # one that leads nowhere. A local file may be on another disk, or somebody else's.
    try:
        os.link(medium.resolve(), link)
    except OSError:
        link.symlink_to(medium)
    return link
