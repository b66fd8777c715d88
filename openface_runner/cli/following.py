"""What the commands that look at jobs in storage share: the connection, tables and lines, and waiting."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from openface_runner.cli.wrong_use import WrongUse
from openface_runner.media.address import is_media_container, printable
from openface_runner.outcomes import JobError
from openface_runner.settings import Settings
from openface_runner.status import Job, Status, explain

if TYPE_CHECKING:
    from rich.console import Console

    from openface_runner.storage.browse import Browser, Medium

BETWEEN_LOOKS = 1.0
"""Seconds: storage tells nobody of a change."""
_STYLES = {
    Status.RUNNING: "blue",
    Status.RETRYING: "yellow",
    Status.DONE: "green",
    Status.FAILED: "red",
    Status.GAVE_UP: "red",
}


def container_name(text: str) -> str:
    """A container's name off a command line, for ``argparse``."""
    name = text.strip().strip("/").lower()
    if not is_media_container(name):
        raise argparse.ArgumentTypeError(f"{printable(text)!r} is no container of media: those are named by a UUID")
    return name


@contextmanager
def storage_as_a_person_sees_it() -> Iterator[None]:
    """Turn what is wrong with the connection into wrong use, and what storage refuses into ``Refused``."""
    # Only here: the other commands do without Azure's packages, which are slow to import.
    from openface_runner.storage import ConnectionMissing

    try:
        yield
    except ConnectionMissing as error:
        raise WrongUse(str(error)) from None
    except JobError as error:
        raise Refused(refusal(error)) from None


class Refused(Exception):
    """Storage doesn't answer, or refuses; the message says what to do."""


def refusal(error: JobError) -> str:
    """What happened and what to do, for whoever ran a command."""
    # The error's own next step is the app's, which tries again by itself; a command doesn't.
    return f"{error.what} Check the account, its network rules and your own roles, then run the command again."


def browser() -> Browser:
    """A look at the jobs in the account of the ``MediaStorage`` connection."""
    from openface_runner.storage.browse import connect_browser

    settings = Settings.from_environment()
    return connect_browser(jobs_container=settings.jobs_container, output_container=settings.output_container)


def say(text: str) -> None:
    """Print a line, at once; what isn't printable in it is escaped."""
    print(printable(text), flush=True)


def say_json(fields: dict[str, Any]) -> None:
    """Print an object on a line of its own, at once."""
    print(json.dumps(fields, default=_plain), flush=True)


def warn(text: str) -> None:
    """Print a line where errors go."""
    print(f"openface_runner: {printable(text)}", file=sys.stderr, flush=True)


def job_fields(job: Job, now: datetime, medium: Medium | None = None) -> dict[str, Any]:
    """A job as plain data."""
    fields = {
        "container": job.container,
        "blob": job.name,
        "status": job.status,
        "outcome": job.outcome,
        "progress": job.progress,
        "attempts": job.attempts,
        "seconds": job.seconds(now),
        "bytes": job.bytes,
        "uploaded": job.uploaded,
    }
    if medium is not None:
        message, advice = explain(medium.status, medium.record)
        fields |= {"message": message, "advice": advice}
    return fields


def state_of(job: Job) -> str:
    """Where a job stands, in a word or two."""
    if job.status in (Status.DONE, Status.FAILED) and job.outcome is not None:
        return str(job.outcome)
    progress = f" {job.progress} %" if job.status is Status.RUNNING and job.progress is not None else ""
    return f"{job.status}{progress}"


def style_of(status: Status) -> str:
    """The colour of a state on a terminal."""
    return _STYLES.get(status, "")


def seconds_in_words(seconds: float | None) -> str:
    """For a table's cell."""
    return "" if seconds is None else f"{seconds:.1f} s"


def terminal() -> Console | None:
    """Standard output, if a person looks at it; None for a pipe or a file."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else None


def watch(look: Callable[[], bool]) -> None:
    """Look again and again until it says that there is nothing left to wait for.

    Ends with KeyboardInterrupt at Ctrl-C.
    """
    pause = threading.Event()
    while not look():
        pause.wait(BETWEEN_LOOKS)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
