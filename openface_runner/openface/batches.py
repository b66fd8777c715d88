"""Images that are ready at the same time share a run of OpenFace, which spends most of a short run on loading itself.

An image starts at once where nothing else is going on. While all processes are busy, what arrives gathers for the next
run; and where more images are known to be on their way, the first waits for them a little. Each medium gets its own
outcome: a run that dies or stops keeps what it finished, the image at which it ended is repeated alone, the rest in
company.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from openface_runner.cancellation import Cancellation
from openface_runner.openface.company import Company, assembled
from openface_runner.openface.installation import Program
from openface_runner.openface.runs import Runs
from openface_runner.openface.slots import Slot, Slots
from openface_runner.openface.tasks import Ran, Task
from openface_runner.openface.verification import Finding, NotDone, Suspect
from openface_runner.outcomes import InternalFault, Overloaded
from openface_runner.workspace import Workspace

MOST_IMAGES = 32
MOST_PIXELS = 400_000_000
"""Of all images of a run together: who is in company waits for the others' end."""
_WORTH_A_LOAD = 8
"""OpenFace measures eight to ten images in the time that it needs to load itself."""
_GATHERING = 0.5
"""Seconds that an image waits, at most, for others that are on their way; less than a load."""


class _AllCalledOff(Exception):
    """Nobody waits for the run any more."""


@dataclass(eq=False, kw_only=True)
class _Member:
    """One image in the batcher's hands; guarded by the batcher's lock."""

    task: Task
    out_dir: Path
    queued: float = field(default_factory=time.monotonic)
    """When it began to wait for a process, the last time."""
    waited: float = 0
    alone: bool = False
    """Whether a run in company ended at it."""
    called_off: bool = False
    batch: _Batch | None = None
    """The run that it is in."""
    settled: threading.Event = field(default_factory=threading.Event)
    result: Ran | Exception | None = None


@dataclass(eq=False)
class _Batch:
    """The images of one run."""

    members: Sequence[_Member]
    cancellation: Cancellation = field(default_factory=Cancellation)


class Arrival:
    """An image that may be on its way to the batcher, until it is there, or known not to come."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher

    def over(self) -> None:
        """It has arrived, or doesn't come; the second time does nothing."""
        self._batcher.no_longer_expected(self)


