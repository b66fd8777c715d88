"""From an upload to the end of its invocation, through a real Azurite, Event Grid, host and worker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContentSettings

from devstack.azurite import Storage
from devstack.functions_host.results import Outcome
from devstack.running import Devstack
from tests.support.devstack_apps import COPIES, new_container, written


@pytest.fixture(scope="module")
def copying(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devstack]:
    app: Path = tmp_path_factory.mktemp("app")
    (app / "function_app.py").write_text(COPIES, "utf-8")
    (app / "host.json").write_text('{"version": "2.0"}', "utf-8")
    with Devstack.running(app, storage=storage) as stack:
        yield stack


@pytest.fixture
def service(storage: Storage) -> Iterator[BlobServiceClient]:
    # Small limits, so that a few kilobytes go up in blocks.
    with BlobServiceClient.from_connection_string(
        storage.connection_string, max_single_put_size=1024, max_block_size=1024
    ) as client:
        with contextlib.suppress(ResourceExistsError):
            client.create_container("written")
        yield client


NAMES = (
    "plain.jpg",
    "a b.jpg",
    "größe 漢字.mp4",
    "100%.jpg",
    "a%20b.jpg",
    "a+b.jpg",
    "a#b.jpg",
    "a?b=c&d.jpg",
    "a;b.jpg",
    "folder/in folder/x.jpg",
    "quote\"s'.jpg",
    "[x]{y}|~.jpg",
)


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_reaches_the_function_whatever_its_name(
    copying: Devstack, service: BlobServiceClient, name: str
) -> None:
    container = new_container(service)
    container.upload_blob(name, name.encode())
    result = copying.wait_until_settled(container.container_name, name)
    assert result.succeeded, result.error
    assert result.function == "copy"
    assert written(service, container.container_name, name) == name.encode()


def test_an_upload_in_blocks_is_one_event(copying: Devstack, service: BlobServiceClient) -> None:
    container = new_container(service)
    container.upload_blob("big.bin", b"x" * 5000)
    blob = container.get_blob_client("big.bin")
    # None of these writes content.
    blob.set_blob_metadata({"capture": "posed"})
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    blob.set_blob_tags({"a": "b"})
    blob.acquire_lease(15).release()
    assert copying.wait_until_settled(container.container_name, "big.bin").succeeded
    # What was written last is settled last only if nothing else of this container was still on its way.
    container.upload_blob("last.bin", b"x")
    assert copying.wait_until_settled(container.container_name, "last.bin").succeeded
    seen = [result.blob for result in copying.history if result.container == container.container_name]
    assert seen == ["big.bin", "last.bin"]


def test_a_copy_inside_the_account_is_an_event(copying: Devstack, service: BlobServiceClient) -> None:
    container = new_container(service)
    source = container.upload_blob("from.bin", b"content")
    container.get_blob_client("to here.bin").start_copy_from_url(source.url)
    assert copying.wait_until_settled(container.container_name, "to here.bin").succeeded
    assert written(service, container.container_name, "to here.bin") == b"content"


def test_overwriting_is_a_second_event(copying: Devstack, service: BlobServiceClient) -> None:
    container = new_container(service)
    for content in (b"one", b"two"):
        container.upload_blob("x.bin", content, overwrite=True)
        assert copying.wait_until_settled(container.container_name, "x.bin").succeeded
        assert written(service, container.container_name, "x.bin") == content


def test_a_blob_that_is_gone_is_dropped_without_running(copying: Devstack, service: BlobServiceClient) -> None:
    container = new_container(service)
    assert copying.post_event(container.container_name, "never existed.jpg") == 202
    result = copying.wait_until_settled(container.container_name, "never existed.jpg")
    assert result.outcome is Outcome.DROPPED
    assert copying.post_event("no-such-container", "x.jpg") == 202
    assert copying.wait_until_settled("no-such-container", "x.jpg").outcome is Outcome.DROPPED


def test_a_repeated_event_runs_the_function_again(copying: Devstack, service: BlobServiceClient) -> None:
    container = new_container(service)
    container.upload_blob("x.bin", b"x")
    assert copying.wait_until_settled(container.container_name, "x.bin").succeeded
    assert copying.post_event(container.container_name, "x.bin") == 202
    assert copying.wait_until_settled(container.container_name, "x.bin").succeeded


def test_an_event_for_an_unknown_function_is_refused(copying: Devstack) -> None:
    assert copying.post_event("some-container", "x.bin", function="other") == 404
