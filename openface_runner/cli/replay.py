"""``replay``: the jobs that the host has given up, and the way to have them tried again."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openface_runner.cli import following
from openface_runner.cli.putting_back import EMPTY, NotOurs, PutBack, explain, ours, say_message
from openface_runner.cli.wrong_use import WrongUse
from openface_runner.outcomes import JobError
from openface_runner.records import Record, State
from openface_runner.settings import Settings

if TYPE_CHECKING:
    from openface_runner.storage import Account, Records
    from openface_runner.storage.poison import Poisoned, PoisonQueue

_HOST = "http://localhost:7071"


def add_command(commands: Any) -> None:
    """Add ``replay`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "replay",
        help="list the jobs that were given up, or have them tried again",
        description="Without a name, lists the jobs that the host gave up after its tries, each with its last error. "
        "With names or --all, puts them back: the running app is told of the medium again, and the message leaves the "
        "poison queue once the app has taken the event; a medium that is gone has its message deleted. What is named "
        "and unfinished is put back without a message too: its event was lost, or its message has expired. Uses the "
        "MediaStorage connection, and as the app's key the environment variable BLOBS_EXTENSION_KEY. Exit code 0 when "
        "nothing that was asked for is left, 1 otherwise, 2 for wrong use or settings.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="CONTAINER/BLOB, or a CONTAINER for all of its media")
    parser.add_argument("--all", action="store_true", help="put back every job of the poison queue")
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
            put_back = PutBack(queue, account, following.browser(), front_door, as_json=arguments.json)
            return put_back.named(arguments.names) if arguments.names else put_back.everything()
    except (ConnectionMissing, WrongAddress) as error:
        raise WrongUse(str(error)) from None
    except (JobError, FrontDoorClosed) as error:
        following.warn(f"{explain(error)} What was not put back is as it was.")
        return 1


def _list(queue: PoisonQueue, account: Account, records: Records, *, as_json: bool) -> int:
    messages = queue.list()
    if not messages and not as_json:
        print(EMPTY)
    for message in messages:
        known = _Known.of(message.job, account, records)
        say_message(message, known.in_words, as_json=as_json, **known.fields)
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
        try:
            job = ours(job)
            gone = account.source(job.container, job.blob).look() is None
            return cls(gone=gone, record=records.read(job.container, job.blob))
        except (NotOurs, JobError) as error:
            return cls(trouble=explain(error))
        except ValueError:
            # A record that can't be read must not keep the list from being shown.
            return cls(trouble="Its record can't be understood.")

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
