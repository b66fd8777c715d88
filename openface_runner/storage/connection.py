"""The connection to the media's account, by Azure's own rules: which settings, and which identity.

``MediaStorage`` is a connection string; or ``MediaStorage__blobServiceUri`` and ``MediaStorage__queueServiceUri`` are
addresses, and the app's own identity opens them. The blob trigger and the Functions host read the same settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

CONNECTION = "MediaStorage"
"""The name of the connection, in the trigger's binding and in the app's settings."""

Client = TypeVar("Client", "BlobServiceClient", "QueueServiceClient")


class ConnectionMissing(ValueError):
    """The app's settings hold no usable connection to the storage account."""


def service_client(
    kind: type[Client],
    service: Literal["blob", "queue"],
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Client:
    """A client for one service of the media's account; asks it nothing yet.

    Arguments:
        kind: the SDK's class for that service.
        environment: the app's settings; by default the process's environment.
        options: passed on to the SDK.

    Raises:
        ConnectionMissing: there is no such connection, or it can't be used.
    """
    settings = os.environ if environment is None else environment
    if text := settings.get(CONNECTION):
        try:
            return kind.from_connection_string(text, **options)
        except ValueError:
            raise ConnectionMissing(
                f"{CONNECTION} isn't a connection string that can be parsed (its text is kept out of this message)."
            ) from None
    name, address = _address(settings, service)
    if not address.lower().startswith("https://"):
        raise ConnectionMissing(f"{name} must begin with https://: an identity's token isn't sent over anything else.")
    return kind(address, credential=_credential(settings), **options)


def _address(settings: Mapping[str, str], service: str) -> tuple[str, str]:
    wanted = f"{CONNECTION}__{service}ServiceUri"
    # The host takes __serviceUri too where a connection is for blobs alone; it is the address of blobs, not of queues.
    names = (wanted, f"{CONNECTION}__serviceUri") if service == "blob" else (wanted,)
    for name in names:
        if address := settings.get(name):
            return name, address
    other = next((name for name in settings if name.startswith(f"{CONNECTION}__") and settings[name]), None)
    if other:
        raise ConnectionMissing(
            f"{wanted} is missing ({other} is set): set it to the address of the account's {service} service, "
            f"https://ACCOUNT.{service}.core.windows.net in Azure's public cloud."
        )
    raise ConnectionMissing(
        f"No connection to {service} storage: set {CONNECTION} to a connection string (UseDevelopmentStorage=true for "
        f"Azurite), or {wanted} to the account's address for an identity."
    )


def _credential(settings: Mapping[str, str]) -> TokenCredential:
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    # An empty setting is as good as none.
    client_id = settings.get(f"{CONNECTION}__clientId") or None
    if settings.get(f"{CONNECTION}__credential", "").lower() == "managedidentity":
        return ManagedIdentityCredential(client_id=client_id)
    # None given on purpose would overrule AZURE_CLIENT_ID, so it isn't given.
    return DefaultAzureCredential(**({"managed_identity_client_id": client_id} if client_id else {}))
