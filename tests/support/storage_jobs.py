"""Jobs on the bench whose storage is behind a proxy that misbehaves."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from openface_runner.outcomes import Outcome
from openface_runner.records import State
from openface_runner.services import Services
from openface_runner.storage import connect
from openface_runner.storage.transport import Patience
from tests.support.bench import FACE, Bench
from tests.support.samples import RECORDINGS
from tests.support.storage_proxy import Request, StorageProxy

SHORT = Patience(first_wait=0.01, longest_wait=0.05, total=30, read_timeout=0.5)
SPENT = Patience(first_wait=0.01, longest_wait=0.05, total=0.1, read_timeout=0.5)
GOOD_CSV = (RECORDINGS / "image-face" / "outputs" / "out" / "face.csv").read_bytes()


def through(services: Services, connection_string: str, patience: Patience) -> Services:
    """The same app on another connection and with other patience, as if it had just started."""
    account = connect({"MediaStorage": connection_string}, patience=patience)
    settings = services.settings
    return replace(
        services,
        account=account,
        results=account.results(settings.output_container),
        records=account.records(settings.jobs_container),
        index=account.container_index(settings.jobs_container),
        _prepared=threading.Event(),
    )


class Jobs:
    """Medium after medium on the bench, each analysed by an app that has just started, through the proxy."""

    def __init__(self, bench: Bench, proxy: StorageProxy) -> None:
        self.bench = bench
        self.proxy = proxy
        self.name = "face.jpg"
        self.connection_string = proxy.connection_string
        self._direct = bench.services

    def run(self, patience: Patience = SHORT) -> None:
        """Upload a medium with a new name, and deliver its event."""
        self.name = f"{uuid.uuid4().hex}.jpg"
        self.bench.blob(self.bench.container, self.name).upload_blob(FACE)
        self.deliver(patience)

    def deliver(self, patience: Patience = SHORT) -> None:
        """Deliver the newest medium's event."""
        self.proxy.forget()
        self.bench.services = through(self._direct, self.connection_string, patience)
        try:
            self.bench.run(self.name)
        finally:
            self.bench.services = self._direct

    def check_end(self, *, attempts: int | None = 1) -> None:
        """It ended well, with one result."""
        record = self.bench.record(self.name)
        assert (record.state, record.outcome) == (State.ENDED, Outcome.ANALYSED)
        assert attempts in (None, record.attempts)
        assert self.results() == {f"{self.bench.container}/{self.name}.csv": GOOD_CSV}

    def results(self) -> dict[str, bytes]:
        """What is in the output container for the newest medium."""
        with BlobServiceClient.from_connection_string(self.bench.settings()["MediaStorage"]) as service:
            output = service.get_container_client(self.bench.services.settings.output_container)
            names = [name for name in output.list_blob_names() if self.name in name]
            return {name: output.download_blob(name).readall() for name in names}

    def end_claim(self) -> None:
        """Have the claim that could not be released run out now, instead of after its lease's time."""
        services = self.bench.services
        record = self.bench.blob(services.settings.jobs_container, f"{self.bench.container}/{self.name}.json")
        if record.exists() and record.get_blob_properties().lease.state == "leased":
            BlobLeaseClient(record).break_lease(0)

    def shown(self) -> list[str]:
        """The requests since the last delivery began, without what differs from medium to medium."""
        return [str(request).replace(self.name, "NAME") for request in self.proxy.requests]


def lasting(method: str) -> Callable[[Request], bool]:
    """From the first request on that has this method and is about a medium or a result."""
    begun = threading.Event()

    def matches(request: Request) -> bool:
        medium_or_result = request.blob.endswith((".jpg", ".csv"))
        if request.method == method and medium_or_result:
            begun.set()
        return begun.is_set()

    return matches