class Batcher:
    """Brings images together, and shares them out among processes.

    Arguments:
        runs: runs OpenFace.
        slots: which it shares with the videos.
        workspace: where folders for images in company are made; theirs must be on the same disk.
        patience: seconds that an image may wait for a process.
        gathering: seconds that an image waits, at most, for others that are on their way.
    """

    def __init__(
        self, runs: Runs, slots: Slots, workspace: Workspace, *, patience: float, gathering: float = _GATHERING
    ) -> None:
        self._runs = runs
        self._slots = slots
        self._workspace = workspace
        self._patience = patience
        self._gathering = gathering
        self._changed = threading.Condition()
        self._waiting: list[_Member] = []
        self._asked: list[Slot] = []
        """Slots for runs whose images aren't chosen yet."""
        self._expected: set[Arrival] = set()

    @contextmanager
    def expecting(self) -> Iterator[Arrival]:
        """Announce, for the time of the context, that an image may come."""
        arrival = Arrival(self)
        with self._changed:
            self._expected.add(arrival)
        try:
            yield arrival
        finally:
            arrival.over()

    def no_longer_expected(self, arrival: Arrival) -> None:
        """What ``Arrival.over`` does."""
        with self._changed:
            self._expected.discard(arrival)
            self._changed.notify_all()

    def measure(self, task: Task, out_dir: Path, cancellation: Cancellation, arrival: Arrival | None = None) -> Ran:
        """Measure one image, in whatever company there is; the arguments and errors are those of ``OpenFace.measure``.

        Called off, it leaves a run that others are in to them.
        """
        member = _Member(task=task, out_dir=out_dir)
        with self._changed:
            self._waiting.append(member)
            self._ask()
        if arrival:
            arrival.over()
        with cancellation.calling(partial(self._call_off, member)):
            if not member.settled.wait(self._patience) and self._withdraw(member):
                raise Overloaded.after(self._patience)
            member.settled.wait()
        cancellation.check()
        if isinstance(member.result, Exception):
            # Its own: each job adds to it which medium it is about.
            raise copy.copy(member.result) from member.result
        if member.result is None:
            raise InternalFault(f"No run of OpenFace had {task.path.name}, which waited for one.")
        return member.result

    def _ask(self) -> None:
        """Ask for as many slots as are of use for what waits; for fewer than before if it has become less."""
        useful = min(len(self._waiting), self._slots.number)
        while len(self._asked) < useful:
            self._asked.append(self._slots.ask(Program.IMAGE, self._start))
        while len(self._asked) > useful:
            self._asked.pop().close()
        self._changed.notify_all()

    def _start(self, slot: Slot) -> None:
        # Not in a job's thread: a job may be called off, and the run goes on for the others.
        threading.Thread(target=self._serve, args=(slot,), name="images").start()

    def _serve(self, slot: Slot) -> None:
        try:
            batch = self._gather(slot)
            if batch is not None:
                self._run(batch, slot)
        finally:
            slot.close()

    def _gather(self, slot: Slot) -> _Batch | None:
        with self._changed:
            if slot in self._asked and self._waiting:
                left = self._waiting[0].queued + self._gathering - time.monotonic()
                self._changed.wait_for(lambda: slot not in self._asked or self._are_enough(), max(0, left))
            if slot not in self._asked:
                return None
            self._asked.remove(slot)
            members = _choose(self._waiting, self._slots.within_reach(Program.IMAGE))
            batch = _Batch(members)
            for member in members:
                self._waiting.remove(member)
                member.waited += time.monotonic() - member.queued
                member.batch = batch
            self._ask()
            return batch

    def _are_enough(self) -> bool:
        return not self._expected or len(self._waiting) >= MOST_IMAGES

    def _run(self, batch: _Batch, slot: Slot) -> None:
        again: list[_Member] = []
        try:
            again = self._run_and_deliver(batch, slot)
        except _AllCalledOff:
            pass  # Each raises its own reason.
        except Exception as error:
            # It is raised in each job's own thread.
            for member in batch.members:
                member.result = error
        # Only now: whose work is done may remove its folder, and nothing of a run may be left when its last job ends.
        with self._changed:
            for member in batch.members:
                member.batch = None
                if member not in again or member.called_off:
                    member.settled.set()
            self._waiting[:0] = [member for member in again if not member.called_off]
            self._ask()

    def _run_and_deliver(self, batch: _Batch, slot: Slot) -> list[_Member]:
        """Run OpenFace and give its results out; who has to be measured again."""
        members = batch.members
        media = [member.task.path for member in members]
        options = members[0].task.options
        with assembled(media, members[0].out_dir, self._workspace) as company:
            finished, judge = self._runs.images(company.inputs, company.out_dir, options, batch.cancellation)
            slot.close()
            return [
                member
                for number, (member, finding) in enumerate(zip(members, judge(), strict=True))
                if not self._settles(member, finding, number, company, finished.seconds)
            ]

    def _settles(self, member: _Member, finding: Finding, number: int, company: Company, seconds: float) -> bool:
        """Take what a run found for an image as its result; whether that is the last word on it."""
        size = len(company.inputs)
        if size > 1 and isinstance(finding, NotDone | Suspect):
            member.alone = isinstance(finding, Suspect)
            member.queued = time.monotonic()
            return False
        if isinstance(finding, NotDone):
            raise InternalFault(f"OpenFace never came to {member.task.path.name}, the only medium of its run.")
        with self._changed:
            # Called off, it may be removing its folder.
            if not member.called_off:
                company.deliver(number, member.task.path, member.out_dir)
        member.result = Ran(finding=finding, seconds=seconds, batch_size=size, waited=member.waited)
        return True

    def _withdraw(self, member: _Member) -> bool:
        """Take back an image that waits still; whether it does."""
        with self._changed:
            if member not in self._waiting:
                return False
            self._waiting.remove(member)
            self._ask()
            return True

    def _call_off(self, member: _Member) -> None:
        with self._changed:
            member.called_off = True
            if self._withdraw(member):
                member.settled.set()
            elif member.batch is not None:
                if all(other.called_off for other in member.batch.members):
                    # The last one waits for the run's end, so that nothing is left of it.
                    member.batch.cancellation.cancel(_AllCalledOff())
                else:
                    member.settled.set()


def _choose(waiting: Sequence[_Member], processes: int) -> list[_Member]:
    """The members of the next run: the first that waits, and what goes with it.

    Arguments:
        waiting: at least one, in the order of their turns.
        processes: how many runs may share them out.
    """
    first = waiting[0]
    if first.alone:
        return [first]
    alike = [member for member in waiting if member.task.options == first.task.options and not member.alone]
    runs = max(1, min(processes, len(alike) // _WORTH_A_LOAD))
    share = min(-(-len(alike) // runs), MOST_IMAGES)
    chosen, pixels = [first], first.task.pixels
    for member in alike[1:share]:
        pixels += member.task.pixels
        if pixels > MOST_PIXELS:
            break
        chosen.append(member)
    return chosen
