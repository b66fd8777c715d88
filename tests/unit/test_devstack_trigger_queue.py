"""A message stays invisible for as long as its invocation runs."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from devstack.functions_host.trigger_queue import TakenMessage, TriggerQueue


class RenewingClient:
    """Hands out a new handle at each renewal, and sets `enough` at the third."""

    def __init__(self, enough: asyncio.Event) -> None:
        self.enough = enough
        self.renewed: list[tuple[str, int]] = []

    async def update_message(self, _: str, pop_receipt: str, *, visibility_timeout: int) -> Any:
        self.renewed.append((pop_receipt, visibility_timeout))
        if len(self.renewed) == 3:
            self.enough.set()
        return SimpleNamespace(id="1", pop_receipt=f"receipt {len(self.renewed)}")


def test_invisibility_is_renewed_with_the_latest_handle_until_the_end() -> None:
    async def renew() -> tuple[list[tuple[str, int]], str | None]:
        finished = asyncio.Event()
        client = RenewingClient(finished)
        queue = TriggerQueue(cast(QueueClient, client), invisible_seconds=0)
        first = cast(QueueMessage, SimpleNamespace(id="1", pop_receipt="receipt 0"))
        message = TakenMessage(text="", attempt=1, handle=first)
        await queue.keep(message, finished)
        return client.renewed, message.handle.pop_receipt

    renewed, last = asyncio.run(renew())
    assert renewed == [("receipt 0", 0), ("receipt 1", 0), ("receipt 2", 0)]
    assert last == "receipt 3"
