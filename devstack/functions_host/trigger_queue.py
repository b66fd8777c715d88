"""The blobs extension's queue in the host's storage, and the poison queue beside the media."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage, TextBase64DecodePolicy, TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

POISON_QUEUE = "webjobs-blobtrigger-poison"
# How long a taken message stays invisible to others, in seconds, unless it is renewed.
INVISIBLE_SECONDS = 600
# The service gives no more at once.
_MOST_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class BlobMessage:
    """What the extension writes for each event: which function shall look at which blob."""

    function_id: str
    container: str
    blob: str
    etag: str = ""
    blob_type: str = "BlockBlob"

    def to_json(self) -> str:
        """The message's text, in the extension's own words."""
        return json.dumps({"Type": "BlobTrigger"} | {_FIELDS[field]: value for field, value in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> BlobMessage:
        """Read a message's text. Raises ValueError when it is none of the extension's."""
        try:
            content = json.loads(text)
            return cls(**{field: content[name] for field, name in _FIELDS.items()})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a blob trigger's message: {text!r}") from error


_FIELDS = {
    "function_id": "FunctionId",
    "blob_type": "BlobType",
    "container": "ContainerName",
    "blob": "BlobName",
    "etag": "ETag",
}


@dataclass(kw_only=True)
class TakenMessage:
    """A message that nobody else sees for a while."""

    text: str
    # Counts from 1.
    attempt: int
    # Its handle at the service, which changes with each renewal.
    handle: QueueMessage


class TriggerQueue:
    """A queue of messages with exactly what the blobs extension needs of it.

    Arguments:
        client: made by `queue_client`; its owner closes it.
        invisible_seconds: how long a taken message stays invisible without renewal.
    """

    def __init__(self, client: QueueClient, *, invisible_seconds: int = INVISIBLE_SECONDS) -> None:
        self._client = client
        self._invisible_seconds = invisible_seconds

    async def ensure(self) -> None:
        """Create the queue where it doesn't exist."""
        with contextlib.suppress(ResourceExistsError):
            await self._client.create_queue()

    async def put(self, text: str) -> None:
        """Add a message."""
        # -1: it never expires, as the extension has it.
        await self._client.send_message(text, time_to_live=-1)

    async def take(self, most: int) -> list[TakenMessage]:
        """Take up to `most` messages; an empty list says that none is visible now."""
        pages = self._client.receive_messages(
            max_messages=min(most, _MOST_AT_ONCE), visibility_timeout=self._invisible_seconds
        )
        return [
            TakenMessage(text=str(message.content), attempt=message.dequeue_count or 1, handle=message)
            async for message in pages
        ]

    async def keep(self, message: TakenMessage, until: asyncio.Event) -> None:
        """Renew the message's invisibility again and again, until the event is set."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._invisible_seconds / 2):
                    await until.wait()
            if until.is_set():
                return
            # Without content the service keeps the message's text as it is.
            message.handle = await self._client.update_message(
                message.handle.id, message.handle.pop_receipt, visibility_timeout=self._invisible_seconds
            )

    async def delete(self, message: TakenMessage) -> None:
        """Remove a message that is dealt with; one that is gone already is fine."""
        with contextlib.suppress(ResourceNotFoundError):
            await self._client.delete_message(message.handle.id, message.handle.pop_receipt)

    async def give_back(self, message: TakenMessage) -> None:
        """Make a message visible again at once."""
        await self._client.update_message(message.handle.id, message.handle.pop_receipt, visibility_timeout=0)


def queue_client(connection_string: str, name: str) -> QueueClient:
    """A client for messages in base64, which is what the Functions host reads and writes. Close it after use."""
    return QueueClient.from_connection_string(
        connection_string,
        name,
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    )
