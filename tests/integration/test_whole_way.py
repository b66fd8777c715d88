"""The app itself, unchanged: upload to real storage, event, function, OpenFace or its stand-in, checked CSV, record."""

from __future__ import annotations

import base64
import csv
import io
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from devstack.azurite import Storage
from devstack.commands import choose_openface
from devstack.errors import FunctionAppError, NoOpenFace
from devstack.running import Devstack
from devstack.stack import REPOSITORY
from openface_runner import storage as product_storage
from openface_runner.outcomes import Outcome
from openface_runner.records import Record, State, Step
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install, only_on_samples
from tests.support.missing import skip_or_fail
from tests.support.samples import sample

LOCAL = {"MediaStorage": "UseDevelopmentStorage=true", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
HOSTILE_NAMES = [
    "with space.jpg",
    "-rf.jpg",
    "; rm -rf $HOME; $(reboot) `id`.jpg",
    "Gesicht-ü-顔-🙂.jpg",
    "folder/deeper/face.jpg",
    "100%41 + #1?.jpg",
    "'quotes\".jpg",
    "no suffix",
    "FACE.JPG.mp4",
]


@pytest.fixture(scope="module")
def stack(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devstack]:
    """The product, with a real OpenFace where there is one."""
    try:
        chosen = choose_openface(tmp_path_factory.mktemp("openface"))
    except NoOpenFace as error:
        skip_or_fail(error)
    with Devstack.running(REPOSITORY, settings={**LOCAL, **chosen.environment}, storage=storage) as running:
        yield running


class Account:
    """What a user sees of the storage account: a container of theirs to upload to, results and records."""

    def __init__(self, stack: Devstack) -> None:
        self._stack = stack
        self._service = BlobServiceClient.from_connection_string(stack.connection_string)
        self.records = product_storage.connect({"MediaStorage": stack.connection_string}).records("openface-jobs")
        self.container = str(uuid.uuid4())
        self.media: ContainerClient = self._service.create_container(self.container)
        self.results = self._service.get_container_client("openface-output")

    def close(self) -> None:
        self._service.close()

    def upload(self, name: str, content: bytes, **metadata: str) -> None:
        self.media.upload_blob(name, content, metadata=metadata or None, overwrite=True)

    def record_of(self, name: str) -> Record:
        """The record of a medium, once its event is dealt with."""
        result = self._stack.wait_until_settled(self.container, name, timeout=120)
        assert result.succeeded, result.error
        record = self.records.read(self.container, name)
        assert record is not None
        return record

    def csv_of(self, name: str) -> bytes:
        return self.results.download_blob(f"{self.container}/{name}.csv").readall()

    def published(self) -> list[str]:
        prefix = f"{self.container}/"
        return [blob.name.removeprefix(prefix) for blob in self.results.list_blobs(name_starts_with=prefix)]


@pytest.fixture
def account(stack: Devstack) -> Iterator[Account]:
    with closing(Account(stack)) as account:
        yield account


def test_an_uploaded_smile_becomes_a_csv_with_its_provenance(account: Account) -> None:
    account.upload("face.jpg", sample("face.jpg").read_bytes())
    record = account.record_of("face.jpg")
    assert (record.state, record.outcome, record.measured["faces"]) == (State.ENDED, Outcome.ANALYSED, 1)
    assert set(record.steps) == set(Step)
    assert (record.attempts, record.error) == (1, None)
    (row,) = csv.DictReader(io.StringIO(account.csv_of("face.jpg").decode()), skipinitialspace=True)
    assert float(row["AU12_r"]) > 1
    published = account.results.get_blob_client(f"{account.container}/face.jpg.csv").get_blob_properties()
    assert published.metadata == {
        "source_container": account.container,
        "source_blob": "face.jpg",
        "source_etag": account.media.get_blob_client("face.jpg").get_blob_properties().etag.strip('"'),
        "settings": record.settings,
        "outcome": "analysed",
        "engine": f"{record.engine['name']} {record.engine['version']}",
    }
    assert record.csv == f"openface-output/{account.container}/face.jpg.csv"


def test_a_clip_becomes_a_csv_with_a_row_for_each_frame(account: Account) -> None:
    account.upload("clip.mp4", sample("face.mp4").read_bytes())
    record = account.record_of("clip.mp4")
    assert record.measured["frames"] == record.measured["frames_with_face"] == 75
    assert len(account.csv_of("clip.mp4").splitlines()) == 76


def test_many_media_at_once_each_end_in_their_own_result(account: Account) -> None:
    uploads = {f"{i:02}-{name}": sample(name).read_bytes() for i in range(5) for name in ("face.jpg", "two_faces.jpg")}
    with ThreadPoolExecutor(len(uploads)) as pool:
        list(pool.map(lambda item: account.upload(*item), uploads.items()))
    for name in uploads:
        assert account.record_of(name).measured["faces"] == (2 if "two_faces" in name else 1)
    assert sorted(account.published()) == sorted(f"{name}.csv" for name in uploads)
    contents = {account.csv_of(name) for name in uploads}
    assert len(contents) == 2


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("no_face.jpg", Outcome.NO_FACE),
        ("no_face.mp4", Outcome.NO_FACE),
        ("not_an_image.jpg", Outcome.UNREADABLE),
        ("empty.jpg", Outcome.UNREADABLE),
        ("truncated.jpg", Outcome.UNREADABLE),
        ("truncated.mp4", Outcome.INCOMPLETE),
        ("one_pixel.png", Outcome.CRASHED),
    ],
)
def test_what_cannot_be_measured_ends_in_its_outcome_without_a_csv(
    account: Account, name: str, outcome: Outcome
) -> None:
    account.upload(name, sample(name).read_bytes())
    record = account.record_of(name)
    assert (record.state, record.outcome) == (State.ENDED, outcome)
    assert record.message.endswith(".") and record.advice.endswith(".")
    assert account.published() == []


