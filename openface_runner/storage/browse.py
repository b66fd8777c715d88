"""Look at jobs in storage, for the page and the commands: a bounded number of requests, whatever there is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient

from openface_runner.media.address import decline_reason
from openface_runner.records import Record
from openface_runner.status import Job, Status, Tally, status_of
from openface_runner.storage.claims import Records
from openface_runner.storage.connection import service_client
from openface_runner.storage.container_index import ContainerIndex
from openface_runner.storage.errors import storage_errors
from openface_runner.storage.listing import Listed, page_of_blobs
from openface_runner.storage.names import medium_of, result_name
from openface_runner.storage.poison import A_PERSONS_PATIENCE, PoisonQueue, connect_poison_queue
from openface_runner.storage.source import Source, Version
from openface_runner.storage.summaries import job_of

A_PAGE = 5000
"""Blobs in one answer of the service, at most."""
_AT_ONCE = 8
"""Requests."""
_RECORD, _CSV = ".json", ".csv"


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container of media, with where its jobs stand."""

    name: str
    modified: datetime
    """When it was made, or given other metadata, UTC."""
    tally: Tally


@dataclass(frozen=True, kw_only=True)
class Containers:
    """A page of containers, newest first."""

    containers: tuple[Container, ...]
    following: str | None
    """What asks for the next page; None at the end."""


@dataclass(frozen=True, kw_only=True)
class Media:
    """The jobs of one container, by name."""

    jobs: tuple[Job, ...]
    more: bool
    """Whether there are more than are listed."""
    gone: bool
    """Whether the container isn't there (any more)."""

    @property
    def tally(self) -> Tally:
        """How many stand where."""
        return Tally.of(self.jobs, more=self.more)


@dataclass(frozen=True, kw_only=True)
class Csv:
    """A published result."""

    etag: str
    bytes: int
    published: datetime


@dataclass(frozen=True, kw_only=True)
class Medium:
    """All that storage knows of one medium."""

    status: Status
    version: Version | None
    """As it is now; None when it is gone."""
    record: Record | None
    csv: Csv | None

    @property
    def is_outdated(self) -> bool:
        """Whether the record is about an older version than the one that is there now."""
        return bool(self.record and self.version and self.record.source.get("etag") != self.version.etag)


def connect_browser(
    *, jobs_container: str, output_container: str, environment: Mapping[str, str] | None = None
) -> Browser:
    """A look at the jobs in the account of the ``MediaStorage`` connection; asks it nothing yet.

    Arguments:
        jobs_container, output_container: where the records and the results are.
        environment: the app's settings; by default the process's environment.

    Raises:
        ConnectionMissing: there is no such connection, or it can't be used.
    """
    service = service_client(BlobServiceClient, "blob", environment, **A_PERSONS_PATIENCE.client_options())
    return Browser(
        service,
        jobs_container=jobs_container,
        output_container=output_container,
        poison=connect_poison_queue(environment),
    )


