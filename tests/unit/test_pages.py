"""Who may see the jobs page, how its addresses are made, and how a medium's way is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openface_runner.media.address import decline_reason
from openface_runner.outcomes import Outcome
from openface_runner.pages import addresses
from openface_runner.pages.gate import refusal
from openface_runner.pages.rendering import duration, size
from openface_runner.pages.timeline import Progress, timeline
from openface_runner.records import Record, State, Step
from openface_runner.settings import JobsPage
from openface_runner.status import Status
from openface_runner.storage import Version
from openface_runner.storage.browse import Medium

CONTAINER = "0f0e0d0c-0b0a-4908-8706-050403020100"
SIGNED_IN = {"x-ms-client-principal-id": "somebody"}
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("host", ["localhost:7071", "localhost", "127.0.0.1:8080", "[::1]:7071", "LOCALHOST:1"])
def test_on_a_laptop_the_page_answers_to_the_laptop(host: str) -> None:
    assert refusal(JobsPage.LOCAL, {"host": host}, {}) is None


@pytest.mark.parametrize("host", ["evil.example:7071", "localhost.evil.example", "", "10.0.0.1:7071"])
def test_on_a_laptop_the_page_does_not_answer_to_other_names_that_lead_there(host: str) -> None:
    assert "localhost" in str(refusal(JobsPage.LOCAL, {"host": host}, {}))


def test_who_signed_in_sees_the_page_only_as_long_as_the_platform_vouches_for_it() -> None:
    on = {"WEBSITE_AUTH_ENABLED": "True"}
    assert refusal(JobsPage.SIGNED_IN, SIGNED_IN, on) is None
    assert "Sign in" in str(refusal(JobsPage.SIGNED_IN, {}, on))
    for environment in ({}, {"WEBSITE_AUTH_ENABLED": "False"}):
        assert "turn on the app's authentication" in str(refusal(JobsPage.SIGNED_IN, SIGNED_IN, environment))


def test_an_open_page_is_everybodys() -> None:
    assert refusal(JobsPage.OPEN, {"host": "anywhere"}, {}) is None


@given(st.text(min_size=1, max_size=60))
def test_a_mediums_address_leads_back_to_it_whatever_its_name(name: str) -> None:
    if decline_reason(CONTAINER, name) is not None:
        return
    address = addresses.of_medium(CONTAINER, name)
    path = address.removeprefix(f"{addresses.of_container(CONTAINER)}/")
    assert addresses.medium_in(path) == name
    assert all(c.isascii() and (c.isalnum() or c in "-._~/") for c in path)
    assert "//" not in path


@pytest.mark.parametrize("text", ["~é", "~A", "~_w", ""])
def test_what_is_no_address_of_a_medium_is_none(text: str) -> None:
    assert addresses.medium_in(text) is None


def test_sizes_and_times_are_written_for_people() -> None:
    assert [size(n) for n in (None, 0, 1023, 1024, 5 * 1024**3)] == ["", "0 B", "1023 B", "1.0 kB", "5.0 GB"]
    assert [duration(s) for s in (None, 0.04, 59.94, 61, 3600 * 2 + 240)] == [
        "", "0.0 s", "59.9 s", "1 min 1 s", "2 h 4 min",
    ]  # fmt: skip


def medium(
    status: Status, *reached: Step, outcome: Outcome | None = None, state: State = State.RUNNING, **fields: Any
) -> Medium:
    """A medium whose job reached these steps, one a second."""
    steps = {step: BEGAN + timedelta(seconds=number) for number, step in enumerate(reached, start=1)}
    version = Version(etag="1", size=1, content_type=None, last_modified=BEGAN, metadata={})
    record = Record(
        container=CONTAINER, blob="a.jpg", state=state, outcome=outcome, attempts=1, steps=steps,
        source={"last_modified": BEGAN.isoformat()}, **fields,
    )  # fmt: skip
    return Medium(status=status, version=version, record=record, csv=None)


def told(found: Medium) -> list[tuple[str, str]]:
    return [(stop.title, stop.progress.value) for stop in timeline(found)]


def test_the_way_of_a_medium_that_was_analysed_has_every_step_with_its_time() -> None:
    steps = (Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED, Step.MEASURED, Step.PUBLISHED, Step.ENDED)
    engine = {"openface_seconds": 0.5, "waited_seconds": 0.25, "batch_size": 3}
    stops = timeline(medium(Status.DONE, *steps, outcome=Outcome.ANALYSED, state=State.ENDED, engine=engine))
    assert [stop.title for stop in stops] == [
        "Uploaded", "Queued", "Downloaded", "Looked at", "OpenFace", "Checked", "Published", "Ended",
    ]  # fmt: skip
    assert {stop.progress for stop in stops} == {Progress.DONE}
    assert [stop.seconds for stop in stops] == [None, 1, 1, 1, 0.75, 0.25, 1, None]
    assert stops[4].note == "0.2 s of it until a process was free, in a run shared by 3 pictures"


def test_a_way_shows_where_it_is_now() -> None:
    running = medium(Status.RUNNING, Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED, progress=40)
    assert told(running)[4:6] == [("OpenFace", "now"), ("Checked", "ahead")]
    assert timeline(running)[4].note == "40 percent of the frames"


def test_the_way_of_a_medium_without_a_record_has_it_in_the_queue() -> None:
    version = Version(etag="1", size=1, content_type=None, last_modified=BEGAN, metadata={})
    waiting = Medium(status=Status.WAITING, version=version, record=None, csv=None)
    assert told(waiting)[:3] == [("Uploaded", "done"), ("Queued", "now"), ("Downloaded", "ahead")]


@pytest.mark.parametrize(
    ("found", "where"),
    [
        (medium(Status.FAILED, Step.CLAIMED, outcome=Outcome.TOO_LARGE), "Downloaded"),
        (medium(Status.FAILED, Step.CLAIMED, Step.DOWNLOADED, outcome=Outcome.UNREADABLE), "Looked at"),
        (
            medium(
                Status.FAILED, Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED, Step.MEASURED, outcome=Outcome.CRASHED
            ),
            "OpenFace",
        ),
        (
            medium(
                Status.FAILED, Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED, Step.MEASURED, outcome=Outcome.INCOMPLETE
            ),
            "Checked",
        ),
        (medium(Status.GAVE_UP, Step.CLAIMED, Step.DOWNLOADED, state=State.RETRYING), "Looked at"),
        (medium(Status.RETRYING, Step.CLAIMED, state=State.RETRYING), "Downloaded"),
        (medium(Status.WITHDRAWN, Step.CLAIMED, state=State.WITHDRAWN), "Downloaded"),
    ],
    ids=["too large", "unreadable", "crashed", "incomplete", "given up", "tried again", "withdrawn"],
)
def test_a_way_shows_where_it_stopped(found: Medium, where: str) -> None:
    steps = told(found)
    at = next(number for number, (title, _) in enumerate(steps) if title == where)
    assert steps[at][1] == "stopped"
    assert {progress for _, progress in steps[:at]} == {"done"}
    assert not {progress for _, progress in steps[at + 1 : -1]} & {"done", "now"}


def test_a_medium_without_a_face_is_done_with_nothing_to_publish() -> None:
    steps = (Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED, Step.MEASURED, Step.ENDED)
    noface = told(medium(Status.DONE, *steps, outcome=Outcome.NO_FACE, state=State.ENDED))
    assert noface[4:] == [("OpenFace", "done"), ("Checked", "done"), ("Published", "skipped"), ("Ended", "done")]
