"""What is seen of jobs in storage: where each stands, newest containers first, with a bounded number of requests."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from devstack.azurite import Storage
from openface_runner.outcomes import KilledFromOutside, Outcome
from openface_runner.records import State
from openface_runner.status import Job, Status, Tally
from openface_runner.storage.browse import Browser, connect_browser
from openface_runner.storage.container_index import UnknownPage
from openface_runner.storage.summaries import summary
from tests.support.bench import FACE, Bench, meanwhile
from tests.support.storage_proxy import StorageProxy, answer


def browser_of(bench: Bench, **changes: str) -> Browser:
    settings = bench.services.settings
    return connect_browser(
        jobs_container=settings.jobs_container,
        output_container=settings.output_container,
        environment=bench.settings(**changes),
    )


@pytest.fixture
def browser(bench: Bench) -> Browser:
    return browser_of(bench)


def job(browser: Browser, bench: Bench, name: str = "face.jpg") -> Job:
    """A medium's job as a list shows it, after a check that its own page says the same."""
    (found,) = (job for job in browser.media(bench.container).jobs if job.name == name)
    medium = browser.medium(bench.container, name)
    assert medium is not None
    assert medium.status is found.status
    return found


@contextmanager
def poisoned(storage: Storage, container: str, name: str) -> Iterator[None]:
    """Give a job up for the time of the context, as the host does."""
    message = {"FunctionId": "Host.Functions.analyse_media", "ContainerName": container, "BlobName": name}
    with QueueClient.from_connection_string(storage.connection_string, "webjobs-blobtrigger-poison") as queue:
        with suppress(ResourceExistsError):
            queue.create_queue()
        sent = queue.send_message(base64.b64encode(json.dumps(message).encode()).decode())
        try:
            yield
        finally:
            queue.delete_message(sent)


def test_a_medium_whose_job_has_not_begun_is_waiting(bench: Bench, browser: Browser) -> None:
    found = job(browser, bench)
    assert (found.status, found.bytes, found.outcome) == (Status.WAITING, len(FACE), None)
    assert found.seconds(datetime.now(UTC)) is None


def test_a_job_is_running_as_long_as_somebody_holds_its_claim(bench: Bench, browser: Browser) -> None:
    seen = []
    with meanwhile(bench, lambda: seen.append(job(browser, bench))):
        bench.run()
    (found,) = seen
    assert found.status is Status.RUNNING
    assert 0 <= (found.seconds(datetime.now(UTC) + timedelta(seconds=5)) or 0) - 5 < 600


def test_a_job_whose_process_died_is_about_to_be_tried_again(bench: Bench, browser: Browser) -> None:
    bench.run()
    left = bench.record().model_copy(update={"state": State.RUNNING, "outcome": None})
    bench.record_blob.upload_blob(left.to_json(), metadata=summary(left), overwrite=True)
    assert job(browser, bench).status is Status.RETRYING


def test_ended_jobs_are_done_or_failed_with_their_times(bench: Bench, browser: Browser) -> None:
    bench.run()
    bench.upload("broken.jpg", b"no picture")
    bench.run("broken.jpg")
    done, failed = job(browser, bench), job(browser, bench, "broken.jpg")
    assert (done.status, done.outcome, done.attempts) == (Status.DONE, Outcome.ANALYSED, 1)
    assert (failed.status, failed.outcome) == (Status.FAILED, Outcome.UNREADABLE)
    assert 0 < (done.seconds(datetime.now(UTC)) or 0) < 600


def test_a_try_that_failed_is_followed_by_others_until_the_host_gives_up(
    bench: Bench, browser: Browser, storage: Storage
) -> None:
    bench.program("kill -KILL $$")
    for attempt in range(1, 6):
        with pytest.raises(KilledFromOutside):
            bench.run()
        assert job(browser, bench).status is (Status.RETRYING if attempt < 5 else Status.GAVE_UP)
    with pytest.raises(KilledFromOutside):
        bench.run()  # it was put back
    assert job(browser, bench).status is Status.RETRYING
    with poisoned(storage, bench.container, "face.jpg"):
        assert job(browser, bench).status is Status.GAVE_UP


def test_a_medium_that_was_given_up_before_it_had_a_record_is_not_shown_as_waiting(
    bench: Bench, browser: Browser, storage: Storage
) -> None:
    with poisoned(storage, bench.container, "face.jpg"):
        assert job(browser, bench).status is Status.GAVE_UP


