"""The poison queue: what the blobs extension writes there once the host has given a blob's job up.

It lies in the media's account and is shared by all apps with blob triggers on it, so a message may be another's.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage, QueueServiceClient

from openface_runner.storage.connection import service_client
from openface_runner.storage.errors import storage_errors
from openface_runner.storage.transport import Patience

_log = logging.getLogger(__name__)

QUEUE = "webjobs-blobtrigger-poison"
"""The name is the blobs extension's own."""
A_PERSONS_PATIENCE = Patience(total=15.0)
"""For commands: whoever waits at a terminal is told soon, and can run the command again."""
HIDDEN_SECONDS = 300
"""How long a message that was taken is hidden from others when nobody shows it again; longer than one post may take."""
_MOST_AT_ONCE = 32
"""Messages that the service gives in one answer, at most."""


@dataclass(frozen=True, kw_only=True)
class Poisoned:
    """What a message says: which function failed on which blob."""

    function_id: str
    """``Host.Functions.NAME``"""
    container: str
    blob: str

    def __str__(self) -> str:
        return f"{self.container}/{self.blob}"


@dataclass(frozen=True, kw_only=True)
class PoisonMessage:
    """A message in the poison queue."""

    id: str
    since: datetime | None
    """When the host gave up, UTC."""
    text: str
    """As it is in the queue, for those that can't be understood."""
    job: Poisoned | None
    """None when the message isn't what the blobs extension writes."""
    _handle: QueueMessage = field(repr=False)

    @property
    def receipt(self) -> str | None:
        """What the service wants to see before it deletes the message; new with each taking, None after a look."""
        return self._handle.pop_receipt


class PoisonQueue:
    """The poison queue; a context manager, which at its exit shows again what was taken and not deleted."""

    def __init__(self, service: QueueServiceClient) -> None:
        # Without the SDK's own decoding: one message that isn't base64 would hide all that come with it.
        self._client = service.get_queue_client(QUEUE)
        self._taken: dict[str, PoisonMessage] = {}

    def __enter__(self) -> PoisonQueue:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show_again()
        self._client.close()

    def glance(self) -> list[PoisonMessage]:
        """The oldest messages, up to 32, which the service shows without taking them; one request."""
        with storage_errors("look at the poison queue"), contextlib.suppress(ResourceNotFoundError):
            return [_read(message) for message in self._client.peek_messages(max_messages=_MOST_AT_ONCE)]
        return []

    def list(self) -> list[PoisonMessage]:
        """Every message, oldest first; none when the queue was never needed.

        Up to 31 are only looked at. Where there may be more than a look shows, they are taken and shown again: another
        ``list`` or ``take`` sees only the rest meanwhile.
        """
        messages = self.glance()
        if len(messages) < _MOST_AT_ONCE:
            return messages
        try:
            return [*self.take(at_once=_MOST_AT_ONCE)]
        finally:
            self._show_again()

    def take(self, *, at_once: int = 1) -> Iterator[PoisonMessage]:
        """Each message once, hidden from others from then on; those that aren't deleted show again at the queue's exit.

        Messages that come after the first was taken are left alone: a job that is put back and fails again at once
        would come round for ever.

        Arguments:
            at_once: how many to hide with one request; with 1, a process that is killed leaves as few hidden as may be.
        """
        seen_again, began = 0, None
        with storage_errors("read the poison queue"), contextlib.suppress(ResourceNotFoundError):
            for handle in self._client.receive_messages(messages_per_page=at_once, visibility_timeout=HIDDEN_SECONDS):
                message = _read(handle)
                began = began or _taken_at(handle)
                # In a run longer than that time, what was passed over at the begin turns up again.
                known = message.id in self._taken
                self._taken[message.id] = message
                seen_again = seen_again + 1 if known else 0
                if seen_again > len(self._taken):
                    return
                if not known and not _is_later(message, began):
                    yield message

    def delete(self, message: PoisonMessage) -> None:
        """Delete a message that was taken; one that is gone already is fine."""
        newest = self._taken.pop(message.id, message)
        with storage_errors("delete a message of the poison queue"), contextlib.suppress(ResourceNotFoundError):
            self._client.delete_message(newest.id, newest.receipt)

    def _show_again(self) -> None:
        left = list(self._taken.values())
        self._taken.clear()
        for number, message in enumerate(left):
            try:
                self._client.update_message(message.id, message.receipt, visibility_timeout=0)
            except ResourceNotFoundError:
                continue
            except AzureError as error:
                # The role "Storage Queue Data Message Processor" may take and delete, not update.
                status = error.status_code if isinstance(error, HttpResponseError) else type(error).__name__
                _log.warning(
                    "%d messages that stay in the poison queue show again in %d minutes, not at once (%s).",
                    len(left) - number,
                    HIDDEN_SECONDS // 60,
                    status,
                )
                return


def connect_poison_queue(
    environment: Mapping[str, str] | None = None, *, patience: Patience = A_PERSONS_PATIENCE
) -> PoisonQueue:
    """The poison queue of the ``MediaStorage`` connection; asks it nothing yet.

    Arguments:
        environment: the app's settings; by default the process's environment.
        patience: how long to bear with storage; by default as long as a person does.

    Raises:
        ConnectionMissing: there is no such connection, or it can't be used.
    """
    return PoisonQueue(service_client(QueueServiceClient, "queue", environment, **patience.client_options()))


def _read(handle: QueueMessage) -> PoisonMessage:
    text = str(handle.content or "")
    return PoisonMessage(id=handle.id, since=handle.inserted_on, text=text, job=parse(text), _handle=handle)


def _taken_at(handle: QueueMessage) -> datetime | None:
    # By the service's clock, which is also the one of `inserted_on`.
    return handle.next_visible_on and handle.next_visible_on - timedelta(seconds=HIDDEN_SECONDS)


def _is_later(message: PoisonMessage, began: datetime | None) -> bool:
    return bool(message.since and began and message.since > began)


def parse(text: str) -> Poisoned | None:
    """What a message's text says, in base64 as the host writes it or as it is; None when it can't be understood."""
    try:
        content = json.loads(_decoded(text))
        names = [content[name] for name in ("FunctionId", "ContainerName", "BlobName")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(isinstance(name, str) and name for name in names):
        return None
    return Poisoned(function_id=names[0], container=names[1], blob=names[2])


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text
