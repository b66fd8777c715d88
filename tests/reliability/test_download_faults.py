"""Downloads that storage cuts, shortens or mixes up: what arrives is the medium, whole, or an error."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from devstack.azurite import Storage
from openface_runner.outcomes import StorageUnavailable
from openface_runner.storage import Source, Version, VersionGone, connect
from openface_runner.storage.transport import PART, Patience
from tests.support.storage_faults import Fault
from tests.support.storage_proxy import Request, StorageProxy, alter, call, cut_in_response

RANGES = 3
CONTENT = os.urandom((RANGES - 1) * PART + 1000)
SHORT = Patience(first_wait=0.01, longest_wait=0.05, total=5, read_timeout=2)
WHOLE = "the download goes on with the same version; the file is whole"


@pytest.fixture
def blob(storage: Storage) -> Iterator[BlobClient]:
    """A medium of several ranges."""
    with BlobServiceClient.from_connection_string(storage.connection_string) as service:
        container = service.create_container(str(uuid.uuid4()))
        yield container.upload_blob("clip.mp4", CONTENT)


@pytest.fixture
def source(proxy: StorageProxy, blob: BlobClient) -> Source:
    account = connect({"MediaStorage": proxy.connection_string}, patience=SHORT)
    return account.source(blob.container_name, "clip.mp4")


def look(source: Source) -> Version:
    version = source.look()
    assert version is not None
    return version


def is_range(number: int) -> Callable[[Request], bool]:
    """Matches what asks for one range, from 0."""
    begin = f"bytes={number * PART}-"
    return lambda request: request.headers.get("x-ms-range", "").startswith(begin)


@pytest.mark.parametrize("number", range(RANGES))
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault, id=what, marks=pytest.mark.fault(f"the connection is {what} in the middle of a download", WHOLE)
        )
        for what, fault in {"cut": cut_in_response(), "closed": cut_in_response(politely=True)}.items()
    ],
)
def test_a_download_that_is_cut_goes_on(
    source: Source, proxy: StorageProxy, tmp_path: Path, number: int, fault: Fault
) -> None:
    version = look(source)
    rule = proxy.when(is_range(number), fault)
    source.download(version, tmp_path / "file")
    assert len(rule.requests) == 1
    assert (tmp_path / "file").read_bytes() == CONTENT
    gets = [request for request in proxy.requests if request.method == "GET"]
    assert len(gets) == RANGES + 1
    assert {request.headers["If-Match"].strip('"') for request in gets} == {version.etag}


@pytest.mark.parametrize("number", range(1, RANGES))  # after a short first range, the rest is asked for from there
@pytest.mark.fault("a part of a download comes shorter than it is", "the job is tried again; OpenFace never sees it")
def test_a_download_that_falls_short_is_an_error(
    source: Source, proxy: StorageProxy, tmp_path: Path, number: int
) -> None:
    version = look(source)
    proxy.when(is_range(number), alter(lambda content: content[:-1]), times=None)
    with pytest.raises(StorageUnavailable, match=r"Only [0-9,]+ of the [0-9,]+ bytes"):
        source.download(version, tmp_path / "file")


@pytest.mark.fault("the medium is overwritten in the middle of its download", "the newer version is looked at instead")
def test_a_medium_that_changes_under_its_download_is_never_mixed(
    source: Source, blob: BlobClient, proxy: StorageProxy, tmp_path: Path
) -> None:
    version = look(source)
    proxy.when(is_range(0), call(lambda _: blob.upload_blob(os.urandom(len(CONTENT)), overwrite=True), after=True))
    with pytest.raises(VersionGone):
        source.download(version, tmp_path / "file")


class _CalledOff(Exception):
    pass


@pytest.mark.parametrize("ranges", range(RANGES + 1))
def test_what_the_check_raises_ends_a_download_and_comes_through(
    source: Source, proxy: StorageProxy, tmp_path: Path, ranges: int
) -> None:
    version = look(source)
    reason = _CalledOff()
    calls = iter(range(RANGES + 1))

    def check() -> None:
        if next(calls) >= ranges:
            raise reason

    with pytest.raises(_CalledOff) as raised:
        source.download(version, tmp_path / "file", check)
    assert raised.value is reason


def test_an_empty_medium_is_downloaded_as_it_is(source: Source, blob: BlobClient, tmp_path: Path) -> None:
    blob.upload_blob(b"", overwrite=True)
    source.download(look(source), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b""


def test_a_content_encoding_is_not_believed(source: Source, blob: BlobClient, tmp_path: Path) -> None:
    blob.upload_blob(CONTENT, overwrite=True, content_settings=ContentSettings(content_encoding="gzip"))
    source.download(look(source), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
