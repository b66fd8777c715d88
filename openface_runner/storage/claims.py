"""Job records in blob storage, and the claim on a job: a lease on its record, renewed while the job runs."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient, ContentSettings
from pydantic import ValidationError

from openface_runner.cancellation import Cancellation
from openface_runner.outcomes import ClaimLost, StorageUnavailable
from openface_runner.records import Record
from openface_runner.storage.errors import error_code, storage_errors
from openface_runner.storage.lease import IMPATIENT, KeptLease
from openface_runner.storage.names import result_name
from openface_runner.storage.results import create_container
from openface_runner.storage.source import Source, Version, VersionGone
from openface_runner.storage.summaries import summary

_log = logging.getLogger(__name__)

LEASE_SECONDS = 30
"""How long a claim outlives its holder; the service takes 15 to 60."""
_BETWEEN_TRIES = 1.0
"""Seconds between two looks at another's claim: the service has no event for the end of a lease."""
_CONFLICT = 409
_LOST = ("LeaseLost", "LeaseIdMismatchWithBlobOperation", "LeaseNotPresentWithBlobOperation")
_JSON = ContentSettings(content_type="application/json")


@dataclass(frozen=True, kw_only=True)
class _Lease:
    """A lease on a record's blob, just acquired."""

    blob: BlobClient
    lease: BlobLeaseClient
    seconds: int
    fresh: bool


class Claim:
    """The right to work on one medium, and the only way to write its record.

    Arguments:
        fresh: whether the record was made for this claim, and nobody had one before.
        record: as it was when the claim began; None when it can't be understood.
        job: called off when the claim is lost.
    """

    def __init__(self, source: Source, lease: _Lease, record: Record | None, job: Cancellation) -> None:
        self.fresh = lease.fresh
        self.record = record
        self._source = source
        self._blob = lease.blob
        self._job = job
        self._watched: tuple[str, Cancellation] | None = None
        self._noted: Record | None = None
        self._writing = threading.Lock()
        self._kept = KeptLease(
            str(source),
            lease.lease,
            seconds=lease.seconds,
            on_renewed=self._renewed,
            on_lost=lambda: job.cancel(self._loss()),
        )

    def write(self, record: Record) -> Record:
        """Write the record, and return it.

        Raises:
            ClaimLost: somebody else may have the job by now.
        """
        if self._kept.is_lost:
            raise self._loss()
        with self._writing:
            self._noted = None
            self._upload(record)
        return record

    def note(self, record: Record) -> None:
        """Have the record written soon, with the next renewal, unless a later one is written before."""
        self._noted = record

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

    def _renewed(self) -> None:
        # What fails here is tried again with the next renewal, and before anything is published.
        with contextlib.suppress(StorageUnavailable, ClaimLost):
            self._look_at_source()
            with self._writing:
                noted, self._noted = self._noted, None
                if noted is not None:
                    self._upload(noted, **IMPATIENT)

    def _look_at_source(self) -> None:
        watched = self._watched
        if watched is None:
            return
        etag, work = watched
        version = self._source.look(**IMPATIENT)
        if version is None or version.etag != etag:
            work.cancel(VersionGone("it changed while it was analysed"))

    def _upload(self, record: Record, **options: Any) -> None:
        with storage_errors(f"write the record of {self._source}"):
            try:
                _upload(self._blob, record, lease=self._kept.lease, **options)
            except HttpResponseError as error:
                if error_code(error) in _LOST:
                    raise self._loss() from None
                raise

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
        return _read(self._blob(source), source)

    @contextlib.contextmanager
    def claim(
        self, source: Source, first: Record, job: Cancellation, *, on_wait: Callable[[], None]
    ) -> Iterator[Claim | None]:
        """Claim a medium's job for the time of the context.

        Waits at most one lease period for another holder. If the claim is still being renewed then, the holder lives,
        and its own message covers the job: None. If it ran out, its holder died, and this call takes over.

        Arguments:
            first: what to write when there is no record yet.
            job: ends the wait; called off when the claim is lost.
            on_wait: called when there is a record already, so that this may take a while.
        """
        blob = self._blob(source)
        with storage_errors(f"claim {source}"):
            lease = self._claim_new(blob, first)
            if lease is None:
                on_wait()
                lease = self._acquire(blob, job)
        if lease is None:
            yield None
            return
        claim = Claim(source, lease, first if lease.fresh else _read(blob, source), job)
        try:
            yield claim
        finally:
            claim.give_up()

    def _claim_new(self, blob: BlobClient, first: Record) -> _Lease | None:
        """Make the record and lease it; None when there is one, or when somebody was quicker with the lease."""
        try:
            etag = _upload(blob, first, overwrite=False)
            lease = blob.acquire_lease(
                lease_duration=self._lease_seconds, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except (ResourceExistsError, ResourceModifiedError):
            return None
        return _Lease(blob=blob, lease=lease, seconds=self._lease_seconds, fresh=True)

    def _acquire(self, blob: BlobClient, job: Cancellation) -> _Lease | None:
        deadline = time.monotonic() + self._lease_seconds + _BETWEEN_TRIES
        while True:
            try:
                lease = blob.acquire_lease(lease_duration=self._lease_seconds)
                return _Lease(blob=blob, lease=lease, seconds=self._lease_seconds, fresh=False)
            except HttpResponseError as error:
                if error.status_code != _CONFLICT:
                    raise
            if time.monotonic() >= deadline:
                return None
            job.wait(_BETWEEN_TRIES)

    def _blob(self, source: Source) -> BlobClient:
        return self._service.get_blob_client(self.container, result_name(source, ".json"))


def _read(blob: BlobClient, source: Source) -> Record | None:
    with storage_errors(f"read the record of {source}"):
        try:
            return Record.model_validate_json(blob.download_blob().readall())
        except ResourceNotFoundError:
            return None
        except ValidationError:
            _log.warning("The record of %s can't be understood: it is taken for none, and written anew.", source)
            return None


def _upload(
    blob: BlobClient,
    record: Record,
    *,
    lease: BlobLeaseClient | None = None,
    overwrite: bool = True,
    **options: Any,
) -> str:
    """Write a record; its blob's ETag."""
    answer = blob.upload_blob(
        record.to_json().encode(),
        overwrite=overwrite,
        metadata=summary(record),
        content_settings=_JSON,
        lease=lease,
        **options,
    )
    return str(answer["etag"])
