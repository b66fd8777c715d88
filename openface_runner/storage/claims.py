"""Job records in blob storage, and the claim on a job: a lease on its record, renewed while the job runs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient, ContentSettings
from pydantic import ValidationError

from openface_runner.outcomes import ClaimLost
from openface_runner.records import Record
from openface_runner.storage.errors import error_code, storage_errors
from openface_runner.storage.results import create_container, result_name
from openface_runner.storage.source import Source

_log = logging.getLogger(__name__)

LEASE_SECONDS = 30
"""How long a claim outlives its holder; the service takes 15 to 60."""
_BETWEEN_TRIES = 1.0
"""Seconds between two looks at another's claim: the service has no event for the end of a lease."""
_CONFLICT = 409
_LOST = ("LeaseLost", "LeaseIdMismatchWithBlobOperation", "LeaseNotPresentWithBlobOperation")
_JSON = ContentSettings(content_type="application/json")


class Claim:
    """The right to work on one medium, and the only way to write its record."""

    def __init__(self, source: Source, blob: BlobClient, lease: BlobLeaseClient, lease_seconds: int) -> None:
        self._source = source
        self._blob = blob
        self._lease = lease
        self._renew_every = lease_seconds / 3
        self._stop = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew, name=f"claim on {source}", daemon=True)
        self._thread.start()

    def read(self) -> Record | None:
        """The record as it is; None when it can't be understood, as one of a later version might not be."""
        with storage_errors(f"read the record of {self._source}"):
            content = self._blob.download_blob().readall()
        try:
            return Record.model_validate_json(content)
        except ValidationError:
            _log.warning("The record of %s can't be understood and is written anew.", self._source)
            return None

    def write(self, record: Record) -> Record:
        """Write the record, and return it.

        Raises:
            ClaimLost: somebody else may have the job by now.
        """
        self.check()
        with storage_errors(f"write the record of {self._source}"):
            try:
                _upload(self._blob, record, lease=self._lease)
            except HttpResponseError as error:
                if error_code(error) in _LOST:
                    raise self._loss() from None
                raise
        return record

    def check(self) -> None:
        """Make sure that the claim still holds, as far as is known here.

        Raises:
            ClaimLost: it could not be renewed.
        """
        if self._lost:
            raise self._loss()

    def release(self) -> None:
        """Give the claim up, so that nobody needs to wait for its end."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(AzureError):  # it ends by itself, only later
            self._lease.release()

    def _renew(self) -> None:
        while not self._stop.wait(self._renew_every):
            try:
                self._lease.renew()
            except HttpResponseError as error:
                _log.warning("The claim on %s was lost: %s", self._source, error_code(error))
                self._lost = True
                return
            except AzureError as error:
                # No answer: the next renewal may still come in time.
                _log.warning("The claim on %s could not be renewed: %s", self._source, type(error).__name__)

    def _loss(self) -> ClaimLost:
        return ClaimLost(f"The claim on {self._source} was lost while it was analysed; another delivery takes over.")


class Records:
    """The jobs container: a record for each medium."""

    def __init__(self, service: BlobServiceClient, container: str, *, lease_seconds: int = LEASE_SECONDS) -> None:
        self.container = container
        self._service = service
        self._lease_seconds = lease_seconds

    def prepare(self) -> None:
        """Create the container where it doesn't exist yet."""
        create_container(self._service, self.container)

    def read(self, container: str, name: str) -> Record | None:
        """The record of a medium; None when there is none."""
        source = Source(self._service, container, name)
        with storage_errors(f"read the record of {source}"):
            try:
                return Record.model_validate_json(self._blob(source).download_blob().readall())
            except ResourceNotFoundError:
                return None

    @contextlib.contextmanager
    def claim(self, source: Source, first: Record) -> Iterator[Claim | None]:
        """Claim a medium's job for the time of the context.

        Waits at most one lease period for another holder. If the claim is still being renewed then, the holder lives,
        and its own message covers the job: None. If it ran out, its holder died, and this call takes over.

        Arguments:
            first: what to write when there is no record yet.
        """
        blob = self._blob(source)
        with storage_errors(f"claim {source}"):
            with contextlib.suppress(ResourceExistsError):
                _upload(blob, first, overwrite=False)
            lease = self._acquire(blob)
        if lease is None:
            yield None
            return
        claim = Claim(source, blob, lease, self._lease_seconds)
        try:
            yield claim
        finally:
            claim.release()

    def _acquire(self, blob: BlobClient) -> BlobLeaseClient | None:
        deadline = time.monotonic() + self._lease_seconds + _BETWEEN_TRIES
        while True:
            try:
                return blob.acquire_lease(lease_duration=self._lease_seconds)
            except HttpResponseError as error:
                if error.status_code != _CONFLICT:
                    raise
            if time.monotonic() >= deadline:
                return None
            time.sleep(_BETWEEN_TRIES)

    def _blob(self, source: Source) -> BlobClient:
        return self._service.get_blob_client(self.container, result_name(source, ".json"))


def _upload(blob: BlobClient, record: Record, *, lease: BlobLeaseClient | None = None, overwrite: bool = True) -> None:
    metadata = {
        "state": record.state,
        "outcome": record.outcome or "",
        "source_etag": str(record.source.get("etag", "")),
        "settings": record.settings,
        "source_blob": quote(record.blob, safe=" ./:-_()"),
    }
    blob.upload_blob(
        record.to_json().encode(),
        overwrite=overwrite,
        metadata={key: str(value) for key, value in metadata.items()},
        content_settings=_JSON,
        lease=lease,
    )
