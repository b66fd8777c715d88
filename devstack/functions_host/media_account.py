"""The storage account that a trigger watches: the host looks at its blobs and leaves poison messages in its queue."""

from __future__ import annotations

from types import TracebackType

from azure.storage.blob.aio import BlobServiceClient

from devstack.functions_host.trigger_queue import POISON_QUEUE, TriggerQueue, queue_client


class MediaAccount:
    """A trigger connection's account; an async context manager, which closes its clients."""

    def __init__(self, connection_string: str) -> None:
        self._blobs = BlobServiceClient.from_connection_string(connection_string)
        self._queue_client = queue_client(connection_string, POISON_QUEUE)

    async def __aenter__(self) -> MediaAccount:
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._blobs.close()
        await self._queue_client.close()

    async def exists(self, container: str, blob: str) -> bool:
        """Whether the blob can be found. Raises AzureError when the account can't say."""
        return await self._blobs.get_blob_client(container, blob).exists()

    async def poison(self, text: str) -> None:
        """Put a message into the poison queue, which is created when it is first needed."""
        queue = TriggerQueue(self._queue_client)
        await queue.ensure()
        await queue.put(text)
