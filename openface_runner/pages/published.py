"""A medium's CSV, drawn or to be downloaded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from markupsafe import Markup

from openface_runner import plots, results
from openface_runner.storage.browse import Browser, Csv
from openface_runner.workspace import Workspace

LARGEST_DOWNLOAD = 32 * 1024**2
"""Bytes: a function's answer is held in memory, several times over."""
_KEPT = 16
"""Drawn results; each some hundred kB."""


class PublishedCsvs:
    """The CSVs behind the page.

    Arguments:
        browser: what looks at storage.
        workspace: where a CSV is put while it is read.
    """

    def __init__(self, browser: Browser, workspace: Workspace) -> None:
        self._browser = browser
        self._workspace = workspace
        self._drawn: OrderedDict[tuple[str, str, str], Markup] = OrderedDict()
        # One at a time, since a long clip's table takes a while and some memory.
        self._drawing = threading.Lock()

    def drawn(self, container: str, name: str, csv: Csv) -> Markup | None:
        """Its plots, for a page; None when it is gone.

        Raises:
            DiskFull, StorageUnavailable: it can't be read now.
        """
        key = (container, name, csv.etag)
        with self._drawing:
            if key not in self._drawn:
                with self._file(container, name, csv) as path:
                    if path is None:
                        return None
                    self._drawn[key] = _draw(path)
            self._drawn.move_to_end(key)
            if len(self._drawn) > _KEPT:
                self._drawn.popitem(last=False)
            return self._drawn[key]

    def content(self, container: str, name: str, csv: Csv) -> bytes | None:
        """Its bytes; None when it is gone, or larger than ``LARGEST_DOWNLOAD``.

        Raises:
            DiskFull, StorageUnavailable: it can't be read now.
        """
        if csv.bytes > LARGEST_DOWNLOAD:
            return None
        with self._file(container, name, csv) as path:
            return None if path is None else path.read_bytes()

    @contextmanager
    def _file(self, container: str, name: str, csv: Csv) -> Iterator[Path | None]:
        with self._workspace.folder() as folder, self._workspace.room_for(csv.bytes):
            path = folder / "result.csv"
            yield path if self._browser.download_csv(container, name, path) else None


def _draw(path: Path) -> Markup:
    try:
        return plots.fragment(results.read(path, plots.COLUMNS), level=3)
    except results.ResultsError as error:
        return Markup("<p>This CSV can't be drawn: {}.</p>").format(error.reason)
