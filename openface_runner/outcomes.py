"""How a job can end: a closed set of outcomes, and the errors that ask the host for another try.

Outcome (enum)              final: recorded, and the host is told "success"
JobError                    not final: the host is told "failure", retries, and at last poisons the message
├── BrokenInstallation      OpenFace, a model or a library is missing or doesn't work
├── KilledFromOutside       something else killed OpenFace (as a rule the kernel, for want of memory)
├── Overloaded              it waited too long for an OpenFace process to be free
├── StorageUnavailable      blob storage did not answer, or refused
├── SourceChanged           the medium was overwritten again and again while it was being analysed
├── PublishConflict         somebody else wrote the result that this job was about to write
├── ClaimLost               another delivery may have the job by now
├── DiskFull                there is no room for working files
├── ShuttingDown            the app is being stopped
└── InternalFault           a fault of this program
Rejected                    carries a final verdict from the room that reached it up to the job
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """How a medium's job ended. Every medium ends in exactly one of these."""

    ANALYSED = "analysed"
    """Every image or frame is there and checked; the only outcome with a CSV."""
    NO_FACE = "no_face"
    """OpenFace found no face at all."""
    UNSUPPORTED = "unsupported"
    """Content that OpenFace can't take."""
    UNREADABLE = "unreadable"
    """Damaged, empty or undecodable."""
    INCOMPLETE = "incomplete"
    """A video with fewer rows than frames, or fewer frames than it promises."""
    TOO_LARGE = "too_large"
    """Over the limits on bytes, pixels or duration."""
    INVALID_REQUEST = "invalid_request"
    """Metadata with a value that doesn't exist."""
    TIMED_OUT = "timed_out"
    """Over the job's time limit: our own kill."""
    CRASHED = "crashed"
    """OpenFace failed on it, alone, while a known-good sample still works."""

    @property
    def is_good(self) -> bool:
        """Whether nobody needs to look at it: OpenFace measured the medium, with or without a face in it."""
        return self in (Outcome.ANALYSED, Outcome.NO_FACE)

    @property
    def advice(self) -> str:
        """What the person who uploaded the medium can do about it, as one sentence."""
        return _ADVICE[self]


_ADVICE = {
    Outcome.ANALYSED: "Nothing to do: the CSV is in the output container.",
    Outcome.NO_FACE: "Upload a picture or clip in which a face is larger, sharper and turned to the camera.",
    Outcome.UNSUPPORTED: "Convert it to a picture such as JPEG or PNG, or to a video such as MP4, and upload that.",
    Outcome.UNREADABLE: "Export it again from where it was made, check that it opens on your computer, then upload it.",
    Outcome.INCOMPLETE: "Upload the whole clip again; if it still ends here, export it anew from where it was made.",
    Outcome.TOO_LARGE: "Upload a smaller or shorter version, or ask the operator to raise the limit.",
    Outcome.INVALID_REQUEST: "Correct the metadata of the file or of its container, and upload the file again.",
    Outcome.TIMED_OUT: "Upload a shorter clip, or ask the operator to raise the time limit.",
    Outcome.CRASHED: "Export it anew, in another size or format; if that fails too, send it to the operator.",
}


DOUBTFUL_CONFIDENCE = 0.7
"""A median confidence below this is doubted. OpenFace's own success begins at about 0.78; a sideways face had 0.02."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a checked CSV holds. Images have ``faces``, videos have ``frames`` and ``frames_with_face``."""

    faces: int | None = None
    frames: int | None = None
    frames_with_face: int | None = None
    confidence_median: float | None = None
    """OpenFace's own confidence, 0 to 1, over faces, or over the frames with a face."""
    confidence_lowest: float | None = None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the numbers should not be trusted without a look, each a sentence; none when there is no reason."""
        doubts = []
        if self.confidence_median is not None and self.confidence_median < DOUBTFUL_CONFIDENCE:
            doubts.append(f"OpenFace wasn't sure: median confidence {self.confidence_median:g}.")
        if self.frames and self.frames_with_face is not None and self.frames_with_face < self.frames / 2:
            doubts.append("Most frames are without a face.")
        return tuple(doubts)

    @property
    def in_words(self) -> str:
        """For a sentence or a table cell: ``2 faces``, ``75 frames, 75 with a face``; ``it`` when nothing is known."""
        if self.frames is None and self.faces is None:
            return "it"
        if self.frames is not None:
            return f"{self.frames} frames, {self.frames_with_face} with a face"
        return "1 face" if self.faces == 1 else f"{self.faces} faces"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A final outcome with its sentence."""

    outcome: Outcome
    message: str
    """One sentence that a person who isn't a developer understands."""
    measured: Measured | None = None

    @classmethod
    def analysed(cls, measured: Measured) -> Verdict:
        """The good end: a CSV that is whole."""
        message = " ".join((f"Measured {measured.in_words}.", *measured.doubts))
        return cls(outcome=Outcome.ANALYSED, message=message, measured=measured)


