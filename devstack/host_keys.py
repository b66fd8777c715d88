"""The keys of a Functions host in a container, from the file in which it keeps them itself."""

from __future__ import annotations

import json
from pathlib import Path

from devstack.errors import KeysUnreadable

# The name under which the host keeps the key for the blobs extension's webhook.
_WEBHOOK_KEY = "blobs_extension"


def webhook_key(file: Path) -> str:
    """The system key that the blobs extension's webhook asks for. Raises KeysUnreadable."""
    try:
        keys = {key["name"]: str(key["value"]) for key in json.loads(file.read_bytes())["systemKeys"]}
        return keys[_WEBHOOK_KEY]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysUnreadable(
            f"{file} holds no system key {_WEBHOOK_KEY} ({error!r}). It must be the host.json with the host's keys."
        ) from error
