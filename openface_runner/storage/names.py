"""How results and records are named after their medium, and how text travels in blobs' metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote, unquote

from openface_runner.storage.source import Source

_MAX_NAME = 1024
"""Characters that the blob service takes in a name."""
_MAX_VALUE = 4096
"""Characters of one value of metadata, at most: the service takes 8 KB for all of them with their names."""


def result_name(source: Source, suffix: str) -> str:
    """The name under which something about a medium is kept: its container, its own name, and a suffix.

    A name so long that the service wouldn't take the longer one is cut and told apart by a digest.
    """
    name = f"{source.container}/{source.name}{suffix}"
    if len(name) <= _MAX_NAME:
        return name
    digest = hashlib.sha256(source.name.encode()).hexdigest()
    return f"{name[: _MAX_NAME - len(digest) - len(suffix) - 1]}~{digest}{suffix}"


def medium_of(container: str, name: str, suffix: str) -> str | None:
    """The medium of a ``result_name``; None when that was cut."""
    if len(name) == _MAX_NAME and name.removesuffix(suffix)[-65:-64] == "~":
        return None
    return name.removeprefix(f"{container}/").removesuffix(suffix)


def encoded(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as the service takes them: percent-encoded, since they travel as Latin-1 headers.

    A value that is too long is left out, such as the longest names in a script of three bytes a character.
    """
    values = {key: quote(value, safe=" ./:-_()") for key, value in metadata.items()}
    return {key: value for key, value in values.items() if len(value) <= _MAX_VALUE}


def decoded(value: str) -> str:
    """A value as it was before ``encoded``."""
    return unquote(value)
