"""The storage account: how to connect to it, and what is in it.

The connection is the one that the blob trigger uses, ``MediaStorage``, by Azure's own rules: a connection string, or
``MediaStorage__blobServiceUri`` (or ``__serviceUri``) with an identity.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from azure.storage.blob import BlobServiceClient

from openface_runner.storage.claims import Records
from openface_runner.storage.results import Results
from openface_runner.storage.source import Source

CONNECTION = "MediaStorage"
"""The name of the connection, in the trigger's binding and in the app's settings."""


class ConnectionMissing(ValueError):
    """The app's settings hold no usable connection to the storage account."""


class Account:
    """A storage account; one for the life of the process, so that its connections are reused."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def source(self, container: str, name: str) -> Source:
        """One medium."""
        return Source(self._service, container, name)

    def results(self, container: str) -> Results:
        """The results, in this container."""
        return Results(self._service, container)

    def records(self, container: str) -> Records:
        """The job records, in this container."""
        return Records(self._service, container)


def connect(environment: Mapping[str, str] | None = None) -> Account:
    """The account of the ``MediaStorage`` connection; asks it nothing yet.

    Arguments:
        environment: the app's settings; by default the process's environment.

    Raises:
        ConnectionMissing: there is no such connection, or it can't be parsed.
    """
    # At its usual level the SDK logs every request, which buries the jobs' own lines.
    logging.getLogger("azure").setLevel(logging.WARNING)
    settings = os.environ if environment is None else environment
    try:
        if text := settings.get(CONNECTION):
            return Account(BlobServiceClient.from_connection_string(text))
    except ValueError:
        raise ConnectionMissing(
            f"{CONNECTION} isn't a connection string that can be parsed (its text is kept out of this message)."
        ) from None
    address = settings.get(f"{CONNECTION}__blobServiceUri") or settings.get(f"{CONNECTION}__serviceUri")
    if address:
        return Account(BlobServiceClient(address, credential=_credential(settings)))
    raise ConnectionMissing(
        f"No connection to blob storage: set {CONNECTION} to a connection string (UseDevelopmentStorage=true for "
        f"Azurite), or {CONNECTION}__blobServiceUri to the account's address for an identity."
    )


def _credential(settings: Mapping[str, str]) -> Any:
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if settings.get(f"{CONNECTION}__credential", "").lower() == "managedidentity":
        return ManagedIdentityCredential(client_id=settings.get(f"{CONNECTION}__clientId"))
    return DefaultAzureCredential()
