"""A medium in blob storage: look at it, stream it down."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from openface_runner.outcomes import StorageUnavailable
from openface_runner.storage.errors import storage_errors

_PARALLEL_DOWNLOADS = 4


class VersionGone(Exception):
    """The medium isn't the one that was looked at any more: overwritten, given new metadata, or deleted."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A medium as it was when it was looked at."""

    etag: str
    """Without quotes, as in events and in results' metadata."""
    size: int
    """Bytes."""
    content_type: str | None
    last_modified: datetime
    metadata: Mapping[str, str]

    @property
    def is_directory(self) -> bool:
        """Whether it only marks a directory (accounts with a hierarchical namespace have such blobs)."""
        return self.metadata.get("hdi_isfolder", "").lower() == "true"


@dataclass(frozen=True, kw_only=True)
class MediaContainer:
    """A medium's container, as it was when it was looked at."""

    metadata: Mapping[str, str]
    last_modified: datetime
    """When it was made, or given other metadata; uploads don't count."""


class Source:
    """One medium in blob storage."""

    def __init__(self, service: BlobServiceClient, container: str, name: str) -> None:
        self.container = container
        self.name = name
        self._service = service
        self._blob = service.get_blob_client(container, name)

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"

    @property
    def address(self) -> str:
        """The medium's address, percent-encoded, without the signature that a connection may add."""
        return self._blob.url.partition("?")[0]

    def look(self, **options: Any) -> Version | None:
        """The medium as it is now; None when it is gone.

        Arguments:
            options: of the SDK for this one request, such as its patience.
        """
        with storage_errors(f"look at {self}"):
            try:
                properties = self._blob.get_blob_properties(**options)
            except ResourceNotFoundError:
                return None
        return Version(
            etag=properties.etag.strip('"'),
            size=properties.size,
            content_type=properties.content_settings.content_type,
            last_modified=properties.last_modified,
            metadata=dict(properties.metadata or {}),
        )

    def look_at_container(self) -> MediaContainer:
        """The medium's container as it is now.

        Raises:
            VersionGone: the container was deleted.
        """
        with storage_errors(f"look at the container {self.container}"):
            try:
                properties = self._service.get_container_client(self.container).get_container_properties()
            except ResourceNotFoundError:
                raise VersionGone(f"the container {self.container} was deleted") from None
        return MediaContainer(metadata=dict(properties.metadata or {}), last_modified=properties.last_modified)

    def download(self, version: Version, path: Path, check: Callable[[], None] = lambda: None) -> None:
        """Stream the medium to a file, in parallel ranges; never whole in memory.

        The bytes are those in storage: a ``Content-Encoding`` is not undone, since nobody proves that it is true.

        Arguments:
            check: called between ranges, maybe from other threads; what it raises ends the download.

        Raises:
            VersionGone: it isn't this version any more.
            StorageUnavailable: not every byte arrived.
        """
        with storage_errors(f"download {self}"), _Counted(path) as file:
            check()
            try:
                self._blob.download_blob(
                    etag=f'"{version.etag}"',
                    match_condition=MatchConditions.IfNotModified,
                    max_concurrency=_PARALLEL_DOWNLOADS,
                    decompress=False,
                    progress_hook=lambda *_: check(),
                ).readinto(file)
            except (ResourceNotFoundError, ResourceModifiedError):
                raise VersionGone(f"{self} changed while it was downloaded") from None
        # Counted as they came: a file's size doesn't tell of a hole where a range fell short.
        if not file.count == path.stat().st_size == version.size:
            raise StorageUnavailable(f"Only {file.count:,} of the {version.size:,} bytes of {self} arrived.")


class _Counted(io.FileIO):
    """A new file that counts the bytes it was given."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w")
        self.count = 0

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        """Write all of it; the caller calls from one thread at a time."""
        left = memoryview(content)
        while left:
            left = left[super().write(left) :]
        self.count += len(content)
        return len(content)
