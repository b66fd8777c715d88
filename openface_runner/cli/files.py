"""What commands that read or write files share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openface_runner.cli.wrong_use import WrongUse


def check_that_they_are_files(files: Sequence[Path]) -> None:
    """Raise WrongUse for the first that isn't there or is a folder."""
    for file in files:
        if not file.is_file():
            raise WrongUse(f"{file} {'is a folder' if file.is_dir() else 'does not exist'}; name files.")


def name_given_twice(files: Sequence[Path]) -> str | None:
    """The first name that several of the files have, in whatever folders; None when there is none."""
    return next((name for name, count in Counter(file.name for file in files).items() if count > 1), None)


def make_folder(folder: Path) -> None:
    """Make a folder for results, unless it is there; raise WrongUse where that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUse(f"The folder {folder} can't be made: {error.strerror}.") from error


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A passing file beside the target, which takes its place at the end: whoever looks never sees half of it.

    When the context ends with an error, or without the passing file, the target is as it was.
    """
    passing = target.with_name(f".{target.name}.part")
    try:
        yield passing
        if passing.exists():
            passing.replace(target)
    finally:
        passing.unlink(missing_ok=True)
