"""A medium's way as steps with times, for a person who wants to see where it is, or where it went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from openface_runner.outcomes import Outcome
from openface_runner.records import Record, Step
from openface_runner.status import Status
from openface_runner.storage.browse import Medium

_WORTH_SAYING = 0.05
"""Seconds."""


class Progress(StrEnum):
    """Where a step stands."""

    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"
    STOPPED = "stopped"
    """Here the way ended early."""
    SKIPPED = "skipped"


class Stage(StrEnum):
    """A step of the way, by what goes on until it is reached."""

    QUEUED = "Queued"
    DOWNLOADED = "Downloaded"
    INSPECTED = "Looked at"
    MEASURED = "OpenFace"
    CHECKED = "Checked"
    PUBLISHED = "Published"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One line of the timeline."""

    title: str
    progress: Progress
    at: datetime | None = None
    """When it was reached, UTC."""
    seconds: float | None = None
    """How long it took."""
    note: str = ""


def timeline(medium: Medium) -> list[Stop]:
    """The steps of a medium's newest try, from its upload to its end."""
    record, status = medium.record, medium.status
    before = _uploaded(medium)
    stops = [Stop(title="Uploaded", progress=Progress.DONE, at=before)]
    reached = _reached(record) if record else {}
    stopped = _where_it_stopped(record, status, reached)
    is_next = True
    for stage in Stage:
        at = reached.get(stage)
        if stage is stopped:
            progress, is_next = Progress.STOPPED, False
        elif at is not None and is_next:
            progress = Progress.DONE
        else:
            progress, is_next = _not_reached(stage, status, is_next=is_next), False
            at = None
        stops.append(
            Stop(
                title=stage,
                progress=progress,
                at=at,
                seconds=max(0.0, (at - before).total_seconds()) if at and before else None,
                note=_note(stage, record, progress),
            )
        )
        before = at or before
    return [*stops, _end(status, record)]


def _reached(record: Record) -> dict[Stage, datetime]:
    steps = record.steps
    found = {
        Stage.QUEUED: steps.get(Step.CLAIMED),
        Stage.DOWNLOADED: steps.get(Step.DOWNLOADED),
        Stage.INSPECTED: steps.get(Step.INSPECTED),
        Stage.CHECKED: steps.get(Step.MEASURED),
        Stage.PUBLISHED: steps.get(Step.PUBLISHED),
    }
    began, ended = found[Stage.INSPECTED], found[Stage.CHECKED]
    if began and ended:
        # The record has one time for both; OpenFace's own tells them apart.
        seconds = (_number(record, "waited_seconds") or 0.0) + (_number(record, "openface_seconds") or 0.0)
        found[Stage.MEASURED] = min(ended, began + timedelta(seconds=seconds))
    return {stage: at for stage, at in found.items() if at is not None}


def _where_it_stopped(record: Record | None, status: Status, reached: dict[Stage, datetime]) -> Stage | None:
    first_missing = next((stage for stage in Stage if stage not in reached), None)
    if status is Status.FAILED and record is not None:
        if Stage.MEASURED not in reached:
            return first_missing
        return Stage.CHECKED if record.outcome is Outcome.INCOMPLETE else Stage.MEASURED
    return first_missing if status in (Status.RETRYING, Status.GAVE_UP, Status.WITHDRAWN) else None


def _not_reached(stage: Stage, status: Status, *, is_next: bool) -> Progress:
    if status in (Status.DONE, Status.FAILED, Status.WITHDRAWN):
        return Progress.SKIPPED
    if is_next and (status is Status.RUNNING or stage is Stage.QUEUED):
        return Progress.NOW
    return Progress.AHEAD


def _uploaded(medium: Medium) -> datetime | None:
    text = medium.record.source.get("last_modified") if medium.record else None
    if isinstance(text, str):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return None
    return medium.version.last_modified if medium.version else None


def _note(stage: Stage, record: Record | None, progress: Progress) -> str:
    if stage is not Stage.MEASURED or record is None:
        return ""
    if progress is Progress.NOW:
        return "" if record.progress is None else f"{record.progress} percent of the frames"
    said = []
    if (waited := _number(record, "waited_seconds")) and waited >= _WORTH_SAYING:
        said.append(f"{waited:.1f} s of it until a process was free")
    if (together := _number(record, "batch_size")) and together > 1:
        said.append(f"in a run shared by {together:.0f} pictures")
    return ", ".join(said)


def _number(record: Record, key: str) -> float | None:
    value = record.engine.get(key)
    return float(value) if isinstance(value, int | float) else None


_ENDS = {
    Status.DONE: ("Ended", Progress.DONE),
    Status.FAILED: ("Ended without a result", Progress.STOPPED),
    Status.WITHDRAWN: ("Withdrawn", Progress.STOPPED),
    Status.GAVE_UP: ("Given up", Progress.STOPPED),
}


def _end(status: Status, record: Record | None) -> Stop:
    title, progress = _ENDS.get(status, ("Ended", Progress.AHEAD))
    is_recorded = record is not None and status in (Status.DONE, Status.FAILED)
    return Stop(title=title, progress=progress, at=record.steps.get(Step.ENDED) if record and is_recorded else None)
