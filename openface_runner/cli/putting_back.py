"""Have jobs tried again: those in the poison queue, and those whose event was lost or whose message has expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openface_runner.cli import following
from openface_runner.media.address import decline_reason, is_media_container
from openface_runner.outcomes import JobError
from openface_runner.status import Status

if TYPE_CHECKING:
    from openface_runner.storage import Account
    from openface_runner.storage.browse import Browser
    from openface_runner.storage.front_door import FrontDoor
    from openface_runner.storage.poison import Poisoned, PoisonMessage, PoisonQueue

EMPTY = "The poison queue is empty."
_SHOWN = 200
"""Characters shown of a message that can't be understood."""
_DONE = {"posted": "Put back.", "gone": "The medium is gone, so there is nothing to put back."}
_NEEDS_NO_EVENT = {
    Status.RUNNING: "Nothing to put back: it is being analysed.",
    Status.DONE: "Nothing to put back: it is measured.",
    Status.FAILED: "Nothing to put back: its job has ended; its record says why. Upload it anew to try again.",
    Status.WITHDRAWN: _DONE["gone"],
}
"""All others do: nobody sees from outside whether one is on its way to them; told of twice, they are analysed once."""


class PutBack:
    """Puts jobs back through the app's front door, one by one.

    Arguments:
        queue: the poison queue.
        account: where the media are.
        browser: tells where jobs stand that have no message in the queue.
        front_door: the app's.
        as_json: whether to say what was done in JSON.
    """

    def __init__(
        self, queue: PoisonQueue, account: Account, browser: Browser, front_door: FrontDoor, *, as_json: bool
    ) -> None:
        self._queue = queue
        self._account = account
        self._browser = browser
        self._front_door = front_door
        self._as_json = as_json
        self._met: set[tuple[str, str]] = set()
        """The media, by container and name, whose messages were met in the queue."""

    def everything(self) -> int:
        """Put back whatever is in the queue; the exit code.

        Raises:
            FrontDoorClosed, StorageUnavailable: it could not go on; what it didn't say it did is as it was.
        """
        settled = [self._put_back(message) for message in self._queue.take()]
        if not settled and not self._as_json:
            print(EMPTY)
        return int(not all(settled))

    def named(self, names: Sequence[str]) -> int:
        """Put back what the queue has of those names, then what else of them is unfinished; the exit code.

        Raises:
            FrontDoorClosed, StorageUnavailable: it could not go on; what it didn't say it did is as it was.
        """
        wanted = [name.rstrip("/") for name in names]
        settled = [self._put_back(message) for message in self._queue.take() if _is_one_of(message, wanted)]
        settled += [self._find(name) for name in dict.fromkeys(wanted)]
        return int(not all(settled))

    def _put_back(self, message: PoisonMessage) -> bool:
        """Put one job of the queue back and say so; whether its message has left the queue."""
        if message.job is not None:
            self._met.add((message.job.container, message.job.blob))
        result, reason = "left", None
        try:
            result = self._settle(message)
            self._queue.delete(message)
        except _refusals() as error:
            reason = explain(error)
        stays = f"Stays in the queue. {reason}" if reason else ""
        sentence = " ".join(filter(None, (_DONE.get(result), stays)))
        say_message(message, sentence, as_json=self._as_json, result=result, reason=reason)
        return reason is None

    def _settle(self, message: PoisonMessage) -> str:
        job = ours(message.job)
        return self._announce(job.container, job.blob, job.function_id)

    def _announce(self, container: str, blob: str, function_id: str) -> str:
        source = self._account.source(container, blob)
        version = source.look()
        if version is None:
            return "gone"
        self._front_door.announce(source, version, function_id)
        return "posted"

    def _find(self, name: str) -> bool:
        """Put back what is named and had no message; whether nothing of it is left."""
        container, _, blob = name.partition("/")
        if (container, blob) in self._met:
            return True
        return self._find_one(container, blob) if blob else self._find_all(container)

    def _find_one(self, container: str, blob: str) -> bool:
        medium = self._browser.medium(container, blob)
        if medium is None:
            following.warn(f"{container}/{blob} is not in the poison queue, and there is no such medium.")
            return False
        why_not = _NEEDS_NO_EVENT.get(medium.status)
        if why_not is None or (medium.is_outdated and medium.status is not Status.RUNNING):
            return self._tell_of(container, blob)
        self._say(container, blob, why_not, result="none")
        return True

    def _find_all(self, container: str) -> bool:
        media = self._browser.media(container, most=None) if is_media_container(container) else None
        if media is None or (media.gone and not media.jobs):
            following.warn(f"{container} is not in the poison queue, and there is no such container of media.")
            return False
        left = [job.name for job in media.jobs if job.status not in _NEEDS_NO_EVENT and not job.gone]
        if not left and not self._as_json:
            following.say(f"{container}: nothing is left to put back.")
        told = [self._tell_of(container, name) for name in left if (container, name) not in self._met]
        return all(told)

    def _tell_of(self, container: str, blob: str) -> bool:
        """Tell the app of a medium that had no message, and say so; whether that was done."""
        from openface_runner.storage.front_door import ANALYSE_MEDIA

        result, reason = "left", None
        try:
            result = self._announce(container, blob, ANALYSE_MEDIA)
        except _refusals() as error:
            reason = explain(error)
        self._say(container, blob, reason or _DONE[result], result=result, reason=reason)
        return reason is None

    def _say(self, container: str, blob: str, sentence: str, *, result: str, reason: str | None = None) -> None:
        fields = {"container": container, "blob": blob, "message": None, "result": result, "reason": reason}
        _print(f"{container}/{blob}", sentence, fields if self._as_json else None)


class NotOurs(Exception):
    """A message that isn't about a medium of this app; why, as a sentence."""


def ours(job: Poisoned | None) -> Poisoned:
    """What a message says.

    Raises:
        NotOurs: it can't be understood, or is about no medium of this app.
    """
    if job is None:
        raise NotOurs("It can't be understood: no app's blob trigger wrote it.")
    if (reason := decline_reason(job.container, job.blob)) is not None:
        raise NotOurs(f"Not a medium of this app: {reason}.")
    return job


def _refusals() -> tuple[type[Exception], ...]:
    """What keeps one job from being put back, and not the next."""
    from openface_runner.storage.front_door import EventRefused

    return NotOurs, EventRefused, JobError


def explain(error: Exception) -> str:
    """What a person at a terminal is told of an error."""
    return following.refusal(error) if isinstance(error, JobError) else str(error)


def _is_one_of(message: PoisonMessage, names: Sequence[str]) -> bool:
    return message.job is not None and (message.job.container in names or str(message.job) in names)


def say_message(message: PoisonMessage, sentence: str, *, as_json: bool, **fields: Any) -> None:
    """Print a message of the queue, and a sentence on it; as JSON its fields and those that are given."""
    job, since = message.job, message.since
    known = {"container": job.container, "blob": job.blob, "function": job.function_id} if job else {}
    text = {} if job else {"text": message.text[:_SHOWN]}
    line = {**known, **text, "message": message.id, "since": since and since.isoformat(), **fields}
    name = str(job) if job else f"message {message.text[:_SHOWN]!r}"
    when = f" ({'given up' if job else 'since'} {since:%Y-%m-%d %H:%M} UTC)" if since else ""
    _print(name + when, sentence, line if as_json else None)


def _print(title: str, sentence: str, fields: dict[str, Any] | None) -> None:
    """As JSON where there are fields, else as text."""
    if fields is not None:
        following.say_json(fields)
        return
    following.say(title)
    for words in sentence.splitlines():
        following.say(f"  {words}")
