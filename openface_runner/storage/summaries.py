"""A record's summary in its blob's metadata, so that one listing tells where many jobs stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from openface_runner.outcomes import Outcome
from openface_runner.records import Record, State, Step
from openface_runner.status import Job, status_of
from openface_runner.storage.listing import Listed
from openface_runner.storage.names import decoded, encoded


def summary(record: Record) -> dict[str, str]:
    """The metadata that a record is written with."""
    values = {
        "state": record.state,
        "outcome": record.outcome,
        "attempts": record.attempts,
        "progress": record.progress,
        "began": _time(record, Step.CLAIMED),
        "ended": _time(record, Step.ENDED),
        "source_etag": record.source.get("etag"),
        "settings": record.settings,
        "source_blob": record.blob,
    }
    return encoded({key: str(value) for key, value in values.items() if value is not None})


def job_of(container: str, name: str, blob: Listed, *, medium: Listed | None, poisoned: bool) -> Job:
    """What a listing shows of a job.

    Arguments:
        container, name: the medium's.
        blob: the record's, listed with its metadata.
        medium: as listed; None when it was deleted.
        poisoned: whether its event is in the poison queue.
    """
    metadata = blob.metadata
    outcome = _outcome(metadata.get("outcome", ""))
    attempts = _number(metadata, "attempts") or 0
    return Job(
        container=container,
        name=name,
        status=status_of(
            _state(metadata), outcome, attempts=attempts, held=blob.lease_state == "leased", poisoned=poisoned
        ),
        outcome=outcome,
        progress=_number(metadata, "progress"),
        attempts=attempts,
        bytes=medium.bytes if medium else None,
        uploaded=medium.last_modified if medium else None,
        began=_moment(metadata, "began"),
        ended=_moment(metadata, "ended"),
    )


def _time(record: Record, step: Step) -> str | None:
    moment = record.steps.get(step)
    return moment.isoformat(timespec="milliseconds") if moment else None


# Metadata can be written by anybody who may write the record; what isn't understood is taken for not there.


def _state(metadata: Mapping[str, str]) -> State:
    try:
        return State(metadata.get("state", ""))
    except ValueError:
        return State.RUNNING


def _outcome(text: str) -> Outcome | None:
    try:
        return Outcome(text)
    except ValueError:
        return None


def _number(metadata: Mapping[str, str], key: str) -> int | None:
    try:
        return int(metadata.get(key, ""))
    except ValueError:
        return None


def _moment(metadata: Mapping[str, str], key: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(decoded(metadata.get(key, "")))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