class Rejected(Exception):
    """The medium's outcome is final although no result was made; ``verdict`` says which and why."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.verdict = Verdict(outcome=outcome, message=message)


_NEWLINE = "\n"


class JobError(Exception):
    """The job could not be brought to an outcome, and another try may.

    As text: which medium, once that is known; what happened; what to do next.

    Arguments:
        what: what happened, as one or more sentences.
        next_step: what to do about it, where the kind of error doesn't say.
    """

    next_step = "It is tried again by itself."

    def __init__(self, what: str, next_step: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step or type(self).next_step
        self.medium: str | None = None

    def about(self, medium: object) -> Self:
        """The same error, once it is known which medium it is about."""
        self.medium = str(medium)
        return self

    def __str__(self) -> str:
        # What happened may be a list, a finding a line.
        text = f"{self.what}{_NEWLINE if _NEWLINE in self.what else ' '}{self.next_step}"
        return f"{self.medium}: {text}" if self.medium else text


class BrokenInstallation(JobError):
    """OpenFace can't run here: ``summary`` in one sentence, ``findings`` what is missing or wrong, by name."""

    next_step = "Run 'python -m openface_runner doctor' where the app runs for the cure."

    def __init__(self, summary: str, findings: Sequence[str] = ()) -> None:
        self.summary = summary
        self.findings = tuple(findings)
        lines = "".join(f"\n  - {finding}" for finding in self.findings)
        super().__init__(f"{summary}{lines}")


class KilledFromOutside(JobError):
    """OpenFace was killed by something other than this program."""

    next_step = "Give the container more memory, or lower OPENFACE_PROCESSES; it is tried again by itself."


class Overloaded(JobError):
    """There is more to measure than the processes that may run can do in time."""

    next_step = "Let the app scale out, or give it more cores; it is tried again by itself."

    @classmethod
    def after(cls, seconds: float) -> Self:
        """With how long the wait was."""
        return cls(f"No OpenFace process was free for it within {seconds:g} s.")


class ShuttingDown(JobError):
    """The program is about to end: an instance is stopped, restarted or scaled in."""

    def __init__(self) -> None:
        super().__init__("The app is being stopped.", "Nothing to do: the next instance tries it again.")


class DiskFull(JobError):
    """There is no room left for working files."""

    next_step = "Make room, or set WORK_DIR to a folder on a larger disk; it is tried again by itself."


class StorageUnavailable(JobError):
    """Blob storage did not answer, or refused."""

    next_step = (
        "If it stays so, check the account, its network rules and this app's roles; it is tried again by itself."
    )


class SourceChanged(JobError):
    """The medium's content or metadata changed more often than a job starts anew."""

    next_step = "It is tried again by itself; if it stays so, find out what keeps writing to it."


class PublishConflict(JobError):
    """The result that this job was about to write was written by somebody else since the job began."""


class ClaimLost(JobError):
    """The job's claim on its medium ran out while it worked, so another delivery may be at it."""

    next_step = "Nothing to do: another delivery takes over, or it is tried again by itself."


class InternalFault(JobError):
    """This program did something wrong; the message is for its developers."""

    next_step = "It is tried again by itself; if it stays so, report it to the developers, with this message."
