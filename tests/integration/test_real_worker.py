"""The app in the hands of Azure's own Python worker library, with only the .NET host played by the tests."""

from __future__ import annotations

import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient

from devstack.azurite import Storage
from devstack.stack import REPOSITORY
from tests.support import worker_python
from tests.support.bench import FACE
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install, only_on_samples
from tests.support.missing import skip_or_fail
from tests.support.process_ends import ends
from tests.support.samples import RECORDINGS, sample
from tests.support.worker_process import RealWorker

FUNCTION, PAGE = "analyse_media", "show_jobs"
AT_ONCE = 6
# What the names of the app's own containers begin with here.
WRITTEN = "real-worker-"


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter that has the worker library. In CI it must have it, unless no Python here is new enough."""
    found = worker_python.of_the_tests()
    if found is None:
        pytest.skip(worker_python.NONE_FOUND)
    try:
        subprocess.run([found, "-c", "import azure_functions_runtime"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        skip_or_fail(f"{found} isn't there or can't import Azure's worker library. Run `make setup-worker`.")
    return found


class Account:
    """What a user sees of the storage account."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def upload(self, name: str, container: str | None = None, content: bytes = FACE) -> BlobClient:
        """Upload a picture of a face, into a new container named by a UUID unless one is named."""
        client = self._service.create_container(container or str(uuid.uuid4()))
        return client.upload_blob(name, content)

    def written_for(self, medium: BlobClient) -> dict[str, bytes]:
        """What the app has written for a medium's container, results and records, by container and name."""
        contents = {}
        for properties in self._service.list_containers(name_starts_with=WRITTEN):
            with self._service.get_container_client(properties.name) as container:
                for name in container.list_blob_names(name_starts_with=f"{medium.container_name}/"):
                    contents[f"{properties.name}/{name}"] = container.download_blob(name).readall()
        return contents


def names_of(medium: BlobClient) -> tuple[str, str]:
    """Where the CSV and the record of a medium belong."""
    path = f"{medium.container_name}/{medium.blob_name}"
    return f"{WRITTEN}output/{path}.csv", f"{WRITTEN}jobs/{path}.json"


@pytest.fixture
def account(storage: Storage) -> Iterator[Account]:
    with closing(BlobServiceClient.from_connection_string(storage.connection_string)) as service:
        yield Account(service)


class StartWorker(Protocol):
    def __call__(self, bin_dir: Path, **settings: str) -> AbstractContextManager[RealWorker]: ...


@pytest.fixture
def start_worker(python: Path, storage: Storage, tmp_path: Path) -> StartWorker:
    """Starts a worker with the repository's app and this OpenFace."""

    def start(bin_dir: Path, **changes: str) -> AbstractContextManager[RealWorker]:
        (tmp_path / "work").mkdir()
        settings = {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "PYTHON_THREADPOOL_THREAD_COUNT": "24",
            "MediaStorage": storage.connection_string,
            "OPENFACE_BIN_DIR": str(bin_dir),
            "OPENFACE_PROCESSES": str(AT_ONCE),
            "OUTPUT_CONTAINER": f"{WRITTEN}output",
            "JOBS_CONTAINER": f"{WRITTEN}jobs",
            "WORK_DIR": str(tmp_path / "work"),
            **changes,
        }
        return RealWorker.running(python, REPOSITORY, settings=settings, state_dir=tmp_path)

    return start


def openface(folder: Path, on_media: str = GOOD_IMAGE, on_clips: str = GOOD_VIDEO) -> Path:
    """An OpenFace that works, but for what it does with media that aren't its own samples."""
    image, video = (
        only_on_samples(good, otherwise=otherwise)
        for good, otherwise in ((GOOD_IMAGE, on_media), (GOOD_VIDEO, on_clips))
    )
    return install(folder / "bin", image=image, video=video)


