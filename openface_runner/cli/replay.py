"""``replay``: the jobs that the host has given up, and the way to have them tried again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openface_runner.cli.wrong_use import WrongUse
from openface_runner.media.address import decline_reason, printable
from openface_runner.outcomes import JobError
from openface_runner.records import Record, State
from openface_runner.settings import Settings

if TYPE_CHECKING:
    from openface_runner.storage import Account, Records
    from openface_runner.storage.front_door import FrontDoor
    from openface_runner.storage.poison import Poisoned, PoisonMessage, PoisonQueue

_HOST = "http://localhost:7071"
_SHOWN = 200
"""Characters shown of a message that can't be understood."""
_EMPTY = "The poison queue is empty."
_NOT_UNDERSTOOD = "It can't be understood: no app's blob trigger wrote it."
_DONE = {"posted": "Put back.", "gone": "The medium is gone, so there is nothing to put back."}


def add_command(commands: Any) -> None:
    """Add ``replay`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "replay",
        help="list the jobs that were given up, or have them tried again",
        description="Without a name, lists the jobs that the host gave up after its tries, each with its last error. "
        "With names or --all, puts them back: the running app is told of the medium again, and the message leaves the "
        "poison queue once the app has taken the event; a medium that is gone has its message deleted. Uses the "
        "MediaStorage connection, and as the app's key the environment variable BLOBS_EXTENSION_KEY. Exit code 0 when "
        "nothing that was asked for stays in the queue, 1 otherwise, 2 for wrong use or settings.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="CONTAINER/BLOB, or a CONTAINER for all of its media")
    parser.add_argument("--all", action="store_true", help="put every job back")
    parser.add_argument("--host", default=_HOST, metavar="URL", help="the running app; default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List or put back; see ``add_command`` for what it does, prints and returns."""
    if arguments.names and arguments.all:
        raise WrongUse("Give names or --all, not both.")
    settings = Settings.from_environment()
    # Only here: the other commands do without Azure's packages, which are slow to import.
    from openface_runner.storage import ConnectionMissing, connect
    from openface_runner.storage.front_door import KEY_VARIABLE, FrontDoor, FrontDoorClosed, WrongAddress
    from openface_runner.storage.poison import A_PERSONS_PATIENCE, connect_poison_queue

    try:
        account = connect(patience=A_PERSONS_PATIENCE)
        with (
            connect_poison_queue() as queue,
            FrontDoor(arguments.host, os.environ.get(KEY_VARIABLE)) as front_door,
        ):
            if not arguments.names and not arguments.all:
                return _list(queue, account, account.records(settings.jobs_container), as_json=arguments.json)
            return _Replay(queue, account, front_door, as_json=arguments.json).run(arguments.names)
    except (ConnectionMissing, WrongAddress) as error:
        raise WrongUse(str(error)) from None
    except (JobError, FrontDoorClosed) as error:
        print(f"openface_runner: {_explain(error)}", file=sys.stderr)
        print("What was not put back is still in the poison queue.", file=sys.stderr)
        return 1


def _list(queue: PoisonQueue, account: Account, records: Records, *, as_json: bool) -> int:
    messages = queue.list()
    if not messages and not as_json:
        print(_EMPTY)
    for message in messages:
        known = _Known.of(message.job, account, records)
        _say(message, known.in_words, as_json=as_json, **known.fields)
    return 0


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What storage says of a job that was given up."""

    gone: bool | None = None
    """Whether the medium was deleted; None when that isn't known."""
    record: Record | None = None
    trouble: str | None = None
    """Why more isn't known."""

    @classmethod
    def of(cls, job: Poisoned | None, account: Account, records: Records) -> _Known:
        """Ask storage; None for a message that can't be understood."""
        if job is None:
            return cls(trouble=_NOT_UNDERSTOOD)
        if (reason := decline_reason(job.container, job.blob)) is not None:
            return cls(trouble=f"Not a medium of this app: {reason}.")
        try:
            gone = account.source(job.container, job.blob).look() is None
            return cls(gone=gone, record=records.read(job.container, job.blob))
        except (JobError, ValueError) as error:
            # A record that can't be read (ValueError) must not keep the list from being shown.
            return cls(trouble=_explain(error) if isinstance(error, JobError) else "Its record can't be understood.")

    @property
    def fields(self) -> dict[str, Any]:
        record = self.record
        return {
            "gone": self.gone,
            "state": record and record.state,
            "outcome": record and record.outcome,
            "attempts": record and record.attempts,
            "error": record and record.error,
            "trouble": self.trouble,
        }

    @property
    def in_words(self) -> str:
        if self.trouble:
            return self.trouble
        said = ["The medium is gone."] if self.gone else []
        if self.record is None:
            return " ".join([*said, "There is no record of a try."])
        if self.record.state is State.ENDED:
            return " ".join([*said, f"Done since then: {self.record.outcome}."])
        tries = f"{self.record.attempts} {'try' if self.record.attempts == 1 else 'tries'}"
        medium = f"{self.record.container}/{self.record.blob}"
        # It stands in the line above already.
        error = (self.record.error or "none is recorded.").replace(f"{medium}: ", "", 1)
        return " ".join([*said, f"{tries}, last error: {error}"])


