"""Storage that misbehaves under a job: errors, silence, cut connections, lost answers, a lost claim."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import (
    BlobLeaseClient,
    BlobServiceClient,
)

from openface_runner.outcomes import ClaimLost, Outcome, StorageUnavailable
from openface_runner.records import State
from openface_runner.storage import connect
from openface_runner.storage.transport import Patience
from tests.support.bench import Bench, meanwhile
from tests.support.fault_report import FAULTS
from tests.support.storage_faults import Fault
from tests.support.storage_jobs import GOOD_CSV, SHORT, SPENT, Jobs, lasting, through
from tests.support.storage_proxy import (
    Request,
    StorageProxy,
    answer,
    anything,
    call,
    cut,
    cut_in_request,
    cut_in_response,
    hang,
    nth,
)

REQUESTS = 14
"""Of one job in an app that has just started, which also makes its two containers and an entry in their index."""
ENDS_WELL = "the job waits a little and goes on: one CSV, byte for byte, and no try lost"
TRIED_LATER = "the error names the medium and what to do; the next delivery ends well"

RecordProperty = Callable[[str, object], None]


@pytest.fixture
def jobs(bench: Bench, proxy: StorageProxy) -> Jobs:
    return Jobs(bench, proxy)


def test_a_job_makes_the_same_requests_each_time(jobs: Jobs) -> None:
    jobs.run()
    first = jobs.shown()
    jobs.run()
    assert len(first) == REQUESTS
    assert jobs.shown() == first


def survives(what: str, fault: Fault) -> object:
    """A row of the table for a fault that a job outlives by itself."""
    return pytest.param(fault, id=what, marks=pytest.mark.fault(what, ENDS_WELL))


AFTER_MS = {"x-ms-retry-after-ms": "20"}


@pytest.mark.parametrize(
    "fault",
    [
        survives("storage answers 500", answer(500, "InternalError")),
        survives("storage answers 503", answer(503, "ServerBusy")),
        survives("storage answers 429", answer(429, "TooManyRequests")),
        survives("storage answers 429 and says when to come back", answer(429, "TooManyRequests", headers=AFTER_MS)),
        survives("storage never answers", hang()),
        survives("the connection is cut before the answer", cut()),
        survives("the connection is cut in the middle of the request", cut_in_request()),
        survives("the connection is cut in the middle of the answer", cut_in_response()),
        survives("the connection is closed in the middle of the answer", cut_in_response(politely=True)),
    ],
)
def test_a_fault_at_each_request_of_a_job_does_it_no_harm(
    jobs: Jobs, fault: Fault, record_property: RecordProperty
) -> None:
    for number in range(1, REQUESTS + 1):
        rule = jobs.proxy.when(nth(number), fault)
        jobs.run()
        assert len(rule.requests) == 1
        jobs.check_end()
    record_property(FAULTS, REQUESTS)


@pytest.mark.parametrize(
    "fault",
    [
        survives("a write takes effect, and storage answers 500", answer(500, "InternalError", after=True)),
        survives("a write takes effect, and its answer is lost", cut(after=True)),
        survives("a write takes effect, and is never answered", hang(after=True)),
    ],
)
def test_an_answer_lost_after_each_write_of_a_job_does_it_no_harm(
    jobs: Jobs, fault: Fault, record_property: RecordProperty
) -> None:
    jobs.run()
    writes = [request.number for request in jobs.proxy.requests if request.writes]
    for number in writes:
        rule = jobs.proxy.when(nth(number), fault)
        jobs.run()
        assert len(rule.requests) == 1
        jobs.check_end(attempts=None)
    record_property(FAULTS, len(writes))


def lasts(what: str, fault: Fault, *methods: str) -> object:
    """A row of the table for a fault that lasts, from the first request with each of these methods on."""
    mark = pytest.mark.fault(f"{what}, for longer than a job waits", TRIED_LATER)
    return pytest.param(fault, methods, id=what, marks=mark)


LATER = {"Retry-After": "600"}


@pytest.mark.parametrize(
    ("fault", "methods"),
    [
        lasts("storage answers 500", answer(500, "InternalError"), "HEAD", "GET", "PUT"),
        lasts("storage answers 503", answer(503, "ServerBusy"), "HEAD", "GET", "PUT"),
        lasts("storage answers 429", answer(429, "TooManyRequests"), "HEAD", "GET", "PUT"),
        lasts("storage answers 429 and says to come back", answer(429, "TooManyRequests", headers=LATER), "GET", "PUT"),
        lasts("storage cuts every connection", cut(), "HEAD", "GET", "PUT"),
        lasts("storage never answers", hang(), "PUT"),
    ],
)
def test_storage_that_stays_away_is_told_and_the_next_delivery_ends_well(
    jobs: Jobs, fault: Fault, methods: tuple[str, ...], record_property: RecordProperty
) -> None:
    for method in methods:
        with jobs.proxy.when(lasting(method), fault, times=None), pytest.raises(StorageUnavailable) as raised:
            jobs.run(SPENT)
        text = str(raised.value)
        assert text.startswith(f"{jobs.bench.container}/{jobs.name}: Blob storage ")
        assert "it is tried again by itself" in text.lower()
        jobs.end_claim()
        jobs.deliver()
        jobs.check_end(attempts=None)
    record_property(FAULTS, len(methods))


def test_no_more_is_asked_when_storage_says_to_come_back_too_late(proxy: StorageProxy) -> None:
    proxy.when(anything, answer(429, "TooManyRequests", headers={"Retry-After": "600"}), times=None)
    with pytest.raises(StorageUnavailable, match=r"HTTP 429, TooManyRequests\. "):
        connect({"MediaStorage": proxy.connection_string}).source(str(uuid.uuid4()), "face.jpg").look()
    assert len(proxy.requests) == 1


class _Sleepless(RequestsTransport):  # type: ignore[misc]  # shipped without types
    """Notes the waits of the retry policy, and takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def sleep(self, duration: float) -> None:
        self.waits.append(duration)


