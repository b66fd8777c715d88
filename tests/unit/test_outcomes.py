from __future__ import annotations

import pytest

from openface_runner.outcomes import Measured, Outcome, Verdict


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
