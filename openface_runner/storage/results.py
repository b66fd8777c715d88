"""The output container: what is published there, and under which name."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from openface_runner.outcomes import PublishConflict
from openface_runner.storage.errors import storage_errors
from openface_runner.storage.names import encoded, result_name
from openface_runner.storage.source import Source


@dataclass(frozen=True, kw_only=True)
class Published:
    """A result that is in the output container."""

    etag: str
    source_etag: str
    settings: str


class Results:
    """The output container, which holds results and nothing else: an arrival there starts the next stage."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self.container = container
        self._service = service

    def prepare(self) -> None:
        """Create the container where it doesn't exist yet."""
        create_container(self._service, self.container)

    def name_for(self, source: Source) -> str:
        """Where a medium's CSV goes."""
        return result_name(source, ".csv")

    def published(self, source: Source) -> Published | None:
        """The result that is there now, if any."""
        blob = self._blob(source)
        with storage_errors(f"look for the result of {source}"):
            try:
                properties = blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        metadata = properties.metadata or {}
        return Published(
            etag=properties.etag,
            source_etag=metadata.get("source_etag", ""),
            settings=metadata.get("settings", ""),
        )

    def publish(self, source: Source, csv: Path, metadata: Mapping[str, str], *, over: Published | None) -> None:
        """Put a checked CSV up in one operation with its metadata: the commit of the job.

        Arguments:
            metadata: names to values; values are percent-encoded, since they travel as Latin-1 headers.
            over: the result that it takes the place of, as seen at the claim; None when there was none.

        Raises:
            PublishConflict: what is there isn't what was seen. (The claim doesn't protect this blob, so the
                condition does.)
        """
        with storage_errors(f"publish the result of {source}"), csv.open("rb") as file:
            try:
                self._blob(source).upload_blob(
                    file,
                    length=csv.stat().st_size,
                    metadata=encoded(metadata),
                    content_settings=ContentSettings(content_type="text/csv"),
                    **_only_over(over),
                )
            except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
                raise PublishConflict(f"The result of {source} was written by somebody else.") from None

    def withdraw(self, source: Source, published: Published) -> None:
        """Remove a result that a newer version of its medium has made wrong; leave it when it changed since."""
        with storage_errors(f"remove the outdated result of {source}"):
            try:
                self._blob(source).delete_blob(etag=published.etag, match_condition=MatchConditions.IfNotModified)
            except (ResourceModifiedError, ResourceNotFoundError):
                raise PublishConflict(f"The result of {source} was written by somebody else.") from None

    def _blob(self, source: Source) -> BlobClient:
        return self._service.get_blob_client(self.container, self.name_for(source))


def create_container(service: BlobServiceClient, container: str) -> None:
    """Create a container where it doesn't exist yet."""
    with storage_errors(f"create the container {container}"), contextlib.suppress(ResourceExistsError):
        service.create_container(container)


def _only_over(published: Published | None) -> dict[str, Any]:
    if published is None:
        return {"overwrite": False}
    return {"overwrite": True, "etag": published.etag, "match_condition": MatchConditions.IfNotModified}
