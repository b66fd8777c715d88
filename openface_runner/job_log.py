"""One line of JSON in the log at the end of each try at a job: what an operator's queries work on.

It is the message itself, since the Functions worker hands on a log record's message and nothing of its ``extra``; in
Application Insights ``parse_json(message)`` makes fields of it (``docs/monitoring.md``).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pydantic import BaseModel

from openface_runner.outcomes import Outcome
from openface_runner.records import HOST_TRIES, Record, State, Step

_log = logging.getLogger(__name__)

EVENT = "job"
"""What tells these lines from others."""
_ENGINE_FIGURES = ("openface_seconds", "batch_size", "waited_seconds")


class _Line(BaseModel):
    """The fields, in the order in which a person wants to read them. ``docs/monitoring.md`` explains each."""

    event: str = EVENT
    container: str | None
    blob: str
    state: State
    outcome: Outcome | None
    message: str
    error: str | None
    attempts: int
    last_try: bool
    seconds: dict[str, float]
    openface_seconds: float | None = None
    batch_size: int | None = None
    waited_seconds: float | None = None
    engine: str
    bytes: int | None
    kind: str | None
    format: str | None
    capture: str | None
    warnings: int
    csv: str | None
    etag: str | None


def write(record: Record) -> None:
    """Log how a try ended.

    As an error where a person has to look: an outcome that isn't good, which the portal shows as a green invocation all
    the same, and a last try that failed. A failure that the host tries again is a warning.

    Arguments:
        record: in the state that the try, which ends now, left it in.
    """
    _log.log(_level(record), "%s", _line(record, datetime.now(UTC)).model_dump_json())


def _level(record: Record) -> int:
    if record.state is State.RETRYING:
        return logging.ERROR if _is_last(record) else logging.WARNING
    if record.outcome is None or record.outcome.is_good:
        return logging.INFO
    return logging.ERROR


def _is_last(record: Record) -> bool:
    return record.state is State.RETRYING and record.attempts >= HOST_TRIES


def _line(record: Record, until: datetime) -> _Line:
    engine = record.engine
    return _Line(
        container=record.container,
        blob=record.blob,
        state=record.state,
        outcome=record.outcome,
        message=record.message,
        error=record.error,
        attempts=record.attempts,
        last_try=_is_last(record),
        seconds=_seconds(record, until),
        engine=f"{engine['name']} {engine['version']}" if engine else "",
        bytes=record.source.get("bytes"),
        kind=record.medium.get("kind"),
        format=record.medium.get("format"),
        capture=record.request.get("capture"),
        warnings=len(record.warnings),
        csv=record.csv,
        etag=record.source.get("etag"),
        **{name: engine.get(name) for name in _ENGINE_FIGURES},
    )


def _seconds(record: Record, until: datetime) -> dict[str, float]:
    """What each step took, by its name; ``queued`` from the upload to this try's begin, ``total`` from there on."""
    times: list[tuple[str, datetime]] = sorted(record.steps.items(), key=lambda step: step[1])
    seconds: dict[str, timedelta] = {}
    claimed = record.steps.get(Step.CLAIMED)
    if claimed is not None:
        if uploaded := record.source.get("last_modified"):
            seconds["queued"] = claimed - datetime.fromisoformat(uploaded)
        for (_, before), (name, reached) in pairwise(times):
            seconds[name] = reached - before
        seconds["total"] = until - claimed
    return {name: round(time.total_seconds(), 3) for name, time in seconds.items()}
