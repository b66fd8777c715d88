"""Errors of storage tell no secret: no address with a signature, no key, no connection string."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    ResourceTypes,
    generate_account_sas,
)

from devstack.azurite import Storage
from devstack.ports import ACCOUNT, ACCOUNT_KEY
from openface_runner.outcomes import StorageUnavailable
from tests.support.bench import Bench
from tests.support.fault_report import FAULTS
from tests.support.storage_jobs import GOOD_CSV, SHORT, SPENT, Jobs, lasting, through
from tests.support.storage_proxy import (
    StorageProxy,
    answer,
    cut,
    cut_in_response,
    hang,
)

RecordProperty = Callable[[str, object], None]


@pytest.fixture
def jobs(bench: Bench, proxy: StorageProxy) -> Jobs:
    return Jobs(bench, proxy)


def _with_key(proxy: StorageProxy) -> str:
    return proxy.connection_string


def _with_signature(proxy: StorageProxy) -> str:
    signature = generate_account_sas(
        ACCOUNT,
        ACCOUNT_KEY,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True, add=True, update=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"BlobEndpoint={proxy.blob_endpoint};SharedAccessSignature={signature}"


TELLS_NOTHING = "no address, signature or key is in the error or the log"


@pytest.mark.fault("storage refuses, fails, cuts the connection or keeps silent", TELLS_NOTHING)
@pytest.mark.parametrize("connection_string", [_with_key, _with_signature])
def test_errors_of_storage_tell_no_secret(
    jobs: Jobs,
    connection_string: Callable[[StorageProxy], str],
    caplog: pytest.LogCaptureFixture,
    record_property: RecordProperty,
) -> None:
    jobs.connection_string = connection_string(jobs.proxy)
    refuse, fail = answer(403, "AuthenticationFailed"), answer(500, "InternalError")
    faults = [
        (method, fault) for method in ("HEAD", "GET", "PUT") for fault in (refuse, fail, cut(), cut_in_response())
    ]
    for method, fault in [*faults, ("HEAD", hang())]:
        with jobs.proxy.when(lasting(method), fault, times=None), pytest.raises(StorageUnavailable) as raised:
            jobs.run(SPENT)
        _check_no_secret("".join(traceback.format_exception(raised.value)))
    _check_no_secret(caplog.text)
    record_property(FAULTS, len(faults))


@pytest.mark.fault("nothing listens at storage's address", TELLS_NOTHING)
def test_an_address_where_nothing_listens_is_told_without_secrets(
    bench: Bench, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with StorageProxy.running(storage) as gone:
        string = _with_signature(gone)
    bench.services = through(bench.services, string, SPENT)
    with pytest.raises(StorageUnavailable) as raised:
        bench.run()
    medium = f"{bench.container}/face.jpg"
    assert str(raised.value) == (
        f"{medium}: Blob storage did not answer (ServiceRequestError) when asked to look at {medium}. If it stays so, "
        "check the account, its network rules and this app's roles; it is tried again by itself."
    )
    assert raised.value.__cause__ is None
    _check_no_secret("".join(traceback.format_exception(raised.value)) + caplog.text)


def _check_no_secret(text: str) -> None:
    for secret in ("http://", "https://", "127.0.0.1", ACCOUNT, ACCOUNT_KEY, "sig=", "SharedKey", "EndpointsProtocol"):
        assert secret not in text


def test_a_job_ends_well_with_a_signature_in_place_of_a_key(bench: Bench, proxy: StorageProxy) -> None:
    bench.services = through(bench.services, _with_signature(proxy), SHORT)
    bench.run()
    assert bench.csv() == GOOD_CSV