class Browser:
    """Looks at jobs; changes nothing."""

    def __init__(
        self, service: BlobServiceClient, *, jobs_container: str, output_container: str, poison: PoisonQueue
    ) -> None:
        self._service = service
        self._records = Records(service, jobs_container)
        self._index = ContainerIndex(service, jobs_container)
        self._output = service.get_container_client(output_container)
        self._jobs = service.get_container_client(jobs_container)
        self._poison = poison

    def containers(self, at_once: int, following: str | None = None) -> Containers:
        """A page of containers: two requests, and two more for each container.

        Arguments:
            at_once: how many.
            following: the one before's; the first without.

        Raises:
            UnknownPage: ``following`` isn't one that a page gave.
            StorageUnavailable: storage doesn't answer, or refuses.
        """
        page = self._index.page(at_once, following)
        poisoned = self._poisoned()
        names = [name for name, _ in page.containers]
        media = _all_at_once(lambda name: self._media(name, poisoned), names)
        return Containers(
            containers=tuple(
                Container(name=name, modified=modified, tally=found.tally)
                for (name, modified), found in zip(page.containers, media, strict=True)
            ),
            following=page.following,
        )

    def media(self, container: str, *, most: int | None = A_PAGE) -> Media:
        """The jobs of a container: three requests, and two more for each further 5,000 of them.

        Arguments:
            container: its name.
            most: how many to list, at most; the first by name. All of them with None.

        Raises:
            StorageUnavailable: storage doesn't answer, or refuses.
        """
        return self._media(container, self._poisoned(), most)

    def medium(self, container: str, name: str) -> Medium | None:
        """One medium: five requests at most; None when there is neither a medium nor a record of one.

        Raises:
            StorageUnavailable: storage doesn't answer, or refuses.
        """
        if decline_reason(container, name) is not None:
            # Out of an address, such a name could lead to another container.
            return None
        source = Source(self._service, container, name)
        version = source.look()
        properties = _properties(self._jobs, result_name(source, _RECORD))
        record = self._records.read(container, name) if properties else None
        poisoned = (container, name) in self._poisoned()
        if properties is None or record is None:
            if version is None or version.is_directory:
                return None
            return Medium(status=Status.GAVE_UP if poisoned else Status.WAITING, version=version, record=None, csv=None)
        status = status_of(
            record.state,
            record.outcome,
            attempts=record.attempts,
            held=properties.lease.state == "leased",
            poisoned=poisoned,
        )
        return Medium(status=status, version=version, record=record, csv=self._csv(source))

    def record_text(self, container: str, name: str) -> bytes | None:
        """The record of a medium that was found, as it is in storage; None when there is none."""
        source = Source(self._service, container, name)
        with storage_errors(f"read the record of {source}"), contextlib.suppress(ResourceNotFoundError):
            return self._jobs.download_blob(result_name(source, _RECORD)).readall()
        return None

    def download_csv(self, container: str, name: str, path: Path) -> bool:
        """Stream the CSV of a medium that was found into a file; whether there is one."""
        source = Source(self._service, container, name)
        with storage_errors(f"download the result of {source}"), contextlib.suppress(ResourceNotFoundError):
            content = self._output.download_blob(result_name(source, _CSV))
            with path.open("wb") as file:
                content.readinto(file)
            return True
        return False

    def _media(self, container: str, poisoned: set[tuple[str, str]], most: int | None = A_PAGE) -> Media:
        uploaded, more_media = _listed(self._service.get_container_client(container), "", most)
        records, more_records = _listed(self._jobs, f"{container}/", most)
        jobs = {}
        media = {} if uploaded is None else {medium.name: medium for medium in _media_of(container, uploaded)}
        for blob in records or ():
            name = medium_of(container, blob.name, _RECORD) or self._name_in(blob)
            if name and decline_reason(container, name) is None:
                there = (container, name) in poisoned
                jobs[name] = job_of(container, name, blob, medium=media.pop(name, None), poisoned=there)
        for name, medium in media.items():
            jobs[name] = Job(
                container=container,
                name=name,
                status=Status.GAVE_UP if (container, name) in poisoned else Status.WAITING,
                bytes=medium.bytes,
                uploaded=medium.last_modified,
            )
        return Media(
            jobs=tuple(jobs[name] for name in sorted(jobs)),
            more=more_media or more_records,
            gone=uploaded is None,
        )

    def _name_in(self, blob: Listed) -> str | None:
        """The medium's name where the record's had to be cut."""
        with storage_errors(f"read the record {blob.name}"), contextlib.suppress(ResourceNotFoundError, ValueError):
            return Record.model_validate_json(self._jobs.download_blob(blob.name).readall()).blob
        return None

    def _csv(self, source: Source) -> Csv | None:
        properties = _properties(self._output, result_name(source, _CSV))
        if properties is None:
            return None
        return Csv(etag=properties.etag.strip('"'), bytes=properties.size or 0, published=properties.last_modified)

    def _poisoned(self) -> set[tuple[str, str]]:
        return {(message.job.container, message.job.blob) for message in self._poison.glance() if message.job}


def _media_of(container: str, blobs: Iterable[Listed]) -> Iterator[Listed]:
    for blob in blobs:
        is_directory = blob.metadata.get("hdi_isfolder", "").lower() == "true"
        if not is_directory and decline_reason(container, blob.name) is None:
            yield blob


def _listed(client: ContainerClient, prefix: str, most: int | None) -> tuple[list[Listed] | None, bool]:
    """What a container holds, None when it isn't there; and whether there are more."""
    blobs: list[Listed] = []
    following: str | None = None
    with storage_errors(f"list {client.container_name}"):
        while most is None or len(blobs) < most:
            try:
                page, following = page_of_blobs(client, prefix, A_PAGE, following)
            except ResourceNotFoundError:
                return None, False
            blobs += page
            if following is None:
                return blobs, False
    return blobs, True


def _properties(client: ContainerClient, name: str) -> BlobProperties | None:
    with storage_errors(f"look at {client.container_name}/{name}"), contextlib.suppress(ResourceNotFoundError):
        return client.get_blob_client(name).get_blob_properties()
    return None


def _all_at_once(call: Callable[[str], Media], names: list[str]) -> list[Media]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(call, names))
