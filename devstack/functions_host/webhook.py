"""The blobs extension's webhook for Event Grid: `/runtime/webhooks/blobs?functionName=Host.Functions.<name>`."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Container
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from devstack.blob_events import EVENT_TYPE_HEADER, NOTIFICATION, VALIDATION
from devstack.functions_host.trigger_queue import BlobMessage

ROUTE = "/runtime/webhooks/blobs"


class BlobsWebhook:
    """Answers Event Grid and queues what it tells.

    Arguments:
        function_ids: the functions that exist.
        enqueue: called with each event's message; the 202 goes out after it returned.
    """

    def __init__(self, *, function_ids: Container[str], enqueue: Callable[[BlobMessage], Awaitable[None]]) -> None:
        self._function_ids = function_ids
        self._enqueue = enqueue

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request: 200 to a validation, 202 to events that are queued now, 404 or 400 to the rest."""
        function_id = request.query.get("functionName", "")
        if function_id not in self._function_ids:
            return web.Response(status=404, text=f"There is no Event Grid blob function {function_id!r}.")
        try:
            events = _events(await request.text())
            match request.headers.get(EVENT_TYPE_HEADER):
                case value if value == VALIDATION:
                    return web.json_response({"validationResponse": events[0]["data"]["validationCode"]})
                case value if value == NOTIFICATION:
                    messages = [_message(function_id, event) for event in events]
                case value:
                    return web.Response(status=400, text=f"{EVENT_TYPE_HEADER} is {value!r}.")
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            return web.Response(status=400, text=f"Not an Event Grid event for a blob: {error!r}.")
        for message in messages:
            await self._enqueue(message)
        return web.Response(status=202)


def container_and_blob(url: str) -> tuple[str, str]:
    """The container and the blob that an event's address names, percent-decoded.

    Addresses on an IP address or localhost have the account as their first part, as emulators do. Raises ValueError
    when there is no container or no blob in it.
    """
    address = urlsplit(url)
    parts = address.path.lstrip("/")
    if _has_account_in_path(address.hostname or ""):
        parts = parts.partition("/")[2]
    container, _, blob = parts.partition("/")
    if not container or not blob:
        raise ValueError(f"the address {url!r} names no blob")
    return unquote(container), unquote(blob)


def _has_account_in_path(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _events(body: str) -> list[dict[str, Any]]:
    events = json.loads(body)
    return events if isinstance(events, list) else [events]


def _message(function_id: str, event: dict[str, Any]) -> BlobMessage:
    data = event["data"]
    container, blob = container_and_blob(_text(data["url"]))
    return BlobMessage(
        function_id=function_id,
        container=container,
        blob=blob,
        etag=_text(data.get("eTag", "")),
        blob_type=_text(data.get("blobType", "BlockBlob")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    value.encode()  # raises ValueError for half a character, which JSON can hold and UTF-8 can't
    return value