def test_the_worker_finds_the_functions_and_binds_one_to_every_containers_events(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    with start_worker(openface(tmp_path)) as worker:
        assert worker.indexed.succeeded, worker.indexed.message
    bindings = {function["name"]: function["bindings"] for function in worker.functions}
    assert set(bindings) == {FUNCTION, PAGE}
    (trigger,) = bindings[FUNCTION]
    # The last of them: only the blob's name travels to the worker, not its content.
    assert (trigger["type"], trigger["source"], trigger["connection"], trigger["properties"]) == (
        "blobTrigger",
        "EventGrid",
        "MediaStorage",
        {"SupportsDeferredBinding": True},
    )


def test_an_uploaded_face_becomes_a_csv(start_worker: StartWorker, account: Account, tmp_path: Path) -> None:
    medium = account.upload("folder/ü face.jpg")
    with start_worker(openface(tmp_path)) as worker:
        (answer,) = worker.invoke(FUNCTION, medium)
        assert answer.succeeded, answer.stack_trace
    (line,) = (json.loads(text) for text in worker.output.splitlines() if text.startswith('{"event":"job"'))
    assert (line["blob"], line["outcome"]) == (medium.blob_name, "analysed")
    result, record = names_of(medium)
    written = account.written_for(medium)
    assert set(written) == {result, record}
    assert written[result] == (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()


def test_the_jobs_page_is_for_people_who_signed_in(start_worker: StartWorker, account: Account, tmp_path: Path) -> None:
    medium = account.upload("face.jpg")
    address = f"https://app.example/api/jobs/{medium.container_name}"
    with start_worker(openface(tmp_path), WEBSITE_AUTH_ENABLED="True") as worker:
        route = next(
            binding["route"]
            for function in worker.functions
            for binding in function["bindings"]
            if binding["type"] == "httpTrigger"
        )
        assert route == "jobs/{*path}"
        worker.invoke(FUNCTION, medium)
        for headers, status in (({}, 403), ({"x-ms-client-principal-id": "somebody"}, 200)):
            answer = worker.get(PAGE, address, route={"path": medium.container_name}, headers=headers)
            assert answer.succeeded, answer.stack_trace
            assert answer.http["status"] == status
            assert answer.http["headers"]["content-type"] == "text/html; charset=utf-8"
            assert answer.http["headers"]["Content-Security-Policy"].startswith("default-src 'none'")
            assert (medium.blob_name in answer.http["text"]) == (status == 200)


def test_a_job_that_fails_tells_the_host_why(start_worker: StartWorker, account: Account, tmp_path: Path) -> None:
    medium = account.upload("face.jpg")
    with start_worker(openface(tmp_path, on_media="kill -KILL $$")) as worker:
        (answer,) = worker.invoke(FUNCTION, medium)
        assert not answer.succeeded
        assert answer.message.startswith(
            f"KilledFromOutside: {medium.container_name}/face.jpg: OpenFace was killed from outside with SIGKILL"
        )
        assert FUNCTION in answer.stack_trace
    _, record = names_of(medium)
    assert set(account.written_for(medium)) == {record}


def test_several_invocations_run_at_once(start_worker: StartWorker, account: Account, tmp_path: Path) -> None:
    # Clips, since pictures would share one run of OpenFace.
    media = [account.upload(f"{i}.mp4", content=sample("face.mp4").read_bytes()) for i in range(AT_ONCE)]
    started = tmp_path / "started"
    started.mkdir()
    # Each waits for all the others: were they run one after the other, none would ever end.
    wait = f'touch "{started}/$$"; until [ "$(ls "{started}" | wc -l)" -eq {AT_ONCE} ]; do sleep 0.05; done\n'
    with start_worker(openface(tmp_path, on_clips=wait + GOOD_VIDEO)) as worker:
        answers = worker.invoke(FUNCTION, *media)
        assert [answer for answer in answers if not answer.succeeded] == []
    assert [medium for medium in media if set(account.written_for(medium)) != set(names_of(medium))] == []


def test_a_worker_that_is_stopped_ends_its_openface_and_tells_the_host(
    start_worker: StartWorker, account: Account, tmp_path: Path, pid_pipe: Path
) -> None:
    medium = account.upload("face.jpg")
    hanging = openface(tmp_path, on_media=f'echo $$ > "{pid_pipe}"; exec sleep 1000')
    with start_worker(hanging) as worker, ThreadPoolExecutor(1) as pool:
        answering = pool.submit(worker.invoke, FUNCTION, medium)
        pid = int(pid_pipe.read_text())
        code = worker.stop()
        (answer,) = answering.result()
    assert code == -signal.SIGTERM
    assert "The app is being stopped. Nothing to do: the next instance tries it again." in answer.message
    assert ends(pid)
    assert list((tmp_path / "work").iterdir()) == []
    _, record = names_of(medium)
    assert json.loads(account.written_for(medium)[record])["state"] == "retrying"


def test_with_a_broken_installation_there_is_no_function_and_the_host_is_told_what_is_missing(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    bin_dir = openface(tmp_path)
    (bin_dir / "AU_predictors/AU_all_best.txt").unlink()
    with start_worker(bin_dir) as worker:
        assert not worker.indexed.succeeded
        assert worker.indexed.message.startswith("BrokenInstallation: ")
        assert "AU_predictors/AU_all_best.txt" in worker.indexed.message
        assert worker.functions == []


def test_a_blob_in_a_container_that_is_not_a_uuid_is_declined(
    start_worker: StartWorker, account: Account, tmp_path: Path
) -> None:
    medium = account.upload("face.jpg", container=f"holiday-{uuid.uuid4().hex[:8]}")
    with start_worker(openface(tmp_path)) as worker:
        (answer,) = worker.invoke(FUNCTION, medium)
        assert answer.succeeded, answer.stack_trace
        assert f"Declined {medium.container_name}/face.jpg: its container isn't named by a UUID." in worker.output
    assert account.written_for(medium) == {}