def test_a_medium_that_was_deleted_afterwards_keeps_its_result_and_one_deleted_before_is_withdrawn(
    bench: Bench, browser: Browser
) -> None:
    bench.run()
    bench.medium.delete_blob()
    early = bench.upload("early.jpg")
    with meanwhile(bench, early.delete_blob):
        bench.run("early.jpg")
    assert (job(browser, bench).status, job(browser, bench).gone) == (Status.DONE, True)
    assert job(browser, bench, "early.jpg").status is Status.WITHDRAWN
    bench.delete_container()
    media = browser.media(bench.container)
    assert (media.gone, media.tally) == (True, Tally(done=1, withdrawn=1))


def test_a_name_that_is_too_long_for_its_record_is_found_all_the_same(bench: Bench, browser: Browser) -> None:
    for name in ("n" * 1020 + ".jpg", "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 700 + ".jpg"):
        bench.upload(name)
        bench.run(name)
        assert job(browser, bench, name).status is Status.DONE


def test_what_is_no_medium_is_neither_listed_nor_found(bench: Bench, browser: Browser) -> None:
    bench.upload("folder/").set_blob_metadata({"hdi_isfolder": "true"})
    assert [found.name for found in browser.media(bench.container).jobs] == ["face.jpg"]
    assert browser.medium(bench.container, "nothing.jpg") is None
    assert browser.media(str(uuid.uuid4())).gone


@pytest.mark.parametrize("name", ["../OTHER/face.jpg", "x/../../OTHER/face.jpg", "..\\OTHER\\face.jpg", "."])
def test_no_name_leads_into_another_container(bench: Bench, browser: Browser, name: str) -> None:
    bench.run()
    assert browser.medium(str(uuid.uuid4()), name.replace("OTHER", bench.container)) is None


def test_a_record_that_can_not_be_understood_is_taken_for_none(bench: Bench, browser: Browser) -> None:
    bench.run()
    bench.record_blob.upload_blob(b"{", overwrite=True)
    medium = browser.medium(bench.container, "face.jpg")
    assert medium is not None
    assert (medium.status, medium.record) == (Status.WAITING, None)


def test_a_medium_tells_of_its_record_its_result_and_whether_it_is_still_the_one_that_was_measured(
    bench: Bench, browser: Browser
) -> None:
    bench.run()
    medium = browser.medium(bench.container, "face.jpg")
    assert medium is not None
    assert medium.record == bench.record()
    assert medium.csv is not None
    assert medium.csv.bytes == len(bench.csv() or b"")
    assert not medium.is_outdated
    bench.upload("face.jpg", FACE + b"\0")
    newer = browser.medium(bench.container, "face.jpg")
    assert newer is not None
    assert newer.is_outdated


def test_containers_are_listed_newest_first_page_after_page(bench: Bench, browser: Browser) -> None:
    assert browser.containers(2).containers == ()
    bench.services.prepare()
    names = [str(uuid.uuid4()) for _ in range(5)]
    begin = datetime.now(UTC)
    for number, name in enumerate(names):
        bench.services.index.add(name, begin + timedelta(seconds=number))
    bench.start().index.add(names[0], begin)  # another instance meets it, too
    pages: list[list[str]] = []
    following: str | None = None
    while not pages or following:
        page = browser.containers(2, following)
        pages.append([container.name for container in page.containers])
        following = page.following
    assert pages == [[names[4], names[3]], [names[2], names[1]], [names[0]]]


def test_a_page_that_never_was_is_refused_as_such(bench: Bench, storage: Storage) -> None:
    bench.services.prepare()
    with StorageProxy.running(storage) as proxy:
        # Azurite takes any marker; the service's own answer to a wrong one.
        proxy.when(lambda request: "marker" in request.query, answer(400, "InvalidQueryParameterValue"))
        with pytest.raises(UnknownPage):
            browser_of(bench, MediaStorage=proxy.connection_string).containers(2, "no marker of the service's")


def test_a_container_is_in_the_index_from_its_first_job_on_with_how_many_stand_where(
    bench: Bench, browser: Browser
) -> None:
    bench.upload("waiting.jpg")
    bench.run()
    (container,) = browser.containers(20).containers
    assert (container.name, container.tally) == (bench.container, Tally(waiting=1, done=1))


def test_what_a_look_asks_of_storage_does_not_grow_with_the_number_of_jobs(bench: Bench, storage: Storage) -> None:
    with StorageProxy.running(storage) as proxy:
        browser = browser_of(bench, MediaStorage=proxy.connection_string)
        costs = []
        for number in (1, 12):
            for name in range(number):
                bench.upload(f"{name}.jpg")
                bench.run(f"{name}.jpg")
            looks = []
            for look in (
                lambda: browser.containers(20),
                lambda: browser.media(bench.container),
                lambda: browser.medium(bench.container, "0.jpg"),
            ):
                proxy.forget()
                look()
                looks.append(len(proxy.requests))
            costs.append(looks)
    assert costs[0] == costs[1] == [3, 2, 4]
