"""The product on real storage, with programs in OpenFace's place that do just what a test needs."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient

from devstack.azurite import Storage
from openface_runner import services as services_module
from openface_runner.jobs import analyse_blob
from openface_runner.openface.installation import Program
from openface_runner.records import Record
from openface_runner.services import Services
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install
from tests.support.samples import sample

FACE = sample("face.jpg").read_bytes()
CLIP = sample("face.mp4").read_bytes()


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
        """A bench in a folder, with containers of its own; when it ends, nothing may be left of any job."""
        image, video = (f'. "{_behaviour(folder / "bin", program)}"' for program in Program)
        bin_dir = install(folder / "bin", image=image, video=video)
        _behaviour(bin_dir, Program.IMAGE).write_text(GOOD_IMAGE)
        _behaviour(bin_dir, Program.VIDEO).write_text(GOOD_VIDEO)
        work = folder / "work"
        work.mkdir(exist_ok=True)
        settings = {
            "MediaStorage": storage.connection_string,
            "OPENFACE_BIN_DIR": str(bin_dir),
            "OUTPUT_CONTAINER": f"out-{uuid.uuid4().hex[:8]}",
            "JOBS_CONTAINER": f"jobs-{uuid.uuid4().hex[:8]}",
            "WORK_DIR": str(work),
        }
        with BlobServiceClient.from_connection_string(storage.connection_string) as service:
            yield cls(service, settings, folder)
        assert list(work.glob("openface-*")) == [], "a job left its working folder behind"
        assert processes_of(folder) == [], "a job left a process behind"
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("claim on")] == []

    def settings(self, **changes: str) -> dict[str, str]:
        """The app's settings, some of them changed."""
        return {**self._settings, **changes}

    def start(self, **changes: str) -> Services:
        """What an app with these settings is made of; another instance of the app, when there is one already."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.settings(**changes).items():
                environment.setenv(name, value)
            return services_module.start()

    def program(self, body: str, program: Program = Program.IMAGE) -> None:
        """Let OpenFace do something else from now on, without passing for another one."""
        # In one step: a run that starts meanwhile reads the one or the other.
        path = _behaviour(self.bin_dir, program)
        new = path.with_suffix(".new")
        new.write_text(body)
        new.replace(path)

    def upload(self, name: str, content: bytes = FACE) -> BlobClient:
        """Upload a further medium."""
        blob = self.blob(self.container, name)
        blob.upload_blob(content, overwrite=True)
        return blob

    def delete_container(self) -> None:
        """Delete the media's container, with all that is in it."""
        self._service.delete_container(self.container)

    def run(self, name: str = "face.jpg", services: Services | None = None) -> None:
        """Deliver an event, to another instance of the app if one is given."""
        analyse_blob(services or self.services, self.container, name)

    def record(self, name: str = "face.jpg") -> Record:
        record = self.services.records.read(self.container, name)
        assert record is not None
        return record

    def blob(self, container: str, name: str) -> BlobClient:
        return self._service.get_blob_client(container, name)

    @property
    def record_blob(self) -> BlobClient:
        return self.record_blob_of("face.jpg")

    def record_blob_of(self, name: str) -> BlobClient:
        return self.blob(self.services.settings.jobs_container, f"{self.container}/{name}.json")

    @property
    def result(self) -> BlobClient:
        return self.result_of("face.jpg")

    def result_of(self, name: str) -> BlobClient:
        return self.blob(self.services.settings.output_container, f"{self.container}/{name}.csv")

    def csv(self, name: str = "face.jpg") -> bytes | None:
        """What is published for a medium; None when nothing is."""
        try:
            return self.result_of(name).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def published(self) -> list[str]:
        """The names of all results for the container's media, less the suffix."""
        results = self._service.get_container_client(self.services.settings.output_container)
        names = results.list_blob_names(name_starts_with=f"{self.container}/")
        return sorted(name.removeprefix(f"{self.container}/").removesuffix(".csv") for name in names)

    def result_source(self) -> str:
        """The ETag of the version that the published result was made of."""
        return str(self.result.get_blob_properties().metadata["source_etag"])

    def etag(self) -> str:
        return str(self.medium.get_blob_properties().etag.strip('"'))


def processes_of(folder: Path) -> list[str]:
    """The command lines of all running processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
            if any(word.startswith(f"{folder}/") for word in words):
                found.append(" ".join(words))
    return found


def _behaviour(bin_dir: Path, program: Program) -> Path:
    return bin_dir / f"{program}.sh"


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
