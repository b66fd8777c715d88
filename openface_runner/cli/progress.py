"""A bar that shows how far a command is, where somebody looks on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def bar(doing: str, total: int, *, of_bytes: bool = False) -> Iterator[Progress]:
    """A bar where errors go, gone at the end; nothing where that is no terminal.

    Arguments:
        doing: what goes on, in a word.
        total: things, or bytes.
        of_bytes: whether it is those.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    counts = (DownloadColumn(), TransferSpeedColumn()) if of_bytes else (MofNCompleteColumn(), TimeElapsedColumn())
    columns = TextColumn(doing), BarColumn(), *counts
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(doing, total=total)
        yield progress
