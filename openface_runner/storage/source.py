"""A medium in blob storage: look at it, stream it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

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


class Source:
    """One medium in blob storage."""

    def __init__(self, service: BlobServiceClient, container: str, name: str) -> None:
        self.container = container
        self.name = name
        self._service = service
        self._blob = service.get_blob_client(container, name)

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"

    def look(self) -> Version | None:
        """The medium as it is now; None when it is gone."""
        with storage_errors(f"look at {self}"):
            try:
                properties = self._blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        return Version(
            etag=properties.etag.strip('"'),
            size=properties.size,
            content_type=properties.content_settings.content_type,
            last_modified=properties.last_modified,
            metadata=dict(properties.metadata or {}),
        )

    def container_metadata(self) -> Mapping[str, str]:
        """The metadata of the medium's container.

        Raises:
            VersionGone: the container was deleted.
        """
        with storage_errors(f"look at the container {self.container}"):
            try:
                properties = self._service.get_container_client(self.container).get_container_properties()
            except ResourceNotFoundError as error:
                raise VersionGone(f"the container {self.container} was deleted") from error
        return dict(properties.metadata or {})

    def download(self, version: Version, path: Path) -> None:
        """Stream the medium to a file, in parallel ranges; never whole in memory.

        Raises:
            VersionGone: it isn't this version any more.
        """
        with storage_errors(f"download {self}"):
            try:
                stream = self._blob.download_blob(
                    etag=f'"{version.etag}"',
                    match_condition=MatchConditions.IfNotModified,
                    max_concurrency=_PARALLEL_DOWNLOADS,
                )
                with path.open("wb") as file:
                    stream.readinto(file)
            except (ResourceNotFoundError, ResourceModifiedError) as error:
                raise VersionGone(f"{self} changed while it was downloaded") from error
