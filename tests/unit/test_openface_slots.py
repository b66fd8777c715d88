"""Whose turn it is, among images and videos."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from openface_runner.cancellation import Cancellation
from openface_runner.openface.installation import Program
from openface_runner.openface.slots import Slot, Slots
from openface_runner.outcomes import Overloaded, ShuttingDown

IMAGE, VIDEO = Program.IMAGE, Program.VIDEO


class Turns:
    """Asks for slots, and notes the order in which they are granted."""

    def __init__(self, number: int) -> None:
        self.slots = Slots(number)
        self.granted: list[str] = []
        self._asked: dict[str, Slot] = {}

    def ask(self, *names: str) -> None:
        """Ask for a slot for each; a name that begins with v is a video."""
        for name in names:
            program = VIDEO if name.startswith("v") else IMAGE
            self._asked[name] = self.slots.ask(program, partial(self._note, name))

    def _note(self, name: str, _: Slot) -> None:
        self.granted.append(name)

    def end(self, *names: str) -> None:
        for name in names:
            self._asked[name].close()


def test_who_comes_first_is_served_first() -> None:
    turns = Turns(2)
    turns.ask("i1", "v1", "v2", "i2", "v3")
    assert turns.granted == ["i1", "v1"]
    turns.end("i1")
    assert turns.granted == ["i1", "v1", "v2", "i2"]  # images would have nothing running otherwise
    turns.end("v1", "v2")
    assert turns.granted == ["i1", "v1", "v2", "i2", "v3"]


@pytest.mark.parametrize(("long", "other"), [("v", "i"), ("i", "v")])
def test_a_program_that_has_nothing_running_starts_one_beyond_the_number(long: str, other: str) -> None:
    turns = Turns(2)
    turns.ask(f"{long}1", f"{long}2", f"{long}3", f"{other}1", f"{other}2")
    assert turns.granted == [f"{long}1", f"{long}2", f"{other}1"]
    # And goes on, one after the other, as long as the others take.
    turns.end(f"{other}1")
    assert turns.granted[3:] == [f"{other}2"]


def test_there_is_never_more_than_one_beyond_the_number() -> None:
    turns = Turns(1)
    turns.ask("v1", "i1", "v2", "i2")
    assert turns.granted == ["v1", "i1"]
    turns.end("v1")
    assert turns.granted == ["v1", "i1", "v2"]


def test_whoever_asks_no_more_is_passed_over_and_giving_back_twice_does_nothing() -> None:
    turns = Turns(1)
    turns.ask("i1", "i2", "i3", "i4")
    turns.end("i2")
    turns.end("i1", "i1")
    assert turns.granted == ["i1", "i3"]


def test_what_is_within_reach_is_what_the_others_leave_and_at_least_one() -> None:
    turns = Turns(2)
    assert turns.slots.within_reach(IMAGE) == 2
    turns.ask("v1", "i1")
    assert (turns.slots.within_reach(IMAGE), turns.slots.within_reach(VIDEO)) == (1, 1)
    turns.end("i1")
    turns.ask("v2")
    assert turns.slots.within_reach(IMAGE) == 1


def test_a_wait_ends_when_it_took_too_long_and_does_not_keep_the_place_in_the_line() -> None:
    slots = Slots(1)
    with slots.taken(VIDEO, Cancellation(), patience=60):
        with (
            pytest.raises(Overloaded, match=r"within 0\.01 s\. Let the app scale out"),
            slots.taken(VIDEO, Cancellation(), patience=0.01),
        ):
            pass
        granted: list[Slot] = []
        slots.ask(VIDEO, granted.append)
        assert granted == []
    assert len(granted) == 1


def test_a_wait_ends_when_the_work_is_called_off() -> None:
    slots = Slots(1)
    cancellation = Cancellation()
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            with slots.taken(VIDEO, cancellation, patience=600):
                pass
        except ShuttingDown as reason:
            raised.append(reason)

    with slots.taken(VIDEO, Cancellation(), patience=60):
        waiter = threading.Thread(target=wait)
        waiter.start()
        cancellation.cancel(ShuttingDown())
        waiter.join()
    assert len(raised) == 1
