"""Every recorded run of the real OpenFace, replayed through the verifier."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from openface_runner.media.content import Limits, VideoMedium, prepare
from openface_runner.media.videos import count_frames
from openface_runner.openface import columns
from openface_runner.openface.columns import ColumnGroup
from openface_runner.openface.installation import Engine, Program
from openface_runner.openface.process import Finished, ProcessLimits
from openface_runner.openface.verification import (
    Expectation,
    Finding,
    FramePromise,
    NotDone,
    Suspect,
    judge_images,
    judge_video,
)
from openface_runner.outcomes import JobError, Rejected, Verdict
from tests.support.samples import RECORDINGS, SAMPLES

LIMITS = Limits(max_pixels=50_000_000, max_duration=900)
OPENFACE = Engine(name="OpenFace", version="recorded")


def _expected() -> dict[str, str]:
    with (RECORDINGS / "expected.tsv").open(newline="") as file:
        return dict(csv.reader(file, delimiter="\t"))


EXPECTED = _expected()


@dataclass(frozen=True)
class Replay:
    """A recorded run, as if it had just happened in this folder."""

    program: str
    inputs: list[Path]
    finished: Finished
    out_dir: Path


def replay(case: str, folder: Path) -> Replay:
    recorded = json.loads((RECORDINGS / case / "case.json").read_text())
    argv = recorded["argv"]
    media = folder / "media"
    shutil.copytree(SAMPLES, media)
    out_dir = folder / "out"
    if (RECORDINGS / case / "outputs" / "out").is_dir():
        shutil.copytree(RECORDINGS / case / "outputs" / "out", out_dir)
        for details in out_dir.glob("*_of_details.txt"):
            details.write_text(details.read_text().replace("/media/", f"{media}/"))
    stdout, stderr = ((RECORDINGS / case / name).read_text() for name in ("stdout.txt", "stderr.txt"))
    return Replay(
        program=Path(argv[0]).name,
        inputs=[media / Path(argv[i + 1]).name for i, word in enumerate(argv) if word == "-f"],
        finished=Finished(
            returncode=recorded["returncode"],
            timed_out=False,
            seconds=recorded["wall_s"],
            stdout=stdout.replace("/media/", f"{media}/"),
            stderr=stderr,
        ),
        out_dir=out_dir,
    )


def verify(run: Replay) -> list[Finding]:
    program = Program(run.program)
    expectation = Expectation(
        columns=columns.required(program, tuple(ColumnGroup), OPENFACE), limits=ProcessLimits(wall=60, cpu=60)
    )
    if program is Program.IMAGE:
        return judge_images(run.finished, run.inputs, run.out_dir, expectation)
    (path,) = run.inputs
    promise = FramePromise(frames=_promised_frames(path), count=lambda: count_frames(path))
    return [judge_video(run.finished, path, run.out_dir, expectation, promise)]


def _promised_frames(path: Path) -> int:
    try:
        with TemporaryDirectory() as work:
            medium = prepare(path, Path(work), LIMITS).medium
    except Rejected:
        return 75  # what the header of the cut sample promises; the unreadable ones promise nothing that is looked at
    assert isinstance(medium, VideoMedium)
    return medium.frames


def words_for(finding: Finding) -> str:
    match finding:
        case Verdict():
            return finding.outcome.value
        case Suspect():
            return "(repeat it alone)"
        case NotDone():
            return "(not done: repeat it)"


JUDGED = {
    case: outcome
    for case, outcome in EXPECTED.items()
    if not outcome.startswith(("(raised", "(out of scope"))
    and "beforehand" not in outcome
    and "the same" not in outcome
}
RAISED = [case for case, outcome in EXPECTED.items() if outcome.startswith("(raised")]
ONLY_BY_DECODING = [case for case in EXPECTED if case not in JUDGED and "unreadable" in EXPECTED[case]]


def test_every_recording_has_an_expected_outcome() -> None:
    assert set(EXPECTED) == {folder.name for folder in RECORDINGS.iterdir() if folder.is_dir()}
    out_of_scope = set(EXPECTED) - set(JUDGED) - set(RAISED) - set(ONLY_BY_DECODING)
    assert out_of_scope == {"video-multi-face"}


@pytest.mark.parametrize(("case", "expected"), JUDGED.items(), ids=JUDGED)
def test_the_verifier_gives_each_recorded_medium_its_outcome(case: str, expected: str, tmp_path: Path) -> None:
    findings = [words_for(finding) for finding in verify(replay(case, tmp_path))]
    # A single medium on which OpenFace died is suspect here; the engine makes it `crashed` with its known-good sample.
    assert findings == expected.replace("crashed", "(repeat it alone)").split(", ")


@pytest.mark.parametrize("case", RAISED)
def test_a_run_that_says_nothing_of_its_medium_is_raised(case: str, tmp_path: Path) -> None:
    run = replay(case, tmp_path)
    for path in run.inputs:
        if path.name == "nowhere.jpg":
            assert not path.exists()
    with pytest.raises(JobError):
        verify(run)


@pytest.mark.parametrize("case", ONLY_BY_DECODING)
def test_what_openface_takes_without_a_word_is_caught_by_decoding_first(case: str, tmp_path: Path) -> None:
    run = replay(case, tmp_path)
    (finding,) = verify(run)
    assert words_for(finding) in ("analysed", "no_face")
    with pytest.raises(Rejected) as rejected:
        prepare(run.inputs[0], tmp_path, LIMITS)
    assert rejected.value.verdict.outcome == EXPECTED[case].split(" ")[0]


def test_what_was_measured_is_in_the_verdict(tmp_path: Path) -> None:
    (verdict,) = verify(replay("video-face-then-none", tmp_path))
    assert isinstance(verdict, Verdict) and verdict.measured is not None
    assert verdict.measured.frames == 60
    assert verdict.measured.frames_with_face == 34
    assert verdict.measured.confidence_median == 0.92
    assert verdict.message == "Measured 60 frames, 34 with a face."


def test_a_csv_of_an_older_openface_is_taken(tmp_path: Path) -> None:
    run = replay("video-face", tmp_path)
    path = run.out_dir / "face.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    face_id = rows[0].index("face_id")
    path.write_text("".join(", ".join(row[:face_id] + row[face_id + 1 :]) + "\n" for row in rows))
    (verdict,) = verify(run)
    assert words_for(verdict) == "analysed"
