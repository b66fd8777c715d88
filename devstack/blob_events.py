"""Event Grid's events for blobs, in its own schema, as plain JSON objects."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from devstack.access_log import FinishedWrite
from devstack.ports import ACCOUNT

Event = dict[str, Any]

VALIDATION = "SubscriptionValidation"
NOTIFICATION = "Notification"
EVENT_TYPE_HEADER = "aeg-event-type"

_TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/devstack"
    f"/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
)


@dataclass(frozen=True, kw_only=True)
class BlobFacts:
    """What an event tells of a blob beyond its name. The defaults are for a blob that nobody could look at any more."""

    # Without the quotes that HTTP puts around it.
    etag: str = "0x0"
    content_type: str = "application/octet-stream"
    content_length: int = 0
    blob_type: str = "BlockBlob"


def blob_created(write: FinishedWrite, facts: BlobFacts, *, endpoint: str, sequence: int) -> Event:
    """A BlobCreated event; its `url` holds the blob's name percent-encoded, its `subject` as it is.

    Arguments:
        write: which blob was written, and how.
        facts: what else is known of the blob.
        endpoint: the account's blob address, without a slash at the end.
        sequence: grows from write to write.
    """
    return {
        "id": str(uuid.uuid4()),
        "topic": _TOPIC,
        "subject": f"/blobServices/default/containers/{write.container}/blobs/{write.blob}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": _now(),
        "data": {
            "api": str(write.api),
            "clientRequestId": str(uuid.uuid4()),
            "requestId": str(uuid.uuid4()),
            "eTag": facts.etag,
            "contentType": facts.content_type,
            "contentLength": facts.content_length,
            "blobType": facts.blob_type,
            "url": f"{endpoint}/{quote(write.container)}/{quote(write.blob)}",
            "sequencer": f"{sequence:032X}",
            "storageDiagnostics": {"batchId": str(uuid.uuid4())},
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }


def subscription_validation(code: str) -> Event:
    """The event that asks a webhook to prove that it wants events, by sending `code` back."""
    return {
        "id": str(uuid.uuid4()),
        "topic": _TOPIC,
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": _now(),
        "data": {"validationCode": code},
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
