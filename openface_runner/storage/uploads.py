"""Put media into a container of their own, as those who use the app do."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings

from openface_runner.outcomes import StorageUnavailable
from openface_runner.storage.connection import service_client
from openface_runner.storage.errors import storage_errors
from openface_runner.storage.transport import Patience

_AT_ONCE = 4
"""Blocks of one file."""


class Uploads:
    """A container for media, named by a UUID."""

    def __init__(self, service: BlobServiceClient, container: str | None = None) -> None:
        self.container = container or str(uuid.uuid4())
        self._client = service.get_container_client(self.container)

    def make(self) -> None:
        """Make the container, unless it is there.

        Raises:
            StorageUnavailable: storage doesn't answer, or refuses.
        """
        with storage_errors(f"make the container {self.container}"):
            try:
                self._client.create_container()
            except ResourceExistsError:
                return

    def put(
        self, file: Path, name: str, metadata: Mapping[str, str], on_sent: Callable[[int], None] = lambda _: None
    ) -> None:
        """Upload a file, over one of the same name.

        Arguments:
            file: streamed, never whole in memory.
            name: the medium's.
            metadata: what is asked for, such as ``capture``.
            on_sent: called with the bytes that have arrived so far, from other threads too.

        Raises:
            OSError: the file can't be read.
            StorageUnavailable: storage doesn't answer, or refuses.
        """
        kind, _ = mimetypes.guess_type(name)
        with file.open("rb") as content, storage_errors(f"upload {self.container}/{name}"):
            try:
                self._client.upload_blob(
                    name,
                    content,
                    length=file.stat().st_size,
                    overwrite=True,
                    metadata=dict(metadata),
                    content_settings=ContentSettings(content_type=kind or "application/octet-stream"),
                    max_concurrency=_AT_ONCE,
                    progress_hook=lambda sent, _: on_sent(sent),
                )
            except ResourceNotFoundError:
                raise StorageUnavailable(f"The container {self.container} is gone.") from None


def connect_uploads(container: str | None = None, environment: Mapping[str, str] | None = None) -> Uploads:
    """A container in the account of the ``MediaStorage`` connection; asks it nothing yet.

    Arguments:
        container: its name, a UUID; a new one without.
        environment: the app's settings; by default the process's environment.

    Raises:
        ConnectionMissing: there is no such connection, or it can't be used.
    """
    options = Patience().client_options()
    return Uploads(service_client(BlobServiceClient, "blob", environment, **options), container)
