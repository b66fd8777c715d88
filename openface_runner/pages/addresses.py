"""The page's addresses, and names of media in them."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote

ROOT = "/api/jobs"
"""``/api`` is the Functions host's own prefix."""
STATIC = "static"
"""In a container's place, and no container's name: those are UUIDs."""

# What no server or proxy on the way decodes, joins or drops.
_PART = r"[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_PLAIN = re.compile(f"{_PART}(/{_PART})*")
_MARK = "~"


def of_container(container: str) -> str:
    """Where a container is shown."""
    return f"{ROOT}/{quote(container, safe='')}"


def of_medium(container: str, name: str) -> str:
    """Where a medium is shown.

    Names with anything but plain letters go in base64: a percent-encoded slash, or two slashes in a row, don't arrive
    everywhere as they were sent.
    """
    if _PLAIN.fullmatch(name):
        return f"{of_container(container)}/{name}"
    text = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
    return f"{of_container(container)}/{_MARK}{text}"


def medium_in(text: str) -> str | None:
    """The medium's name in the part of an address after its container; None when it is none."""
    if not text.startswith(_MARK):
        return text or None
    coded = text.removeprefix(_MARK)
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
