"""Event Grid on a laptop: tells the Functions host of every blob that was written, at least once.

What it keeps of the real one: the validation of a subscription, the schema, one event a request, many at once and in
no order, retries with growing pauses, and a filter by container. What it lacks: other filters, dead-lettering, and
patience for 24 hours.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType

import aiohttp
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from devstack.access_log import FinishedWrite, LogLine, finished_write, follow
from devstack.azurite import Storage
from devstack.blob_events import BlobFacts, blob_created
from devstack.subscription import DeliveryPolicy, Subscription

_log = logging.getLogger(__name__)


class Bookmark:
    """How far the access log has been dealt with, kept in a file over restarts; in memory without a file."""

    def __init__(self, file: Path | None = None, *, position: int = 0) -> None:
        self._file = file
        self.position = position
        if file is not None and file.exists():
            with contextlib.suppress(ValueError):
                self.position = int(file.read_text("ascii"))

    def move(self, position: int) -> None:
        """Remember a position, in bytes."""
        if position != self.position:
            self.position = position
            if self._file is not None:
                self._file.write_text(str(position), "ascii")

    @staticmethod
    def begin_anew_if_all_is_told(file: Path, access_log: Path) -> None:
        """Empty an access log that holds nothing untold, so that it doesn't grow for ever. Nobody may be writing it."""
        if access_log.exists() and Bookmark(file).position >= access_log.stat().st_size:
            access_log.unlink()
            file.unlink(missing_ok=True)


class EventGrid:
    """Follows a storage account's access log and delivers events to webhooks; an async context manager.

    Arguments:
        storage: the account.
        bookmark: where to begin, and where to remember how far it got.
        policy: how stubbornly to deliver.
        leave_out: containers whose events nobody wants: what an app writes itself would only wake it up.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        bookmark: Bookmark,
        policy: DeliveryPolicy | None = None,
        leave_out: Collection[str] = (),
    ) -> None:
        self._storage = storage
        self._bookmark = bookmark
        self._leave_out = frozenset(leave_out)
        self._http = aiohttp.ClientSession()
        self._blobs = BlobServiceClient.from_connection_string(storage.connection_string)
        self._policy = policy or DeliveryPolicy()
        self._subscriptions: list[Subscription] = []
        # The lines whose events are on their way, by position.
        self._untold: dict[int, asyncio.Task[None]] = {}
        self._read = bookmark.position

    async def __aenter__(self) -> EventGrid:
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()
        await self._blobs.close()

    async def subscribe(self, webhooks: Sequence[str]) -> None:
        """Let these addresses, and no others, have every event from now on, once each has passed the validation.

        Waits for a webhook to answer at all. Raises SubscriptionRefused when one gives a wrong answer.
        """
        subscriptions = [Subscription(url, self._http, self._policy) for url in webhooks]
        for subscription in subscriptions:
            await subscription.validate()
        self._subscriptions = subscriptions

    async def run(self) -> None:
        """Deliver events for ever."""
        try:
            async with aclosing(follow(self._storage.access_log, position=self._bookmark.position)) as lines:
                async for line in lines:
                    self._tell(line)
        finally:
            for task in self._untold.values():
                task.cancel()
            await asyncio.gather(*self._untold.values(), return_exceptions=True)

    def _tell(self, line: LogLine) -> None:
        write = finished_write(line.text)
        if write is not None and write.container not in self._leave_out:
            task = asyncio.create_task(self._deliver(write, line.end))
            self._untold[line.start] = task
            task.add_done_callback(lambda done: self._told(line, done))
        self._read = line.end
        self._move_bookmark()

    def _told(self, line: LogLine, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            # Stopping: the line stays untold for the next start.
            return
        del self._untold[line.start]
        self._move_bookmark()
        if (error := task.exception()) is not None:
            _log.error("An event was lost: %s", line.text, exc_info=error)

    def _move_bookmark(self) -> None:
        # Never past a line that is still untold, so that a restart tells it again rather than never.
        self._bookmark.move(min(self._untold, default=self._read))

    async def _deliver(self, write: FinishedWrite, sequence: int) -> None:
        facts = await self._facts(write)
        endpoint = self._storage.ports.blob_endpoint
        event = blob_created(write, facts, endpoint=endpoint, sequence=sequence)
        await asyncio.gather(*(subscription.deliver(event) for subscription in self._subscriptions))

    async def _facts(self, write: FinishedWrite) -> BlobFacts:
        """Look at the blob, which logs a HEAD and so makes no new event.

        The real service makes the event as part of the write, so a blob that is gone by the time of the look has its
        event all the same: whoever receives it must bear that anyway.
        """
        try:
            properties = await self._blobs.get_blob_client(write.container, write.blob).get_blob_properties()
        except ResourceNotFoundError:
            return BlobFacts()
        except AzureError as error:
            _log.warning("Can't look at %s/%s, telling of it all the same: %s", write.container, write.blob, error)
            return BlobFacts()
        return BlobFacts(
            etag=properties.etag.strip('"'),
            content_type=properties.content_settings.content_type or BlobFacts.content_type,
            content_length=properties.size,
            blob_type=str(properties.blob_type.value),
        )
