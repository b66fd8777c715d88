from __future__ import annotations

from collections.abc import Iterator

import pytest

from openface_runner.outcomes import BrokenInstallation, JobError, Measured, Outcome, ShuttingDown, Verdict


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        (Measured(faces=1, confidence_median=0.92), "Measured 1 face."),
        (Measured(faces=2, confidence_median=0.7), "Measured 2 faces."),
        (
            Measured(faces=1, confidence_median=0.017),
            "Measured 1 face. OpenFace wasn't sure: median confidence 0.017.",
        ),
        (
            Measured(frames=60, frames_with_face=34, confidence_median=0.92),
            "Measured 60 frames, 34 with a face.",
        ),
        (
            Measured(frames=60, frames_with_face=29, confidence_median=0.92),
            "Measured 60 frames, 29 with a face. Most frames are without a face.",
        ),
    ],
)
def test_the_sentence_of_a_result_says_when_its_numbers_are_poor(measured: Measured, message: str) -> None:
    assert Verdict.analysed(measured).message == message


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_says_what_to_do(outcome: Outcome) -> None:
    assert outcome.advice.endswith(".")


def _errors(kind: type[JobError] = JobError) -> Iterator[type[JobError]]:
    for error in kind.__subclasses__():
        yield error
        yield from _errors(error)


@pytest.mark.parametrize("kind", list(_errors()))
def test_every_raised_error_names_the_medium_what_happened_and_the_next_step(kind: type[JobError]) -> None:
    error = kind() if kind is ShuttingDown else kind("It rained.")
    text = str(error.about("container/clip.mp4"))
    assert text == f"container/clip.mp4: {error.what} {error.next_step}"
    assert error.next_step.endswith(".")


def test_the_findings_of_a_broken_installation_stand_on_lines_of_their_own() -> None:
    assert str(BrokenInstallation("It lacks:", ["a model", "a library"])) == (
        "It lacks:\n  - a model\n  - a library\nRun 'python -m openface_runner doctor' where the app runs for the cure."
    )
