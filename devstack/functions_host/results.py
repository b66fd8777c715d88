"""How an invocation ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a try."""

    SUCCEEDED = "succeeded"
    # It failed, or its worker died, and the message will be tried again.
    FAILED = "failed"
    # It failed for the last time: the message is in the poison queue now.
    POISONED = "poisoned"
    # Nothing ran: the blob, or the function, doesn't exist.
    DROPPED = "dropped"


@dataclass(frozen=True, kw_only=True)
class InvocationResult:
    """One try at one message."""

    # The function's name, without "Host.Functions.".
    function: str
    container: str
    blob: str
    outcome: Outcome
    # Counts from 1: how often the message was taken from the queue.
    attempt: int
    invocation_id: str
    # The traceback of a failed try, or why it was dropped; empty after a success.
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the function ran and returned."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def poisoned(self) -> bool:
        """Whether this was the last try, and failed."""
        return self.outcome is Outcome.POISONED

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen for this message."""
        return self.outcome is not Outcome.FAILED
