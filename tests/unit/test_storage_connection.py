"""The ``MediaStorage`` connection: which settings make one, and what is said when they don't."""

from __future__ import annotations

import base64
import json

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from hypothesis import given
from hypothesis import strategies as st

from devstack.ports import ACCOUNT_KEY, Ports
from openface_runner.storage.connection import ConnectionMissing, service_client
from openface_runner.storage.poison import parse

BLOBS = {"MediaStorage__blobServiceUri": "https://media.blob.core.windows.net"}


def test_a_connection_string_wins_over_addresses() -> None:
    settings = {**BLOBS, "MediaStorage": Ports().connection_string}
    assert service_client(BlobServiceClient, "blob", settings).url.startswith("http://127.0.0.1:10000/")
    assert service_client(QueueServiceClient, "queue", settings).url.startswith("http://127.0.0.1:10001/")


def test_an_empty_setting_is_as_good_as_none() -> None:
    settings = {**BLOBS, "MediaStorage": "", "MediaStorage__clientId": "", "MediaStorage__credential": ""}
    assert service_client(BlobServiceClient, "blob", settings).account_name == "media"


def test_the_address_that_the_host_reads_first_wins() -> None:
    settings = {**BLOBS, "MediaStorage__serviceUri": "https://other.blob.core.windows.net"}
    assert service_client(BlobServiceClient, "blob", settings).account_name == "media"


def test_a_missing_queue_address_is_named() -> None:
    with pytest.raises(ConnectionMissing, match=r"^MediaStorage__queueServiceUri is missing"):
        service_client(QueueServiceClient, "queue", BLOBS)


def test_no_connection_at_all_is_told_with_what_to_set() -> None:
    with pytest.raises(ConnectionMissing, match="set MediaStorage to a connection string"):
        service_client(BlobServiceClient, "blob", {})


def test_an_address_without_tls_is_refused_before_a_token_is_asked_for() -> None:
    with pytest.raises(ConnectionMissing, match=r"^MediaStorage__blobServiceUri must begin with https://"):
        service_client(BlobServiceClient, "blob", {"MediaStorage__blobServiceUri": "http://media.example"})


def test_a_connection_string_that_cannot_be_parsed_is_kept_out_of_the_message() -> None:
    with pytest.raises(ConnectionMissing) as error:
        service_client(BlobServiceClient, "blob", {"MediaStorage": f"AccountKey={ACCOUNT_KEY}"})
    assert ACCOUNT_KEY not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["FunctionId", "ContainerName", "BlobName"]) | st.text(), inner)
    ),
)
TEXTS = st.text() | JSON.map(json.dumps)


@given(TEXTS, st.booleans())
def test_no_text_of_a_poison_message_is_too_strange_to_be_looked_at(text: str, encoded: bool) -> None:
    job = parse(base64.b64encode(text.encode(errors="surrogatepass")).decode() if encoded else text)
    assert job is None or (job.container and job.blob and job.function_id)
