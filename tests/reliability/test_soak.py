"""Many jobs, through everything, with all kinds of fault at once: nothing is lost, wrong, doubled or left over."""

from __future__ import annotations

import os
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp.web import StreamResponse
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from devstack.azurite import Storage
from devstack.running import Devstack, running_storage
from devstack.stack import REPOSITORY
from openface_runner import storage as product_storage
from openface_runner.outcomes import Outcome
from openface_runner.records import State
from tests.support.bench import processes_of
from tests.support.fake_openface import GOOD_VIDEO, install
from tests.support.fault_report import FAULTS, FIGURES
from tests.support.samples import RECORDINGS
from tests.support.soak_plan import CHANGES, STORAGE_FAULTS, Kind, PlannedMedium, fake_image_program, plan
from tests.support.storage_faults import Exchange, call
from tests.support.storage_proxy import Request, StorageProxy

EXPECTED = (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()
WARM = 200
"""Jobs after which the worker's memory may grow no more."""
MOST_GROWTH = 1.10
SAMPLED_EVERY = 20
"""Jobs."""
UPLOADS_AT_ONCE = 4
DUPLICATES = 3
PATIENCE = 120.0
"""Seconds without any event's end, after which a soak is stuck."""


@dataclass
class Worker:
    """The process that runs the jobs, seen from outside."""

    pid: int
    memory: list[int] = field(default_factory=list)
    """Resident bytes, every so many jobs."""

    def sample(self) -> None:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))

    def threads(self) -> Counter[str]:
        """By name; pools that keep theirs are full before the count."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return Counter((task / "comm").read_text().strip() for task in tasks)

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


class Soak:
    """A devstack with the unchanged app, its storage behind a proxy, and media that are planned."""

    def __init__(self, stack: Devstack, proxy: StorageProxy, storage: Storage, media: list[PlannedMedium]) -> None:
        self.media = media
        self.storage = storage
        self.container = str(uuid.uuid4())
        self._stack = stack
        self._service = BlobServiceClient.from_connection_string(storage.connection_string)
        self._container = self._service.create_container(self.container)
        self.records = product_storage.connect({"MediaStorage": storage.connection_string}).records("openface-jobs")
        self.results = self._service.get_container_client("openface-output")
        assert stack.host.worker_pid is not None
        self.worker = Worker(stack.host.worker_pid)
        self._due = {medium.name: medium for medium in media if medium.kind in (*STORAGE_FAULTS, *CHANGES)}
        self._lock = threading.Lock()
        proxy.when(self._is_due, self._fault, times=None)

    @classmethod
    @contextmanager
    def running(cls, folder: Path, number: int, seed: int) -> Iterator[Soak]:
        """A soak in a fresh folder; all it started has ended when the context does."""
        (folder / "flags").mkdir()
        (folder / "work").mkdir()
        image = fake_image_program(str(folder / "flags"))
        settings = {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "OPENFACE_BIN_DIR": str(install(folder / "bin", image=image, video=GOOD_VIDEO)),
            "WORK_DIR": str(folder / "work"),
            "IMAGE_TIME_LIMIT": "3",
            "PYTHON_THREADPOOL_THREAD_COUNT": "40",
            # As in the image and the example settings.
            "MALLOC_ARENA_MAX": "2",
        }
        with ExitStack() as cleanup:
            # Storage of its own, so that its queues hold nobody else's messages.
            storage = cleanup.enter_context(running_storage(folder / "storage"))
            proxy = cleanup.enter_context(StorageProxy.running(storage))
            settings["MediaStorage"] = proxy.connection_string
            stack = cleanup.enter_context(
                Devstack.running(REPOSITORY, settings=settings, storage=storage, state_dir=folder / "devstack")
            )
            soak = cls(stack, proxy, storage, plan(number, seed))
            cleanup.callback(soak._service.close)
            yield soak

    def run(self) -> None:
        """Upload everything, and wait until each event is dealt with."""
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as uploading:
            uploads = [uploading.submit(self._upload, medium) for medium in self.media]
            extra = {Kind.OVERWRITTEN: 1, Kind.DUPLICATES: DUPLICATES}
            left = sum(1 + extra.get(medium.kind, 0) for medium in self.media)
            ended = 0
            while left:
                result = self._stack.next_result(PATIENCE)
                # The app's own containers make events, too, which it declines.
                if result.settled and result.container == self.container:
                    left -= 1
                    ended += 1
                    if ended % SAMPLED_EVERY == 0:
                        self.worker.sample()
            for upload in uploads:
                upload.result()

    def _upload(self, medium: PlannedMedium) -> None:
        self._container.upload_blob(medium.name, medium.content)
        if medium.kind is Kind.DUPLICATES:
            for _ in range(DUPLICATES):
                assert self._stack.post_event(self.container, medium.name) == 202

    def _is_due(self, request: Request) -> bool:
        medium = self._due.get(_medium_of(request))
        if medium is None:
            return False
        if medium.kind in (Kind.CUT_DOWNLOAD, *CHANGES):
            return request.method == "GET" and request.container == self.container
        return request.writes if medium.kind in (Kind.UNHEARD, Kind.REFUSED) else True

    async def _fault(self, exchange: Exchange) -> StreamResponse:
        with self._lock:
            medium = self._due.pop(_medium_of(exchange.request), None)
        if medium is None:
            return await exchange.pass_on()
        if medium.kind in CHANGES:
            return await call(lambda _: self._change(medium))(exchange)
        return await STORAGE_FAULTS[medium.kind](exchange)

    def _change(self, medium: PlannedMedium) -> None:
        blob = self._container.get_blob_client(medium.name)
        if medium.kind is Kind.OVERWRITTEN:
            blob.upload_blob(medium.content, overwrite=True)
        elif medium.kind is Kind.METADATA:
            blob.set_blob_metadata({"capture": "wild"})
        else:
            blob.delete_blob()

    def newest_etag(self, medium: PlannedMedium) -> str:
        return self._container.get_blob_client(medium.name).get_blob_properties().etag.strip('"')

    @property
    def pid(self) -> int | None:
        """The process that is the worker now."""
        return self._stack.host.worker_pid


def _medium_of(request: Request) -> str:
    return request.blob.rpartition("/")[2].removesuffix(".json").removesuffix(".csv")


def check_each_medium(soak: Soak) -> None:
    for medium in soak.media:
        record = soak.records.read(soak.container, medium.name)
        result = soak.results.get_blob_client(f"{soak.container}/{medium.name}.csv")
        assert record is not None, medium
        if medium.kind is Kind.DELETED:
            assert (record.state, result.exists()) == (State.WITHDRAWN, False), medium
            continue
        assert (record.state, record.outcome) == (State.ENDED, medium.outcome), (medium, record)
        assert record.source["etag"] == soak.newest_etag(medium), medium
        # Killed in company, an image is repeated within its try; killed alone, in another one.
        assert record.attempts == 1 or (medium.kind, record.attempts) == (Kind.KILLED, 2), (medium, record)
        assert result.exists() == (medium.outcome is Outcome.ANALYSED), medium
        if medium.outcome is Outcome.ANALYSED:
            assert result.download_blob().readall() == EXPECTED, medium
            assert result.get_blob_properties().metadata["source_etag"] == record.source["etag"], medium
        if medium.kind is Kind.METADATA:
            assert record.request["capture"] == "wild", medium


def check_nothing_is_left(soak: Soak, folder: Path) -> None:
    assert list((folder / "work").iterdir()) == []
    assert [line for line in processes_of(folder) if "/bin/" in line] == []
    with ContainerClient.from_connection_string(soak.storage.connection_string, "openface-jobs") as records:
        assert {blob.lease.state for blob in records.list_blobs()} == {"available"}
    with QueueServiceClient.from_connection_string(soak.storage.connection_string) as queues:
        waiting = {queue.name: queues.get_queue_client(queue.name).peek_messages() for queue in queues.list_queues()}
    assert all(messages == [] for messages in waiting.values()), waiting


def check_the_worker(soak: Soak, threads: Counter[str], open_files: int) -> dict[str, object]:
    """That it is the same process with no more threads and files, and hardly more memory; the figures of that."""
    worker = soak.worker
    assert soak.pid == worker.pid, "the worker process died"
    assert worker.threads() <= threads + Counter({"python": 40}), (threads, worker.threads())
    assert worker.open_files() <= open_files + 128, "the connections to storage that are kept for reuse"
    warm = worker.memory[WARM // SAMPLED_EVERY :]
    figures: dict[str, object] = {"threads": sum(worker.threads().values()), "open files": worker.open_files()}
    if len(warm) >= 4 * (WARM // SAMPLED_EVERY):
        # Medians of as many samples as there were before the count: one sample tells what ran at that moment.
        window = WARM // SAMPLED_EVERY
        first, last = statistics.median(warm[:window]), statistics.median(warm[-window:])
        figures |= {"MB after 200 jobs": round(first / 1e6, 1), "MB at the end": round(last / 1e6, 1)}
        assert last <= MOST_GROWTH * first, figures
    return figures


def soak(folder: Path, number: int, record_property: Callable[[str, object], None]) -> None:
    with Soak.running(folder, number, seed=number) as running:
        threads, open_files = running.worker.threads(), running.worker.open_files()
        began = time.monotonic()
        running.run()
        seconds = time.monotonic() - began
        check_each_medium(running)
        check_nothing_is_left(running, folder)
        figures = check_the_worker(running, threads, open_files)
    kinds = Counter(str(medium.kind) for medium in running.media if medium.kind is not Kind.NOTHING)
    record_property(FAULTS, kinds.total())
    record_property(FIGURES, {"jobs": number, "seconds": round(seconds), **figures, "faults": dict(kinds)})


MUST_FOLLOW = "each in its outcome with at most one whole CSV; no process, file, lease, thread or message left over"


@pytest.mark.fault("a soak: each of 19 kinds of fault in 2 % of the jobs", MUST_FOLLOW)
def test_a_short_soak_loses_nothing(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    soak(tmp_path, 80, record_property)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.fault("a soak: each of 19 kinds of fault in 2 % of the jobs", MUST_FOLLOW)
def test_a_soak_of_2000_jobs_loses_nothing(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    soak(tmp_path, 2000, record_property)
