"""An index of the media containers, newest first, beside the records: listings sort by name only.

``index/<seconds until the end of time>-<container>`` in the jobs container, empty. The time is that of the container's
own last change, so whoever meets the container writes the same entry. One whose metadata were changed in between has
two; readers show the first of a page.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from openface_runner.storage.errors import storage_errors
from openface_runner.storage.listing import page_of

_PREFIX = "index/"
_END_OF_TIME = 9_999_999_999
"""Seconds since 1970: later times come earlier in a listing."""
_DIGITS = 10
_REMEMBERED = 100_000
"""Containers whose entry this process knows to be there: some ten MB."""
_BAD_REQUEST = 400


@dataclass(frozen=True, kw_only=True)
class IndexPage:
    """A page of the index."""

    containers: tuple[tuple[str, datetime], ...]
    """Each with the time of its last change, UTC, newest first."""
    following: str | None
    """What asks for the next page; None at the end."""


class UnknownPage(ValueError):
    """There is no such page; the service doesn't know what was to ask for it."""


class ContainerIndex:
    """The index, in the jobs container."""

    def __init__(self, service: BlobServiceClient, jobs_container: str) -> None:
        self._client = service.get_container_client(jobs_container)
        self._known: set[str] = set()
        self._adding = threading.Lock()

    def add(self, container: str, modified: datetime) -> None:
        """Have a container in it; asks storage only when this process meets it for the first time."""
        if container in self._known:
            return
        entry = f"{_PREFIX}{_END_OF_TIME - int(modified.timestamp()):0{_DIGITS}d}-{container}"
        with storage_errors(f"put {container} into the index of containers"), contextlib.suppress(ResourceExistsError):
            self._client.upload_blob(entry, b"", overwrite=False)
        with self._adding:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known.add(container)

    def page(self, at_once: int, following: str | None = None) -> IndexPage:
        """A page of it, with one request.

        Arguments:
            at_once: how many containers, at most 5,000.
            following: the one before's; the first without.

        Raises:
            UnknownPage: ``following`` isn't one that a page gave.
        """
        with storage_errors("list the index of containers"):
            listed = self._client.list_blob_names(name_starts_with=_PREFIX, results_per_page=at_once)
            try:
                names, after = page_of(listed, following)
            except ResourceNotFoundError:
                return IndexPage(containers=(), following=None)
            except HttpResponseError as error:
                if error.status_code == _BAD_REQUEST and following:
                    raise UnknownPage(following) from None
                raise
        found: dict[str, datetime] = {}
        for name in names:
            moment, _, container = name.removeprefix(_PREFIX).partition("-")
            if moment.isdigit() and len(moment) == _DIGITS:
                found.setdefault(container, datetime.fromtimestamp(_END_OF_TIME - int(moment), UTC))
        return IndexPage(containers=tuple(found.items()), following=after)
