"""Files whose readers can be stopped, and whose faults are told from the machine's."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_TOO_MANY_OPEN_FILES = (errno.EMFILE, errno.ENFILE)


def is_fault_of_machine(error: Exception) -> bool:
    """Whether an error says nothing about the medium: too many files are open.

    (A disk that can't be read isn't told from damage: FFmpeg gives its error for damaged files, too.)
    """
    return getattr(error, "errno", None) in _TOO_MANY_OPEN_FILES


class _Stopped(BaseException):
    """Carries what a check raised past readers that take every exception for damage; so it is none of those."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


class CheckedFile(io.BufferedReader):
    """A file that is only read, with a check before each read; to be opened by ``reading``."""

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        super().__init__(io.FileIO(path))
        self._check = check

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as usual, unless the check raises."""
        self.check()
        return super().read(size)

    def check(self) -> None:
        """Check now; for readers that are about to do much."""
        try:
            self._check()
        except Exception as reason:
            raise _Stopped(reason) from None


@contextmanager
def reading(path: Path, check: Callable[[], None]) -> Iterator[CheckedFile]:
    """Open a file; what ``check`` raises while it is read comes out of the context unchanged."""
    try:
        with CheckedFile(path, check) as file:
            yield file
    except _Stopped as stopped:
        raise stopped.reason from None
