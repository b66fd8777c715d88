"""The product on real storage, with programs in OpenFace's place that do just what a test needs."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient

from devstack.azurite import Storage
from openface_runner import services as services_module
from openface_runner.jobs import analyse_blob
from openface_runner.records import Record
from openface_runner.services import Services
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install
from tests.support.samples import sample

FACE = sample("face.jpg").read_bytes()
_BEHAVIOUR = "behaviour.sh"


class Bench:
    """The product on real storage with a fake OpenFace, and one uploaded medium, ``face.jpg``."""

    def __init__(self, service: BlobServiceClient, settings: Mapping[str, str], folder: Path) -> None:
        self.folder = folder
        self.bin_dir = folder / "bin"
        self.container = str(uuid.uuid4())
        self._service = service
        self._settings = dict(settings)
        self.services = self.start()
        service.create_container(self.container)
        self.medium = service.get_blob_client(self.container, "face.jpg")
        self.medium.upload_blob(FACE)

    @classmethod
    @contextmanager
    def running(cls, storage: Storage, folder: Path) -> Iterator[Bench]:
        """A bench in a fresh folder, with containers of its own; no working folder may be left when it ends."""
        bin_dir = install(folder / "bin", image=f'. "{folder}/bin/{_BEHAVIOUR}"', video=GOOD_VIDEO)
        (bin_dir / _BEHAVIOUR).write_text(GOOD_IMAGE)
        work = folder / "work"
        work.mkdir()
        settings = {
            "MediaStorage": storage.connection_string,
            "OPENFACE_BIN_DIR": str(bin_dir),
            "OUTPUT_CONTAINER": f"out-{uuid.uuid4().hex[:8]}",
            "JOBS_CONTAINER": f"jobs-{uuid.uuid4().hex[:8]}",
            "WORK_DIR": str(work),
        }
        with BlobServiceClient.from_connection_string(storage.connection_string) as service:
            yield cls(service, settings, folder)
        assert list(work.iterdir()) == [], "a job left its working folder behind"

    def settings(self, **changes: str) -> dict[str, str]:
        """The app's settings, some of them changed."""
        return {**self._settings, **changes}

    def start(self, **changes: str) -> Services:
        """What an app with these settings is made of; another instance of the app, when there is one already."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.settings(**changes).items():
                environment.setenv(name, value)
            return services_module.start()

    def program(self, body: str) -> None:
        """Let FaceLandmarkImg do something else from now on, without passing for another OpenFace."""
        # In one step: a run that starts meanwhile reads the one or the other.
        new = self.bin_dir / f"{_BEHAVIOUR}.new"
        new.write_text(body)
        new.replace(self.bin_dir / _BEHAVIOUR)

    def run(self, name: str = "face.jpg") -> None:
        """Deliver an event."""
        analyse_blob(self.services, self.container, name)

    def record(self, name: str = "face.jpg") -> Record:
        record = self.services.records.read(self.container, name)
        assert record is not None
        return record

    def blob(self, container: str, name: str) -> BlobClient:
        return self._service.get_blob_client(container, name)

    @property
    def record_blob(self) -> BlobClient:
        return self.blob(self.services.settings.jobs_container, f"{self.container}/face.jpg.json")

    @property
    def result(self) -> BlobClient:
        return self.blob(self.services.settings.output_container, f"{self.container}/face.jpg.csv")

    def csv(self) -> bytes | None:
        """What is published for the medium; None when nothing is."""
        try:
            return self.result.download_blob().readall()
        except ResourceNotFoundError:
            return None

    def result_source(self) -> str:
        """The ETag of the version that the published result was made of."""
        return str(self.result.get_blob_properties().metadata["source_etag"])

    def etag(self) -> str:
        return str(self.medium.get_blob_properties().etag.strip('"'))


@contextmanager
def meanwhile(bench: Bench, act: Callable[[], object], body: str = GOOD_IMAGE) -> Iterator[None]:
    """Act once while OpenFace runs: it waits for the end of the act before it does its work."""
    started, go_on = bench.bin_dir / "started", bench.bin_dir / "go-on"
    os.mkfifo(started)
    os.mkfifo(go_on)

    def wait_and_act() -> None:
        started.read_text()
        try:
            act()
        finally:
            started.unlink()
            go_on.write_text("")

    wait = f'if [ -e "{started}" ]; then : > "{started}"; cat "{go_on}"; fi\n'
    bench.program(wait + body)
    actor = threading.Thread(target=wait_and_act)
    actor.start()
    yield
    actor.join()