def test_a_lying_extension_changes_nothing(account: Account) -> None:
    account.upload("face.mp4", sample("face.jpg").read_bytes())
    account.upload("clip.jpg", sample("face.mp4").read_bytes())
    assert account.record_of("face.mp4").medium["kind"] == "image"
    assert account.record_of("clip.jpg").medium["kind"] == "video"
    assert sorted(account.published()) == ["clip.jpg.csv", "face.mp4.csv"]


def test_hostile_names_get_their_results_under_their_own_names(account: Account) -> None:
    for name in HOSTILE_NAMES:
        account.upload(name, sample("face.jpg").read_bytes())
    for name in HOSTILE_NAMES:
        assert account.record_of(name).outcome is Outcome.ANALYSED
    assert sorted(account.published()) == sorted(f"{name}.csv" for name in HOSTILE_NAMES)


def test_metadata_with_a_value_that_does_not_exist_is_an_outcome(account: Account) -> None:
    account.upload("face.jpg", sample("face.jpg").read_bytes(), capture="foo")
    record = account.record_of("face.jpg")
    assert record.outcome is Outcome.INVALID_REQUEST
    assert "capture='foo'" in record.message
    assert account.published() == []


def test_a_containers_metadata_hold_for_its_media(account: Account) -> None:
    account.media.set_container_metadata({"capture": "wild"})
    account.upload("face.jpg", sample("face.jpg").read_bytes())
    assert account.record_of("face.jpg").request["capture"] == "wild"


def test_a_duplicate_event_changes_nothing(account: Account, stack: Devstack) -> None:
    account.upload("face.jpg", sample("face.jpg").read_bytes())
    record = account.record_of("face.jpg")
    first = account.results.get_blob_client(f"{account.container}/face.jpg.csv").get_blob_properties()
    assert stack.post_event(account.container, "face.jpg") == 202
    assert account.record_of("face.jpg") == record
    again = account.results.get_blob_client(f"{account.container}/face.jpg.csv").get_blob_properties()
    assert (again.etag, again.creation_time) == (first.etag, first.creation_time)


def test_two_events_at_the_same_moment_make_one_result(account: Account, stack: Devstack) -> None:
    account.upload("face.jpg", sample("face.jpg").read_bytes())
    assert stack.post_event(account.container, "face.jpg") == 202
    account.record_of("face.jpg")
    record = account.record_of("face.jpg")
    assert record.attempts == 1
    published = account.results.get_blob_client(f"{account.container}/face.jpg.csv").get_blob_properties()
    assert published.creation_time == published.last_modified


def test_events_of_other_containers_are_declined_and_leave_nothing(stack: Devstack) -> None:
    container = f"holiday-{uuid.uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(stack.connection_string, container) as client:
        client.create_container()
        client.upload_blob("face.jpg", sample("face.jpg").read_bytes())
    assert stack.wait_until_settled(container, "face.jpg").succeeded
    with ContainerClient.from_connection_string(stack.connection_string, "openface-jobs") as jobs:
        assert not list(jobs.list_blobs(name_starts_with=container))
    assert f"Declined {container}/face.jpg: its container isn't named by a UUID." in stack.app_output


def test_a_forged_event_that_climbs_out_of_its_container_is_harmless(account: Account, stack: Devstack) -> None:
    account.upload("face.jpg", sample("face.jpg").read_bytes())
    account.record_of("face.jpg")
    name = "../openface-output/evil.jpg"
    assert stack.post_event(account.container, name) == 202
    assert stack.wait_until_settled(account.container, name).settled
    assert account.published() == ["face.jpg.csv"]


def test_a_job_that_cannot_reach_an_outcome_is_tried_again_and_then_poisoned(tmp_path: Path) -> None:
    killed = only_on_samples(GOOD_IMAGE, otherwise="kill -KILL $$")
    settings = {**LOCAL, "OPENFACE_BIN_DIR": str(install(tmp_path / "bin", image=killed, video=GOOD_VIDEO))}
    # With a storage of its own: the module's app would take the event too, and succeed.
    with Devstack.running(REPOSITORY, settings=settings) as stack, closing(Account(stack)) as account:
        account.upload("face.jpg", sample("face.jpg").read_bytes())
        result = stack.wait_until_settled(account.container, "face.jpg")
        assert (result.poisoned, result.attempt) == (True, 5)
        assert "OpenFace was killed from outside with SIGKILL" in result.error
        with QueueClient.from_connection_string(stack.connection_string, "webjobs-blobtrigger-poison") as queue:
            (message,) = queue.peek_messages(32)
        poison = json.loads(base64.b64decode(message.content))
        assert (poison["ContainerName"], poison["BlobName"]) == (account.container, "face.jpg")
        record = account.records.read(account.container, "face.jpg")
        assert record is not None
        assert (record.state, record.attempts, record.outcome) == (State.RETRYING, 5, None)
        assert record.error is not None and record.error.startswith("KilledFromOutside: ")
        assert account.published() == []


def test_a_broken_installation_stops_the_app_and_says_what_is_missing(storage: Storage, tmp_path: Path) -> None:
    bin_dir = install(tmp_path / "bin")
    (bin_dir / "AU_predictors/AU_all_best.txt").unlink()
    settings = {**LOCAL, "OPENFACE_BIN_DIR": str(bin_dir)}
    with (
        pytest.raises(FunctionAppError, match=r"AU_predictors/AU_all_best\.txt"),
        Devstack.running(REPOSITORY, settings=settings, storage=storage),
    ):
        pass
