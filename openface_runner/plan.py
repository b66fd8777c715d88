"""What is to be done with one version of a medium, as its metadata and its container's say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openface_runner.media.request import Request, read_request
from openface_runner.outcomes import Rejected
from openface_runner.records import Record, State, Step
from openface_runner.services import Services
from openface_runner.storage import Source, Version


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done with one version of a medium."""

    version: Version
    container_modified: datetime
    """When the medium's container was made, or given other metadata."""
    request: Request
    rejected: Rejected | None
    """Why nothing can be done: the request makes no sense."""
    fingerprint: str

    @classmethod
    def of(cls, services: Services, source: Source, version: Version) -> Plan:
        """Read what is asked for.

        Raises:
            VersionGone: the medium's container was deleted.
        """
        default = services.settings.default_capture
        rejected = None
        container = source.look_at_container()
        try:
            request = read_request(version.metadata, container.metadata, default_capture=default)
        except Rejected as reason:
            request, rejected = Request(capture=default), reason
        fingerprint = services.analyser.fingerprint(request)
        return cls(
            version=version,
            container_modified=container.last_modified,
            request=request,
            rejected=rejected,
            fingerprint=fingerprint,
        )

    def record(self, source: Source, attempts: int) -> Record:
        """The record with which a try begins.

        Arguments:
            attempts: which try it is, from 1; 0 while nobody has claimed it.
        """
        version = self.version
        record = Record(
            container=source.container,
            blob=source.name,
            state=State.RUNNING,
            attempts=attempts,
            request={"capture": self.request.capture, "au_model": self.request.au_model},
            settings=self.fingerprint,
            source={
                "etag": version.etag,
                "bytes": version.size,
                "content_type": version.content_type,
                "last_modified": version.last_modified.isoformat(),
            },
        )
        return record.reached(Step.CLAIMED)
