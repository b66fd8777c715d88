"""Which blobs are ours to analyse, by container and name alone."""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Half characters, which JSON can hold, and UTF-8 and so the blob service can't.
_CONTROL_OR_HALF = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_NAME = 1024
"""Characters that the blob service takes in a name."""


def printable(text: str) -> str:
    """Text from outside, fit for one log line: characters that aren't printed are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def is_media_container(container: str) -> bool:
    """Whether a container holds media: its name is a hyphenated UUID, lower case as the blob service demands."""
    return _UUID.fullmatch(container) is not None


def decline_reason(container: str, name: str) -> str | None:
    """Why a blob isn't ours to analyse, for one log line; None when it is.

    Events arrive for every container of the account (our own results too), and a forged event may hold a name that
    the service itself would not take: nobody could have uploaded that, so there is no medium behind it.
    """
    if not is_media_container(container):
        return "its container isn't named by a UUID"
    if name.endswith("/"):
        return "it marks a directory"
    if not name or len(name) > _MAX_NAME:
        return f"a blob's name has 1 to {_MAX_NAME} characters"
    if any(segment in (".", "..") for segment in re.split(r"[/\\]", name)):
        return "its name has a '.' or '..' segment, which the blob service doesn't take"
    if _CONTROL_OR_HALF.search(name):
        return "its name has control characters or halves of characters"
    return None
