"""Working folders, one a job: made, removed, swept up after processes that were killed, and never too many bytes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openface_runner.outcomes import DiskFull

_PREFIX = "openface-job-"
_SPARE = 256 * 1024**2
"""Bytes that must be free beyond a medium's own: for converted pictures, upright copies and OpenFace's outputs."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What a system call says when the disk is full."""


class Workspace:
    """The place of all working folders.

    Each folder is locked by the process that made it. The kernel drops the lock when that process ends, however it
    does, so that a folder without one belongs to nobody.

    Arguments:
        parent: where to make the folders; None for the system's temporary folder.
    """

    def __init__(self, parent: Path | None = None) -> None:
        # Resolved: OpenFace's messages are compared with the paths that it was given.
        self._parent = (parent or Path(tempfile.gettempdir())).resolve()
        self._promised = 0
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self._parent).free

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder for the time of the context; removed at its end with all that is in it.

        Raises:
            DiskFull: there is no room for even that.
        """
        folder, descriptor = self._make()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)

    @contextmanager
    def room_for(self, size: int) -> Iterator[None]:
        """Keep room for that many bytes, and some to spare, while they are being written in the context.

        Raises:
            DiskFull: there isn't so much, counting what others have been promised and haven't written yet.
        """
        with self._lock:
            left = self.free - self._promised
            if left < size + _SPARE:
                raise DiskFull(
                    f"There are {max(left, 0):,} bytes left for working files, which isn't enough for the medium's "
                    f"{size:,} and what is made of it."
                )
            self._promised += size
        try:
            yield
        finally:
            with self._lock:
                self._promised -= size

    def sweep(self) -> int:
        """Remove the folders of processes that are gone; how many there were."""
        swept = 0
        for folder in self._parent.glob(f"{_PREFIX}*"):
            # Another user's, in use, or swept by somebody else at this moment: not ours to remove.
            with contextlib.suppress(OSError):
                descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    shutil.rmtree(folder)
                    swept += 1
                finally:
                    os.close(descriptor)
        return swept

    def _make(self) -> tuple[Path, int]:
        while True:
            try:
                folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise DiskFull("There is no room for a working folder.") from None
                raise
            # Somebody who sweeps may have come between making and locking, and removed it.
            with contextlib.suppress(FileNotFoundError):
                descriptor = _lock(folder, fcntl.LOCK_EX)
                if folder.exists():
                    return folder, descriptor
                os.close(descriptor)


def _lock(folder: Path, how: int) -> int:
    """Open a folder, which no link may stand for, and lock it; the descriptor that holds the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
