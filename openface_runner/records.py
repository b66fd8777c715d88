"""The job record: what is known of one medium's job, as data that is written as JSON beside the results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from openface_runner.outcomes import Outcome, Verdict

HOST_TRIES = 5
"""How often the host tries before it gives up and puts the event into the poison queue, as ``host.json`` says.

A function isn't told which try it is.
"""


class State(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    RETRYING = "retrying"
    """The last try failed; the host tries again, or has given up: ``attempts`` and the poison queue tell which."""
    FAILED = "failed"
    """No outcome, and nobody tries again by itself: a local file's only."""
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    """The medium was deleted before its job ended."""


class Step(StrEnum):
    """A step of a job's way; the record holds when each was reached."""

    CLAIMED = "claimed"
    DOWNLOADED = "downloaded"
    INSPECTED = "inspected"
    MEASURED = "measured"
    PUBLISHED = "published"
    ENDED = "ended"


class Record(BaseModel):
    """One medium's job. Immutable: each change makes a new one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    container: str | None = None
    """None, like ``blob``, for a local file."""
    blob: str
    """The blob's name, or the local file's."""
    state: State
    outcome: Outcome | None = None
    message: str = ""
    """One sentence for a person who isn't a developer."""
    advice: str = ""
    """What they can do about it."""
    attempts: int = 0
    """Tries at this version of the medium with these settings, the running one included."""
    progress: int | None = None
    """Percent of a video's frames that are measured, while it runs."""
    steps: dict[Step, datetime] = {}
    """When each step of the latest attempt was reached, UTC."""
    source: dict[str, Any] = {}
    """The medium as it was uploaded: etag, bytes, content_type, last_modified."""
    request: dict[str, Any] = {}
    """What was asked for: capture, au_model."""
    medium: dict[str, Any] = {}
    """What the content turned out to be, and what was done to it; the fields of ``openface_runner.media.content``."""
    measured: dict[str, Any] = {}
    """What OpenFace measured: faces, or frames and frames_with_face; median and lowest confidence."""
    warnings: list[str] = []
    """Why the numbers should not be trusted without a look, each a sentence."""
    engine: dict[str, Any] = {}
    """What measured it: name, version, is_openface, openface_seconds."""
    settings: str = ""
    """Fingerprint of all that decides a result but the medium."""
    csv: str | None = None
    """Where the CSV is: container and name in blob storage, or the local file."""
    error: str | None = None
    """Why the last attempt failed, when it did."""

    def reached(self, step: Step, **changes: Any) -> Record:
        """The record once a step is reached, now, with other fields changed too."""
        return self.model_copy(update={"steps": {**self.steps, step: datetime.now(UTC)}, **changes})

    def judged(self, verdict: Verdict) -> Record:
        """The record with an outcome and what was measured; the job isn't at its end until its state says so."""
        return self.model_copy(
            update={
                "outcome": verdict.outcome,
                "message": verdict.message,
                "advice": verdict.outcome.advice,
                "measured": _set_fields(vars(verdict.measured)) if verdict.measured else {},
            }
        )

    def ended(self) -> Record:
        """The record at its end."""
        return self.reached(Step.ENDED, state=State.ENDED, progress=None, error=None)

    def failed(self, error: BaseException) -> Record:
        """The record after an attempt that reached no outcome."""
        return self.model_copy(
            update={
                "state": State.RETRYING,
                "outcome": None,
                "error": f"{type(error).__name__}: {error}",
                "message": f"Try {self.attempts} failed for a reason other than the file.",
                "advice": f"Nothing to do until try {HOST_TRIES}, the last by itself; then tell the operator.",
            }
        )

    def given_up(self, error: BaseException) -> Record:
        """The record of a local file that reached no outcome."""
        advice = "Follow what the message says, then run the command again."
        return self.model_copy(update={"state": State.FAILED, "message": str(error), "advice": advice})

    def withdrawn(self) -> Record:
        """The record of a medium that was deleted before its job ended."""
        return self.model_copy(
            update={
                "state": State.WITHDRAWN,
                "outcome": None,
                "message": "The file was deleted before it was analysed.",
                "advice": "Nothing to do. To have it analysed after all, upload it again.",
            }
        )

    def to_json(self) -> str:
        """As indented JSON."""
        return self.model_dump_json(indent=2)


def _set_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
