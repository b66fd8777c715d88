"""The app's front door: the blobs extension's webhook, where Event Grid posts its events, and so can an operator."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from openface_runner.storage.source import Source, Version

KEY_VARIABLE = "BLOBS_EXTENSION_KEY"
"""The environment variable with the system key ``blobs_extension`` of the running app."""
ANALYSE_MEDIA = "Host.Functions.analyse_media"
"""The function that takes media, as function_app.py names it."""
_WEBHOOK = "/runtime/webhooks/blobs"
_KEY_HEADER = "x-functions-key"
"""The host takes a key here before it looks for ``code=`` in the address; addresses end up in logs."""
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 30
"""As long as Event Grid waits."""


class WrongAddress(ValueError):
    """The address isn't one of a Functions host."""


class EventRefused(Exception):
    """The app doesn't take this event; it may take others."""


class FrontDoorClosed(Exception):
    """The app takes no event now."""


class FrontDoor:
    """The webhook of a running app; a context manager, which closes the connection.

    Arguments:
        host: the app's address, such as ``http://localhost:7071``.
        key: its system key ``blobs_extension``; none under ``func start`` and the devstack.

    Raises:
        WrongAddress: the host isn't an address; the message doesn't repeat it, since it may hold a key.
    """

    def __init__(self, host: str, key: str | None = None) -> None:
        _check(host)
        self._host = host.rstrip("/")
        self._headers = {"aeg-event-type": "Notification"} | ({_KEY_HEADER: key} if key else {})
        # No policies: no log of headers, no retry of what may have been queued, no redirect that takes the key along.
        self._client: PipelineClient[Any, Any] = PipelineClient(self._host, policies=[])

    def __enter__(self) -> FrontDoor:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def announce(self, source: Source, version: Version, function_id: str) -> None:
        """Post a BlobCreated event for a medium to a function; it is in the extension's queue afterwards.

        Raises:
            EventRefused: the app has no such function, or can't read the event.
            FrontDoorClosed: no answer, or one that would be the same for every event. An answer that is late may
                still have been a yes, so the event may be queued.
        """
        request = HttpRequest(
            "POST",
            f"{self._host}{_WEBHOOK}?functionName={quote(function_id, safe='')}",
            headers=self._headers,
            json=[_blob_created(source, version)],
        )
        try:
            status = self._client.send_request(
                request, connection_timeout=_CONNECT_SECONDS, read_timeout=_ANSWER_SECONDS
            ).status_code
        except AzureError as error:
            # The error's own text is left out: it may hold the request.
            raise FrontDoorClosed(
                f"The app at {self._host} did not answer ({type(error).__name__}). Start it, or name it with --host."
            ) from None
        if status != HTTPStatus.ACCEPTED:
            raise self._refusal(status, source, function_id)

    def _refusal(self, status: int, source: Source, function_id: str) -> EventRefused | FrontDoorClosed:
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return FrontDoorClosed(
                f"The app at {self._host} wants its key (HTTP {status}): put the system key 'blobs_extension' of the "
                f"app into the environment variable {KEY_VARIABLE}."
            )
        if status == HTTPStatus.NOT_FOUND:
            return EventRefused(
                f"The app at {self._host} has no function {function_id}: the message is another app's, or --host names "
                "something else."
            )
        if status == HTTPStatus.BAD_REQUEST:
            return EventRefused(f"The app at {self._host} can't read the event for {source} (HTTP {status}).")
        return FrontDoorClosed(
            f"The app at {self._host} answered HTTP {status} instead of 202. Look at its log, then try again."
        )


def _check(host: str) -> None:
    try:
        parts = urlsplit(host)
        is_plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_plain = False
    if not is_plain or parts.username is not None or parts.query or parts.fragment:
        raise WrongAddress(
            "The app's address must look like https://NAME.azurewebsites.net or http://localhost:7071, with nothing "
            f"after it. A key doesn't belong there, but into the environment variable {KEY_VARIABLE}."
        )


def _blob_created(source: Source, version: Version) -> dict[str, Any]:
    # All that the extension's parser of events asks for; it takes container and blob from data.url.
    return {
        "id": str(uuid.uuid4()),
        "topic": "",
        "subject": f"/blobServices/default/containers/{source.container}/blobs/{source.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": datetime.now(UTC).isoformat(),
        "data": {
            "api": "PutBlob",
            "eTag": version.etag,
            "contentType": version.content_type,
            "contentLength": version.size,
            "blobType": "BlockBlob",
            "url": source.address,
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }
