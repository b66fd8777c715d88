"""Job records in blob storage, and the claim on a job: a lease on its record, renewed while the job runs."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from urllib.parse import quote

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient, ContentSettings
from pydantic import ValidationError

from openface_runner.cancellation import Cancellation
from openface_runner.outcomes import ClaimLost, StorageUnavailable
from openface_runner.records import Record
from openface_runner.storage.errors import error_code, storage_errors
from openface_runner.storage.lease import IMPATIENT, KeptLease
from openface_runner.storage.results import create_container, result_name
from openface_runner.storage.source import Source, Version, VersionGone

_log = logging.getLogger(__name__)

LEASE_SECONDS = 30
"""How long a claim outlives its holder; the service takes 15 to 60."""
_BETWEEN_TRIES = 1.0
"""Seconds between two looks at another's claim: the service has no event for the end of a lease."""
_CONFLICT = 409
_LOST = ("LeaseLost", "LeaseIdMismatchWithBlobOperation", "LeaseNotPresentWithBlobOperation")
_JSON = ContentSettings(content_type="application/json")


class Claim:
    """The right to work on one medium, and the only way to write its record.

    Arguments:
        job: called off when the claim is lost.
    """

    def __init__(
        self, source: Source, blob: BlobClient, lease: BlobLeaseClient, *, seconds: int, job: Cancellation
    ) -> None:
        self._source = source
        self._blob = blob
        self._job = job
        self._watched: tuple[str, Cancellation] | None = None
        self._kept = KeptLease(
            str(source), lease, seconds=seconds, on_renewed=self._look_at_source, on_lost=self._call_off
        )

    def read(self) -> Record | None:
        """The record as it is; None when it can't be understood, as one of a later version might not be."""
        with storage_errors(f"read the record of {self._source}"):
            return _parsed(self._blob.download_blob().readall(), self._source)

    def write(self, record: Record) -> Record:
        """Write the record, and return it.

        Raises:
            ClaimLost: somebody else may have the job by now.
        """
        if self._kept.is_lost:
            raise self._loss()
        with storage_errors(f"write the record of {self._source}"):
            try:
                _upload(self._blob, record, lease=self._kept.lease)
            except HttpResponseError as error:
                if error_code(error) in _LOST:
                    raise self._loss() from None
                raise
        return record

    @contextlib.contextmanager
    def watching(self, version: Version, work: Cancellation) -> Iterator[None]:
        """Within the context, look at the medium on each renewal, and call the work off once it is another version."""
        self._watched = (version.etag, work)
        try:
            yield
        finally:
            self._watched = None

    def pause(self) -> None:
        """Renew the claim no more; it ends by itself within one period, unless ``resume`` is called before."""
        self._kept.pause()

    def resume(self) -> None:
        """Go on with the claim.

        Raises:
            ClaimLost: somebody else has it by now.
        """
        self._kept.resume()
        if self._kept.is_lost:
            raise self._loss()

    def give_up(self) -> None:
        """Let go of it, so that nobody needs to wait for its end."""
        self._kept.give_up()

    def _look_at_source(self) -> None:
        watched = self._watched
        if watched is None:
            return
        etag, work = watched
        # What can't be seen now is looked at again before anything is published.
        with contextlib.suppress(StorageUnavailable):
            version = self._source.look(**IMPATIENT)
            if version is None or version.etag != etag:
                work.cancel(VersionGone("it changed while it was analysed"))

    def _call_off(self) -> None:
        self._job.cancel(self._loss())

    def _loss(self) -> ClaimLost:
        return ClaimLost("The claim on its record was lost while it was analysed.")


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
        """The record of a medium; None when there is none, or none that can be understood."""
        source = Source(self._service, container, name)
        with storage_errors(f"read the record of {source}"):
            try:
                return _parsed(self._blob(source).download_blob().readall(), source)
            except ResourceNotFoundError:
                return None

    @contextlib.contextmanager
    def claim(self, source: Source, first: Record, job: Cancellation) -> Iterator[Claim | None]:
        """Claim a medium's job for the time of the context.

        Waits at most one lease period for another holder. If the claim is still being renewed then, the holder lives,
        and its own message covers the job: None. If it ran out, its holder died, and this call takes over.

        Arguments:
            first: what to write when there is no record yet.
            job: ends the wait; called off when the claim is lost.
        """
        blob = self._blob(source)
        with storage_errors(f"claim {source}"):
            with contextlib.suppress(ResourceExistsError):
                _upload(blob, first, overwrite=False)
            lease = self._acquire(blob, job)
        if lease is None:
            yield None
            return
        claim = Claim(source, blob, lease, seconds=self._lease_seconds, job=job)
        try:
            yield claim
        finally:
            claim.give_up()

    def _acquire(self, blob: BlobClient, job: Cancellation) -> BlobLeaseClient | None:
        deadline = time.monotonic() + self._lease_seconds + _BETWEEN_TRIES
        while True:
            try:
                return blob.acquire_lease(lease_duration=self._lease_seconds)
            except HttpResponseError as error:
                if error.status_code != _CONFLICT:
                    raise
            if time.monotonic() >= deadline:
                return None
            job.wait(_BETWEEN_TRIES)

    def _blob(self, source: Source) -> BlobClient:
        return self._service.get_blob_client(self.container, result_name(source, ".json"))


def _parsed(content: bytes, source: Source) -> Record | None:
    try:
        return Record.model_validate_json(content)
    except ValidationError:
        _log.warning("The record of %s can't be understood: it is taken for none, and written anew.", source)
        return None


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
