"""Calling work off, and deadlines."""

from __future__ import annotations

import threading

import pytest

from openface_runner.cancellation import Cancellation
from openface_runner.deadline import checks
from openface_runner.outcomes import ClaimLost, Outcome, Rejected, ShuttingDown


def test_the_first_reason_stands() -> None:
    cancellation = Cancellation()
    cancellation.check()
    cancellation.cancel(ClaimLost("first"))
    cancellation.cancel(ShuttingDown())
    with pytest.raises(ClaimLost, match="first"):
        cancellation.check()


def test_whoever_is_registered_is_called_once_and_whoever_comes_late_at_once() -> None:
    cancellation = Cancellation()
    calls = []
    with cancellation.calling(lambda: calls.append("gone")):
        pass
    with cancellation.calling(lambda: calls.append("there")):
        cancellation.cancel(ShuttingDown())
    with cancellation.calling(lambda: calls.append("late")):
        assert calls == ["there", "late"]


def test_a_part_is_called_off_with_the_whole_but_not_the_other_way() -> None:
    whole = Cancellation()
    with whole.part() as part:
        part.cancel(ClaimLost("the part alone"))
    whole.check()
    with whole.part() as part:
        whole.cancel(ShuttingDown())
        with pytest.raises(ShuttingDown):
            part.check()
    with whole.part() as late, pytest.raises(ShuttingDown):
        late.check()


def test_a_wait_ends_when_the_work_is_called_off() -> None:
    cancellation = Cancellation()
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            cancellation.wait(1_000_000)
        except ShuttingDown as reason:
            raised.append(reason)

    waiter = threading.Thread(target=wait)
    waiter.start()
    cancellation.cancel(ShuttingDown())
    waiter.join()
    assert len(raised) == 1


def test_a_deadline_is_an_outcome_and_a_reason_goes_first() -> None:
    cancellation = Cancellation()
    checks(cancellation, seconds=1000, doing="Counting")()
    late = checks(cancellation, seconds=-1, doing="Counting")
    with pytest.raises(Rejected, match=r"Counting was not done after -1 s and was stopped\.") as rejected:
        late()
    assert rejected.value.verdict.outcome is Outcome.TIMED_OUT
    cancellation.cancel(ShuttingDown())
    with pytest.raises(ShuttingDown):
        late()
