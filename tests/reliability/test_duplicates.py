"""One event comes often, two come at once, or in the wrong order: one run, one record, one CSV."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.storage.blob import BlobLeaseClient, BlobProperties

from openface_runner.outcomes import ClaimLost, Outcome
from openface_runner.records import State
from tests.support.bench import FACE, Bench, meanwhile
from tests.support.fake_openface import GOOD_IMAGE
from tests.support.storage_proxy import Request, StorageProxy, call

AT_ONCE = 8


@pytest.mark.fault("one event is delivered 8 times at the same moment, to one instance", "one run of OpenFace, one CSV")
def test_many_deliveries_to_one_instance_make_one_run(bench: Bench) -> None:
    runs = bench.folder / "runs"
    bench.program(f'echo run >> "{runs}"\n{GOOD_IMAGE}')
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: bench.run(), range(AT_ONCE)))
    assert runs.read_text().split() == ["run"]
    assert (bench.record().state, bench.record().attempts, bench.published()) == (State.ENDED, 1, ["face.jpg"])


@pytest.mark.fault("one event is delivered 8 times at the same moment, to 8 instances", "one run of OpenFace, one CSV")
def test_many_deliveries_to_many_instances_make_one_run(bench: Bench) -> None:
    runs = bench.folder / "runs"
    instances = [bench.start() for _ in range(AT_ONCE)]
    bench.program(f'echo run >> "{runs}"\n{GOOD_IMAGE}')
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda instance: bench.run(services=instance), instances))
    assert runs.read_text().split() == ["run"]
    assert (bench.record().state, bench.record().attempts, bench.published()) == (State.ENDED, 1, ["face.jpg"])


def publishes(request: Request) -> bool:
    return request.method == "PUT" and request.blob.endswith("/face.jpg.csv")


@pytest.mark.fault("two holders of one claim race to publish", "one CSV, whole")
def test_a_holder_who_lost_its_claim_unawares_does_not_write_over_the_new_holders_result(
    bench: Bench, proxy: StorageProxy
) -> None:
    behind_proxy = bench.start(MediaStorage=proxy.connection_string)
    published: list[BlobProperties] = []

    def be_overtaken(_: Request) -> None:
        BlobLeaseClient(bench.record_blob).break_lease(0)
        bench.run()
        published.append(bench.result.get_blob_properties())

    proxy.when(publishes, call(be_overtaken))
    with pytest.raises(ClaimLost, match=r"face\.jpg: The claim on its record was lost"):
        bench.run(services=behind_proxy)
    bench.run()
    assert bench.result.get_blob_properties().etag == published[0].etag
    assert (bench.record().state, bench.record().outcome) == (State.ENDED, Outcome.ANALYSED)


@pytest.mark.fault("two holders of one claim race to publish", "one CSV, whole")
def test_a_new_holder_does_not_write_over_the_result_that_the_old_one_published_at_last(
    bench: Bench, proxy: StorageProxy
) -> None:
    behind_proxy = bench.start(MediaStorage=proxy.connection_string)
    new_is_about_to, old_has = threading.Event(), threading.Event()
    new = threading.Thread(target=lambda: bench.run(services=behind_proxy))

    def overtake(_: Request) -> None:
        BlobLeaseClient(bench.record_blob).break_lease(0)
        new.start()
        assert new_is_about_to.wait(30)

    def wait_for_the_old(_: Request) -> None:
        new_is_about_to.set()
        assert old_has.wait(30)

    proxy.when(publishes, call(overtake))
    proxy.when(publishes, call(wait_for_the_old))
    with pytest.raises(ClaimLost):
        bench.run(services=behind_proxy)
    published = bench.result.get_blob_properties()
    old_has.set()
    new.join()
    assert bench.result.get_blob_properties().etag == published.etag
    assert (bench.record().state, bench.record().outcome) == (State.ENDED, Outcome.ANALYSED)


@pytest.mark.fault("events arrive in the wrong order", "the newest version's CSV stays")
def test_an_older_versions_event_that_comes_late_changes_nothing(bench: Bench) -> None:
    # An event names a blob and not a version, so the order is that of the looks: newest first, then the late one.
    bench.medium.upload_blob(FACE, overwrite=True)
    bench.run()
    published, record = bench.result.get_blob_properties(), bench.record()
    bench.run()
    assert (bench.result.get_blob_properties().etag, bench.record()) == (published.etag, record)
    assert bench.result_source() == bench.etag()


@pytest.mark.fault(
    "a newer version's event comes while the older version is analysed", "the CSV is of the newest version"
)
def test_a_newer_versions_event_that_finds_the_job_claimed_is_covered_by_it(bench: Bench) -> None:
    waiting: list[threading.Thread] = []

    def overwrite_and_deliver() -> None:
        bench.medium.upload_blob(FACE, overwrite=True)
        waiting.append(threading.Thread(target=bench.run))
        waiting[0].start()

    with meanwhile(bench, overwrite_and_deliver):
        bench.run()
    waiting[0].join()
    assert bench.result_source() == bench.record().source["etag"] == bench.etag()
    assert bench.published() == ["face.jpg"]
