"""The job record."""

from __future__ import annotations

import json
from pathlib import Path

from openface_runner.outcomes import StorageUnavailable
from openface_runner.records import HOST_TRIES, Record, State

ROOT = Path(__file__).resolve().parents[2]


def test_the_host_tries_as_often_as_records_say() -> None:
    blobs = json.loads((ROOT / "host.json").read_text())["extensions"]["blobs"]
    assert blobs["poisonBlobThreshold"] == HOST_TRIES


def test_a_failed_try_says_which_it_was_and_when_somebody_must_come() -> None:
    record = Record(blob="clip.mp4", state=State.RUNNING, attempts=2).failed(StorageUnavailable("It rained."))
    assert (record.state, record.message) == (State.RETRYING, "Try 2 failed for a reason other than the file.")
    assert record.advice == "Nothing to do until try 5, the last by itself; then tell the operator."
    assert record.error is not None and record.error.startswith("StorageUnavailable: It rained. ")
