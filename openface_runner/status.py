"""Where a medium's job stands, in the words that people are shown.

No single place knows it: a record can't tell that its process died, and a function isn't told that the host gave up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from openface_runner.outcomes import Outcome
from openface_runner.records import HOST_TRIES, Record, State


class Status(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    """Uploaded; no try has begun."""
    RUNNING = "running"
    RETRYING = "retrying"
    """The last try failed or was cut off; the host tries again by itself."""
    DONE = "done"
    """Measured, with or without a face in it."""
    FAILED = "failed"
    """Ended without a measurement; the outcome says why."""
    GAVE_UP = "gave up"
    """The host tried as often as it does; somebody has to put the job back."""
    WITHDRAWN = "withdrawn"
    """The medium was deleted before its job ended."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (Status.DONE, Status.FAILED, Status.GAVE_UP, Status.WITHDRAWN)

    @property
    def needs_somebody(self) -> bool:
        """Whether somebody should look at it."""
        return self in (Status.FAILED, Status.GAVE_UP)


def status_of(state: State, outcome: Outcome | None, *, attempts: int, held: bool, poisoned: bool) -> Status:
    """Where a job with a record stands.

    Arguments:
        state, outcome, attempts: the record's.
        held: whether somebody holds the claim on it.
        poisoned: whether its event is in the poison queue.
    """
    if state is State.ENDED:
        return Status.DONE if outcome is not None and outcome.is_good else Status.FAILED
    if state is State.WITHDRAWN:
        return Status.WITHDRAWN
    if held:
        return Status.RUNNING
    # Jobs that were put back begin another round of tries. The poison queue shows only its first messages.
    if poisoned or (state is State.RETRYING and attempts and attempts % HOST_TRIES == 0):
        return Status.GAVE_UP
    # Without a holder, a record that says "running" is one whose process died, or (at its first try) is just coming.
    return Status.RETRYING if attempts else Status.WAITING


def explain(status: Status, record: Record | None) -> tuple[str, str]:
    """What there is to say of a job to a person who isn't a developer: what happened, and what to do."""
    if record is not None and status in (Status.DONE, Status.FAILED, Status.WITHDRAWN):
        return record.message, record.advice
    if status is Status.GAVE_UP:
        return (
            "It was tried as often as is done by itself, and failed for a reason other than the file.",
            "Tell the operator, who can mend the reason and have it tried again.",
        )
    if status is Status.RETRYING:
        if record is not None and record.state is State.RETRYING:
            return record.message, "Nothing to do: it is tried again by itself."
        return "The last try was cut off.", "Nothing to do: it is tried again by itself."
    if status is Status.RUNNING:
        return "It is being analysed.", "Nothing to do but wait."
    return "It is in the queue; no try has begun.", "Nothing to do but wait."


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is shown of one medium's job in a list."""

    container: str
    name: str
    status: Status
    outcome: Outcome | None = None
    progress: int | None = None
    """Percent of a video's frames that are measured, while it runs."""
    attempts: int = 0
    bytes: int | None = None
    uploaded: datetime | None = None
    """When the medium was last written, UTC; None, like ``bytes``, when it was deleted since."""
    began: datetime | None = None
    """When its newest try began."""
    ended: datetime | None = None

    @property
    def gone(self) -> bool:
        """Whether the medium was deleted."""
        return self.uploaded is None

    def seconds(self, now: datetime) -> float | None:
        """How long its newest try took, or has taken until now; None when that isn't known."""
        if self.began is None or (self.ended is None and self.status is not Status.RUNNING):
            return None
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many jobs stand where."""

    waiting: int = 0
    running: int = 0
    """Those included that the host is about to try again."""
    done: int = 0
    failed: int = 0
    """Those included that the host gave up."""
    withdrawn: int = 0
    more: bool = False
    """Whether there are more than were counted."""

    @classmethod
    def of(cls, jobs: Iterable[Job], *, more: bool = False) -> Tally:
        """Count."""
        count = Counter(job.status for job in jobs)
        return cls(
            waiting=count[Status.WAITING],
            running=count[Status.RUNNING] + count[Status.RETRYING],
            done=count[Status.DONE],
            failed=count[Status.FAILED] + count[Status.GAVE_UP],
            withdrawn=count[Status.WITHDRAWN],
            more=more,
        )

    @property
    def total(self) -> int:
        """All that were counted."""
        return self.waiting + self.running + self.done + self.failed + self.withdrawn

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself."""
        return not self.waiting and not self.running