class _Replay:
    """Puts jobs back through the app's front door, one by one."""

    def __init__(self, queue: PoisonQueue, account: Account, front_door: FrontDoor, *, as_json: bool) -> None:
        self._queue = queue
        self._account = account
        self._front_door = front_door
        self._as_json = as_json

    def run(self, names: Sequence[str]) -> int:
        """Put back what is named, or everything without names; the exit code.

        Raises:
            FrontDoorClosed, StorageUnavailable: it could not go on; what it didn't say it did is still in the queue.
        """
        found, left, number = set(), False, 0
        for message in self._queue.take():
            wanted_by = _wanted_by(message, names)
            if names and not wanted_by:
                continue
            found |= wanted_by
            number += 1
            left = not self._put_back(message) or left
        missing = [name for name in names if name not in found]
        for name in missing:
            print(f"openface_runner: {printable(name)} is not in the poison queue.", file=sys.stderr)
        if not names and not number and not self._as_json:
            print(_EMPTY)
        return 1 if left or missing else 0

    def _put_back(self, message: PoisonMessage) -> bool:
        """Put one job back and say so; whether its message has left the queue."""
        from openface_runner.storage.front_door import EventRefused

        result, reason = "left", None
        try:
            result = self._settle(message)
            self._queue.delete(message)
        except (_Stays, EventRefused, JobError) as error:
            reason = _explain(error)
        done = [_DONE[result]] if result in _DONE else []
        stays = [f"Stays in the queue. {reason}"] if reason else []
        _say(message, " ".join(done + stays), as_json=self._as_json, result=result, reason=reason)
        return reason is None

    def _settle(self, message: PoisonMessage) -> str:
        job = message.job
        if job is None:
            raise _Stays(_NOT_UNDERSTOOD)
        if (reason := decline_reason(job.container, job.blob)) is not None:
            raise _Stays(f"Not a medium of this app: {reason}.")
        source = self._account.source(job.container, job.blob)
        version = source.look()
        if version is None:
            return "gone"
        self._front_door.announce(source, version, job.function_id)
        return "posted"


class _Stays(Exception):
    """A message that isn't to be put back; why, as a sentence."""


def _explain(error: Exception) -> str:
    if not isinstance(error, JobError):
        return str(error)
    # The error's own next step is the app's, which tries again by itself; this command doesn't.
    return f"{error.what} Check the account, its network rules and your own roles, then run the command again."


def _wanted_by(message: PoisonMessage, names: Sequence[str]) -> set[str]:
    if message.job is None:
        return set()
    mine = (message.job.container, f"{message.job.container}/", str(message.job))
    return {name for name in names if name in mine}


def _say(message: PoisonMessage, sentence: str, *, as_json: bool, **fields: Any) -> None:
    job, since = message.job, message.since
    if as_json:
        known = {"container": job.container, "blob": job.blob, "function": job.function_id} if job else {}
        text = {} if job else {"text": message.text[:_SHOWN]}
        line = {**known, **text, "message": message.id, "since": since and since.isoformat(), **fields}
        print(json.dumps(line), flush=True)
        return
    name = printable(str(job) if job else f"message {message.text[:_SHOWN]!r}")
    print(f"{name} ({'given up' if job else 'since'} {since:%Y-%m-%d %H:%M} UTC)" if since else name)
    for words in sentence.splitlines():
        print(f"  {printable(words)}", flush=True)
