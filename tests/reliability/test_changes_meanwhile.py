"""The medium changes at every step of its job: the end state is the newest version's, whatever the step was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from devstack.azurite import Storage
from openface_runner.outcomes import Outcome
from openface_runner.records import State
from tests.support.bench import FACE, Bench
from tests.support.fake_openface import GOOD_IMAGE
from tests.support.fault_report import FAULTS
from tests.support.storage_proxy import StorageProxy, call, nth

EACH_STEP = "at each of the job's requests to storage"


@pytest.fixture
def proxy(storage: Storage, bench: Bench) -> Iterator[StorageProxy]:
    """A proxy that the bench's storage is behind, with what a process's first job makes there made already."""
    with StorageProxy.running(storage) as running:
        bench.services = bench.start(MediaStorage=running.connection_string)
        bench.upload("first.jpg")
        bench.run("first.jpg")
        yield running


def steps_of_a_job(bench: Bench, proxy: StorageProxy) -> int:
    proxy.forget()
    bench.run()
    return len(proxy.requests)


def run_with(bench: Bench, proxy: StorageProxy, medium: str, number: int, act: Callable[[], object]) -> bool:
    """Act when the job has come to this request; whether it came to it before its claim was released."""
    proxy.forget()
    rule = proxy.when(nth(number), call(lambda _: act()))
    bench.run(medium)
    (request,) = rule.requests
    return request.headers.get("x-ms-lease-action") != "release"


@pytest.mark.fault(f"the medium is overwritten {EACH_STEP}", "the CSV is of the newest version, and there is one")
def test_a_medium_that_is_overwritten_ends_in_its_newest_version(
    bench: Bench, proxy: StorageProxy, record_property: Callable[[str, object], None]
) -> None:
    steps = steps_of_a_job(bench, proxy)
    for number in range(1, steps + 1):
        name = f"{number}.jpg"
        medium = bench.upload(name)
        covered = run_with(bench, proxy, name, number, partial(medium.upload_blob, FACE, overwrite=True))
        if not covered:
            bench.run(name)  # the new version's own event, which found the claim free
        etag = medium.get_blob_properties().etag.strip('"')
        record = bench.record(name)
        assert (record.state, record.outcome, record.source["etag"]) == (State.ENDED, Outcome.ANALYSED, etag), number
        assert bench.result_of(name).get_blob_properties().metadata["source_etag"] == etag, number
        bench.run(name)  # and its own event changes nothing
        assert bench.record(name) == record, number
    record_property(FAULTS, steps)


@pytest.mark.fault(
    f"the medium is given new metadata {EACH_STEP}, without an event", "measured as the newest metadata ask"
)
def test_new_metadata_are_obeyed_without_an_event(
    bench: Bench, proxy: StorageProxy, record_property: Callable[[str, object], None]
) -> None:
    steps = steps_of_a_job(bench, proxy)
    # The last step releases the claim: what changes then changes after the job.
    for number in range(1, steps):
        name = f"{number}.jpg"
        medium = bench.upload(name)
        run_with(bench, proxy, name, number, partial(medium.set_blob_metadata, {"capture": "wild"}))
        etag = medium.get_blob_properties().etag.strip('"')
        record = bench.record(name)
        assert (record.state, record.request["capture"], record.source["etag"]) == (State.ENDED, "wild", etag), number
        assert bench.result_of(name).get_blob_properties().metadata["source_etag"] == etag, number
    record_property(FAULTS, steps - 1)


@pytest.mark.fault(
    f"the medium is deleted {EACH_STEP}", "no CSV, `withdrawn`; or a whole CSV, if it was analysed before"
)
def test_a_medium_that_is_deleted_leaves_no_half_done_job(
    bench: Bench, proxy: StorageProxy, record_property: Callable[[str, object], None]
) -> None:
    steps = steps_of_a_job(bench, proxy)
    expected = bench.csv()
    for number in range(1, steps + 1):
        name = f"{number}.jpg"
        medium = bench.upload(name)
        run_with(bench, proxy, name, number, medium.delete_blob)
        if bench.csv(name) is not None:
            assert bench.csv(name) == expected, number
            assert bench.record(name).state is State.ENDED, number
        elif bench.services.records.read(bench.container, name) is not None:
            assert bench.record(name).state is State.WITHDRAWN, number
        else:
            assert number == 1  # it was gone before it was even looked at
    record_property(FAULTS, steps)


@pytest.mark.fault(
    "a medium is overwritten again and again while it is analysed", "tried again later, and ends in its newest version"
)
def test_a_medium_that_never_rests_is_tried_again_later(bench: Bench, proxy: StorageProxy) -> None:
    downloads = proxy.when(
        lambda request: request.method == "GET" and request.blob == "face.jpg",
        call(lambda _: bench.medium.upload_blob(FACE, overwrite=True)),
        times=None,
    )
    with pytest.raises(
        Exception, match=r"face\.jpg: It changed 5 times while it was analysed.*find out what keeps writing"
    ):
        bench.run()
    assert (bench.record().state, bench.csv()) == (State.RETRYING, None)
    downloads.remove()
    bench.run()
    assert bench.result_source() == bench.etag()


@pytest.mark.fault("the medium's container is deleted while it is analysed", "no CSV, `withdrawn`")
def test_a_container_that_is_deleted_takes_its_jobs_along(bench: Bench, proxy: StorageProxy) -> None:
    is_download = lambda request: request.method == "GET" and request.blob == "face.jpg"  # noqa: E731
    proxy.when(is_download, call(lambda _: bench.delete_container()))
    bench.run()
    assert (bench.record().state, bench.csv()) == (State.WITHDRAWN, None)


@pytest.mark.fault(
    "a newer version is noticed while OpenFace is at work on the older", "OpenFace is stopped, the newer one measured"
)
def test_a_change_during_a_long_run_ends_that_run(bench: Bench, proxy: StorageProxy) -> None:
    started = bench.folder / "started"
    # Hangs on the first version for ever, and works on the next.
    bench.program(f'if [ ! -e "{started}" ]; then : > "{started}"; sleep 1000; fi\n{GOOD_IMAGE}')
    proxy.when(
        lambda request: request.headers.get("x-ms-lease-action") == "renew",
        call(lambda _: bench.medium.upload_blob(FACE, overwrite=True)),
    )
    bench.run()
    assert bench.result_source() == bench.etag()
    assert bench.record().outcome is Outcome.ANALYSED
