"""What a run of OpenFace proved about each medium, from the outputs that it left and never from its exit code alone.

A finding is either a verdict, or that the medium is suspect (OpenFace failed while it had it: to be repeated alone,
and, if it was alone, held against a known-good sample), or that the run never got to it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from openface_runner.openface import cures, details
from openface_runner.openface.process import Finished, ProcessLimits
from openface_runner.openface.table import DamagedTable, Table, read
from openface_runner.outcomes import BrokenInstallation, InternalFault, KilledFromOutside, Measured, Outcome, Verdict

_OUTSIDE_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_CANT_LOAD = "Could not load the landmark detector"
_NO_ARGUMENTS = "For command line arguments see"
_CANT_OPEN_IMAGE = "Error: Could not open the image: "
_CANT_OPEN_VIDEO = "Error: Opening a sequence failed"
_VIDEO_CLOSED = "Closed successfully"
_MOST_NAMES = 4


@dataclass(frozen=True)
class Suspect:
    """OpenFace failed while it had this medium; ``reason`` completes "OpenFace failed on this file: …"."""

    reason: str


@dataclass(frozen=True)
class NotDone:
    """The run ended before it came to this medium."""


Finding = Verdict | Suspect | NotDone


class FrameCount(Protocol):
    """What decoding a whole video gave."""

    @property
    def frames(self) -> int: ...  # noqa: D102
    @property
    def damaged(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class FramePromise:
    """How many rows a video's CSV should have, and who decides when it doesn't."""

    frames: int
    count: Callable[[], FrameCount]
    """Decodes the clip and counts: slow, so it is called only when rows and frames disagree."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a whole CSV of this run must have."""

    columns: frozenset[str]
    limits: ProcessLimits
    """For the sentence when one of them ended the run."""


def csv_of(out_dir: Path, medium: Path) -> Path:
    """The CSV that OpenFace writes for an input file: its name less its last suffix."""
    return out_dir / f"{medium.stem}.csv"


def judge_images(run: Finished, inputs: Sequence[Path], out_dir: Path, expected: Expectation) -> list[Finding]:
    """What one run of FaceLandmarkImg proved about each of its inputs, in their order.

    The program stops at the first image that it can't open or dies on: what came before is whole, what comes after
    isn't done. In company, the image at which it was killed from outside is suspect, too: that one may have taken the
    memory.

    Raises:
        BrokenInstallation, InternalFault: the run says nothing about its media.
        KilledFromOutside: the same, of an image alone.
    """
    _check_run(run)
    if len(inputs) == 1:
        _check_not_killed(run)
    stopped_at, finding = _where_images_stopped(run, inputs, out_dir, expected)
    done = [_judge_image(path, out_dir, expected) for path in inputs[:stopped_at]]
    if finding is None:
        return done
    return [*done, finding, *(NotDone() for _ in inputs[stopped_at + 1 :])]


def judge_video(
    run: Finished, medium: Path, out_dir: Path, expected: Expectation, promise: FramePromise
) -> Verdict | Suspect:
    """What one run of FeatureExtraction proved about its input.

    Raises:
        BrokenInstallation, KilledFromOutside, InternalFault: the run says nothing about its medium.
    """
    _check_run(run)
    _check_not_killed(run)
    if run.over_limit:
        return _over_limit(run, expected)
    if run.signal is not None:
        return Suspect(_died(run))
    if _CANT_OPEN_VIDEO in run.stdout:
        _check_still_there(medium)
        return Verdict(outcome=Outcome.UNREADABLE, message="OpenFace can't open this clip.")
    table = _table(medium, out_dir, expected)
    if not isinstance(table, Table):
        return table or Suspect(f"it left no result{_exit_code(run)}")
    if _VIDEO_CLOSED not in run.stdout or not table.postprocessed:
        return Suspect(f"it stopped before its last step{_exit_code(run)}")
    return _judge_frames(table, promise)


def _check_run(run: Finished) -> None:
    if _CANT_LOAD in run.stdout:
        finding = f"{_line_before(run.stdout, _CANT_LOAD)}: {cures.MODELS}"
        raise BrokenInstallation("OpenFace can't load its landmark model:", [finding])
    if run.returncode and (lacking := cures.of_loader(run.stderr)):
        raise BrokenInstallation("OpenFace can't be loaded:", [lacking])
    if _NO_ARGUMENTS in run.stdout:
        raise InternalFault("OpenFace was started without a medium.")


def _check_not_killed(run: Finished) -> None:
    if run.signal in _OUTSIDE_SIGNALS and not run.timed_out:
        raise KilledFromOutside(
            f"OpenFace was killed from outside with {run.signal.name} after {run.seconds:.1f} s, as a rule because "
            "memory ran out."
        )


