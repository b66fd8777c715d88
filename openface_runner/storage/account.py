"""The storage account, and what is in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from azure.storage.blob import BlobServiceClient

from openface_runner.storage.claims import LEASE_SECONDS, Records
from openface_runner.storage.connection import service_client
from openface_runner.storage.container_index import ContainerIndex
from openface_runner.storage.results import Results
from openface_runner.storage.source import Source
from openface_runner.storage.transport import Patience


class Account:
    """A storage account; one for the life of the process, so that its connections are reused."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def source(self, container: str, name: str) -> Source:
        """One medium."""
        return Source(self._service, container, name)

    def results(self, container: str) -> Results:
        """The results, in this container."""
        return Results(self._service, container)

    def records(self, container: str, *, lease_seconds: int = LEASE_SECONDS) -> Records:
        """The job records, in this container."""
        return Records(self._service, container, lease_seconds=lease_seconds)

    def container_index(self, jobs_container: str) -> ContainerIndex:
        """The index of media containers, beside the job records in this container."""
        return ContainerIndex(self._service, jobs_container)


def connect(environment: Mapping[str, str] | None = None, *, patience: Patience | None = None) -> Account:
    """The account of the ``MediaStorage`` connection; asks it nothing yet.

    Arguments:
        environment: the app's settings; by default the process's environment.
        patience: how long to bear with storage; by default as long as a job should.

    Raises:
        ConnectionMissing: there is no such connection, or it can't be used.
    """
    # At its usual level the SDK logs every request, which buries the jobs' own lines.
    logging.getLogger("azure").setLevel(logging.WARNING)
    options = (patience or Patience()).client_options()
    return Account(service_client(BlobServiceClient, "blob", environment, **options))