def test_the_waits_grow_from_half_a_second_and_heed_what_storage_says(proxy: StorageProxy) -> None:
    transport = _Sleepless()
    service = BlobServiceClient.from_connection_string(
        proxy.connection_string, **{**Patience().client_options(), "transport": transport}
    )
    proxy.when(anything, answer(503, "ServerBusy"), times=6)
    proxy.when(anything, answer(503, "ServerBusy", headers={"Retry-After": "30"}))
    with service:
        service.get_account_information()
    for wait, expected in zip(transport.waits, (0.5, 1, 2, 4, 8, 10, 30), strict=True):
        assert 0.7 * expected <= wait <= 1.3 * expected


class _OtherHolder:
    """Somebody who takes the claim on a medium's record although it is held."""

    def __init__(self, bench: Bench) -> None:
        self._record = bench.record_blob
        self.lease: BlobLeaseClient | None = None

    def take(self) -> None:
        BlobLeaseClient(self._record).break_lease(0)
        self.lease = self._record.acquire_lease(60)


@pytest.mark.fault("the claim is lost to another while OpenFace runs", "the first publishes nothing; the other may")
def test_a_job_whose_claim_was_taken_publishes_nothing(bench: Bench, proxy: StorageProxy) -> None:
    bench.services = through(bench.services, proxy.connection_string, SHORT)
    other = _OtherHolder(bench)
    with meanwhile(bench, other.take), pytest.raises(ClaimLost, match=f"^{bench.container}/face.jpg: "):
        bench.run()
    assert bench.csv() is None
    assert other.lease is not None
    other.lease.release()
    bench.run()
    assert bench.csv() == GOOD_CSV
    assert bench.record().state is State.ENDED


def _is_renewal(request: Request) -> bool:
    return request.headers.get("x-ms-lease-action") == "renew"


@pytest.mark.fault("the claim can't be renewed for a while", "the job keeps it, and ends well at its first try")
def test_renewals_that_fail_for_a_while_do_a_job_no_harm(bench: Bench, proxy: StorageProxy) -> None:
    bench.services = through(bench.services, proxy.connection_string, SHORT)
    proxy.when(_is_renewal, answer(503, "ServerBusy"))
    proxy.when(_is_renewal, cut())
    renewed = proxy.when(_is_renewal, call(lambda _: None, after=True))
    with meanwhile(bench, renewed.wait):
        bench.run()
    record = bench.record()
    assert (record.state, record.outcome, record.attempts) == (State.ENDED, Outcome.ANALYSED, 1)
    assert bench.csv() == GOOD_CSV