def _line_before(text: str, mark: str) -> str:
    lines = [line for line in text[: text.index(mark)].splitlines() if line.strip() and line.strip() != "ERROR:"]
    return lines[-1].strip() if lines else mark


def _where_images_stopped(
    run: Finished, inputs: Sequence[Path], out_dir: Path, expected: Expectation
) -> tuple[int, Finding | None]:
    """The index of the image that the run ended at, and what that says of it; all done: (their number, None)."""
    said = frozenset(run.stdout.splitlines())
    for index, path in enumerate(inputs):
        if f"{_CANT_OPEN_IMAGE}{path}" in said:
            if len(inputs) > 1 and not path.exists():
                return index, Suspect("its file vanished")
            _check_still_there(path)
            return index, Verdict(outcome=Outcome.UNREADABLE, message="OpenFace can't open this picture.")
    if run.returncode == 0 and not run.over_limit:
        return len(inputs), None
    # OpenFace writes the details file when it starts an image, so the last one started is the one it died on.
    started = [index for index, path in enumerate(inputs) if details.path_of(out_dir, path).exists()]
    last = started[-1] if started else 0
    if run.over_limit:
        # In company, nobody knows whose time it was.
        return last, _over_limit(run, expected) if len(inputs) == 1 else Suspect("it took too long")
    return last, Suspect(_died(run))


def _judge_image(path: Path, out_dir: Path, expected: Expectation) -> Finding:
    table = _table(path, out_dir, expected)
    if isinstance(table, Suspect):
        return table
    if table is None:
        if not details.path_of(out_dir, path).exists():
            return Suspect("it left nothing behind")
        return Verdict(outcome=Outcome.NO_FACE, message="No face was found in this picture.")
    measured = Measured(
        faces=table.rows,
        confidence_median=table.confidence_median,
        confidence_lowest=table.confidence_lowest,
    )
    return Verdict.analysed(measured)


def _judge_frames(table: Table, promise: FramePromise) -> Verdict:
    measured = Measured(
        frames=table.rows,
        frames_with_face=table.successes,
        confidence_median=table.confidence_median,
        confidence_lowest=table.confidence_lowest,
    )
    if table.rows != promise.frames:
        counted = promise.count()
        if table.rows < counted.frames or (counted.damaged and table.rows < promise.frames):
            due = max(promise.frames, counted.frames)
            return Verdict(
                outcome=Outcome.INCOMPLETE,
                message=f"Only {table.rows} of the clip's {due} frames could be measured.",
                measured=measured,
            )
    if not table.successes:
        return Verdict(
            outcome=Outcome.NO_FACE,
            message=f"No face was found in any of the clip's {table.rows} frames.",
            measured=measured,
        )
    return Verdict.analysed(measured)


def _table(medium: Path, out_dir: Path, expected: Expectation) -> Table | Suspect | None:
    try:
        table = read(csv_of(out_dir, medium))
    except FileNotFoundError:
        return None
    except DamagedTable as error:
        return Suspect(f"its result is damaged: {error}")
    if (said := details.input_of(out_dir, medium)) not in (None, str(medium)):
        return Suspect(f"its result is of another file, {said!r}")
    missing = expected.columns - table.columns
    if missing:
        raise BrokenInstallation("OpenFace's result lacks columns:", list(_lacking(missing)))
    return table


def _lacking(missing: frozenset[str]) -> Iterator[str]:
    """A finding for each kind of model that missing columns point to."""
    for kind, prefixes, cure in (
        ("action unit", ("AU",), cures.AU_MODELS),
        ("gaze", ("gaze", "eye"), cures.EYE_MODELS),
        ("other", ("",), cures.BY_HAND),
    ):
        names = sorted(name for name in missing if name.startswith(prefixes))
        missing = missing.difference(names)
        if names:
            shown = ", ".join(names[:_MOST_NAMES]) + (" and more" if len(names) > _MOST_NAMES else "")
            yield f"{len(names)} {kind} columns ({shown}) are missing, so a model is: {cure}"


def _check_still_there(path: Path) -> None:
    if not path.exists():
        raise InternalFault(f"The working file {path.name} vanished before OpenFace read it.")


def _over_limit(run: Finished, expected: Expectation) -> Verdict:
    limits = expected.limits
    after = f"{limits.cpu:g} s of processor time" if run.used_up_cpu else f"{limits.wall:g} s"
    return Verdict(outcome=Outcome.TIMED_OUT, message=f"OpenFace was not done after {after} and was stopped.")


def _died(run: Finished) -> str:
    if run.signal is None:
        return f"it gave up{_exit_code(run)}"
    return f"it died with {run.signal.name}"


def _exit_code(run: Finished) -> str:
    return f" with exit code {run.returncode}" if run.returncode else ""
