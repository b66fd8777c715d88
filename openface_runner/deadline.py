"""A deadline for work in Python that goes step by step."""

from __future__ import annotations

import time
from collections.abc import Callable

from openface_runner.cancellation import Cancellation
from openface_runner.outcomes import Outcome, Rejected


def checks(cancellation: Cancellation, *, seconds: float, doing: str) -> Callable[[], None]:
    """A function to call between steps, which raises when the work is called off or its time, from now on, is up.

    Arguments:
        seconds: how long the work may take.
        doing: completes "… was not done after 60 s and was stopped."

    The function raises the cancellation's reason, or Rejected (``timed_out``).
    """
    end = time.monotonic() + seconds

    def check() -> None:
        cancellation.check()
        if time.monotonic() > end:
            raise Rejected(Outcome.TIMED_OUT, f"{doing} was not done after {seconds:g} s and was stopped.")

    return check
