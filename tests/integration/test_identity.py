"""Identity-based connections, for real: no key anywhere, tokens from an identity, storage that takes nothing else."""

from __future__ import annotations

import base64
import json
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient
from azurefunctions.extensions.bindings import blob as blob_binding

from devstack.errors import AzuriteNotInstalled
from devstack.ports import ACCOUNT_KEY
from openface_runner.cli import main
from openface_runner.outcomes import Outcome, StorageUnavailable
from openface_runner.storage import connect
from tests.support.bench import FACE, Bench
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install
from tests.support.identity import (
    AUDIENCE,
    IdentityEndpoint,
    SecureStorage,
    identity_endpoint,
    install_azure_cli,
    secure_storage,
    token,
)
from tests.support.missing import skip_or_fail
from tests.support.webhook_server import webhook_server

CLIENT_ID = "7d2c5b1a-0000-4000-8000-00000000c1d1"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureStorage]:
    try:
        with secure_storage(tmp_path_factory.mktemp("azurite")) as account:
            yield account
    except AzuriteNotInstalled as error:
        skip_or_fail(error)


class Platform:
    """What surrounds an app that connects by identity; which identity it has is a test's to say."""

    def __init__(
        self, storage: SecureStorage, environment: pytest.MonkeyPatch, endpoint: IdentityEndpoint, folder: Path
    ) -> None:
        self.storage = storage
        self.environment = environment
        self._endpoint = endpoint
        self._folder = folder

    def give(self, way: str) -> None:
        """Give the app an identity in one of the ways that there are."""
        if way == "az login":
            install_azure_cli(self._folder)
            self.environment.setenv("PATH", str(self._folder), prepend=os.pathsep)
            self.environment.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
            return
        for name, value in self._endpoint.environment.items():
            self.environment.setenv(name, value)
        if way in ("user-assigned", "system-assigned"):
            self.environment.setenv("MediaStorage__credential", "managedidentity")
        if way in ("user-assigned", "client id alone"):
            self.environment.setenv("MediaStorage__clientId", CLIENT_ID)

    @property
    def asked(self) -> set[tuple[str, str | None]]:
        """For which resources and client ids the managed-identity endpoint was asked."""
        return {(asked["resource"].rstrip("/"), asked.get("client_id")) for asked in self._endpoint.asked}


@pytest.fixture
def platform(storage: SecureStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Platform]:
    for name in [name for name in os.environ if name.startswith(("MediaStorage", "AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MediaStorage__blobServiceUri", storage.blob_address)
    monkeypatch.setenv("MediaStorage__queueServiceUri", storage.queue_address)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(storage.certificate))
    with identity_endpoint() as endpoint:
        yield Platform(storage, monkeypatch, endpoint, tmp_path)


@pytest.fixture
def service(platform: Platform) -> Iterator[BlobServiceClient]:
    """The test's own connection, with the account's key."""
    with BlobServiceClient.from_connection_string(platform.storage.connection_string) as client:
        yield client


@contextmanager
def poisoned(storage: SecureStorage, container: str) -> Iterator[QueueClient]:
    """The poison queue, with one job in it."""
    message = {"FunctionId": "Host.Functions.analyse_media", "ContainerName": container, "BlobName": "face.jpg"}
    with QueueClient.from_connection_string(storage.connection_string, "webjobs-blobtrigger-poison") as queue:
        queue.create_queue()
        queue.send_message(base64.b64encode(json.dumps(message).encode()).decode())
        yield queue
        queue.delete_queue()


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        ("user-assigned", {(AUDIENCE, CLIENT_ID)}),
        ("client id alone", {(AUDIENCE, CLIENT_ID)}),
        ("system-assigned", {(AUDIENCE, None)}),
        ("default", {(AUDIENCE, None)}),
        ("az login", set()),
    ],
)
def test_a_whole_job_and_a_replay_work_without_any_key(
    platform: Platform, service: BlobServiceClient, tmp_path: Path, way: str, asked: set[tuple[str, str | None]]
) -> None:
    platform.give(way)
    settings = {
        "OPENFACE_BIN_DIR": str(install(tmp_path / "bin", image=GOOD_IMAGE, video=GOOD_VIDEO)),
        "OUTPUT_CONTAINER": f"out-{uuid.uuid4().hex[:8]}",
        "JOBS_CONTAINER": f"jobs-{uuid.uuid4().hex[:8]}",
    }
    bench = Bench(service, settings, tmp_path)
    bench.run()
    assert bench.record().outcome is Outcome.ANALYSED
    assert bench.result_source() == bench.etag()
    bench.medium.upload_blob(FACE, overwrite=True)
    bench.run()
    assert bench.result_source() == bench.etag(), "the result that was there was not replaced"
    with poisoned(platform.storage, bench.container) as queue, webhook_server() as app:
        assert main(["replay", "--all", "--host", app.address]) == 0
        assert len(app.posts) == 1
        assert list(queue.receive_messages()) == []
    assert platform.asked == asked
    assert not [name for name, value in os.environ.items() if ACCOUNT_KEY in value or "AccountKey" in value]


@pytest.mark.fault("the app's identity gets no token", "the error says so, and which settings to look at")
def test_an_identity_that_gets_no_token_is_told_with_what_to_look_at(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.give("user-assigned")
    platform.environment.setenv("IDENTITY_HEADER", "not the platform's")
    with pytest.raises(StorageUnavailable, match=r"identity .* got no token .* MediaStorage__clientId") as error:
        connect().source(str(uuid.uuid4()), "face.jpg").look()
    assert "not the platform's" not in str(error.value) + caplog.text


def test_the_token_is_in_no_log_at_any_level(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    platform.give("user-assigned")
    with caplog.at_level(logging.DEBUG):
        assert connect().source(str(uuid.uuid4()), "face.jpg").look() is None
    assert "a secret of the platform" not in caplog.text
    assert token().partition(".")[0] not in caplog.text


def test_the_trigger_s_binding_takes_the_same_settings(platform: Platform, service: BlobServiceClient) -> None:
    platform.give("user-assigned")
    container = str(uuid.uuid4())
    service.create_container(container).upload_blob("face.jpg", FACE)
    content = {"Connection": "MediaStorage", "ContainerName": container, "BlobName": "face.jpg"}
    data = SimpleNamespace(version="1.0", source="AzureStorageBlobs", content_type="", content=json.dumps(content))
    client = blob_binding.BlobClient(data=data).get_sdk_type()
    assert (client.container_name, client.blob_name) == (container, "face.jpg")
    assert client.download_blob().readall() == FACE
    assert platform.asked == {(AUDIENCE, CLIENT_ID)}
