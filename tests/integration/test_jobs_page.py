"""The jobs page's answers, on real storage, without a browser."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from devstack.azurite import Storage
from openface_runner.outcomes import KilledFromOutside, Outcome
from openface_runner.pages import Answer, Request, Site, addresses
from openface_runner.pages.published import LARGEST_DOWNLOAD
from openface_runner.records import Record, State, Step
from openface_runner.settings import JobsPage
from openface_runner.storage.browse import connect_browser
from openface_runner.storage.summaries import summary
from openface_runner.workspace import Workspace
from tests.support.bench import FACE, Bench
from tests.support.samples import RECORDINGS
from tests.support.storage_proxy import StorageProxy, answer, anything

CLIP_CSV = (RECORDINGS / "video-face" / "outputs" / "out" / "face.csv").read_bytes()
HOSTILE = "<img src=x onerror=alert(1)>\" onload='x.jpg"
ADDRESSES = re.compile(r'(?:href|src|action|data-from)="([^"]*)"')


class Visitor:
    """Somebody who asks for pages."""

    def __init__(self, bench: Bench, connection_string: str, page: JobsPage = JobsPage.OPEN) -> None:
        settings = bench.services.settings
        browser = connect_browser(
            jobs_container=settings.jobs_container,
            output_container=settings.output_container,
            environment={"MediaStorage": connection_string},
        )
        self.site = Site(browser, Workspace(bench.folder / "work"), page)

    def ask(self, path: str = "", **query: str) -> Answer:
        return self.site.answer(Request(path=path, query=query, headers={"host": "localhost"}))

    def read(self, path: str = "", **query: str) -> str:
        found = self.ask(path, **query)
        assert found.status == 200
        return found.body.decode()


@pytest.fixture
def visitor(bench: Bench, storage: Storage) -> Visitor:
    return Visitor(bench, storage.connection_string)


def path_of(bench: Bench, name: str = "face.jpg") -> str:
    return addresses.of_medium(bench.container, name).removeprefix(f"{addresses.ROOT}/")


def put_record(bench: Bench, name: str, **fields: object) -> None:
    """Write a record, as one of another process."""
    record = Record.model_validate({"container": bench.container, "blob": name, "state": "running", **fields})
    bench.services.prepare()
    bench.record_blob_of(name).upload_blob(record.to_json(), metadata=summary(record), overwrite=True)


def test_containers_and_their_media_can_be_reached_from_the_front_page(bench: Bench, visitor: Visitor) -> None:
    bench.run()
    paths = [""]
    seen = set()
    while paths:
        path = paths.pop()
        if path in seen:
            continue
        seen.add(path)
        query = dict(part.split("=") for part in path.partition("?")[2].split("&") if part)
        body = visitor.ask(path.partition("?")[0], **query)
        assert body.status == 200, path
        if body.media_type == "text/html":
            found = ADDRESSES.findall(body.body.decode())
            assert all(address.startswith((addresses.ROOT, "#")) for address in found)
            paths += [address.removeprefix(addresses.ROOT).lstrip("/") for address in found if address[0] != "#"]
    medium = path_of(bench)
    assert {bench.container, medium, f"{medium}?show=plots", f"{medium}?download=csv"} <= seen


def test_before_the_first_job_the_page_says_how_to_begin(visitor: Visitor) -> None:
    assert "No job yet." in visitor.read()


def test_a_failed_job_is_shown_with_its_sentence_and_what_to_do(bench: Bench, visitor: Visitor) -> None:
    bench.upload("broken.jpg", FACE[:20_000])
    bench.run("broken.jpg")
    body = visitor.read(path_of(bench, "broken.jpg"))
    record = bench.record("broken.jpg")
    assert record.outcome is Outcome.UNREADABLE
    assert record.message in body
    assert record.advice in body
    assert "There is no CSV." in body
    assert "unreadable" in visitor.read(bench.container)
    assert 'class="number is-failed">1<' in visitor.read()


def test_a_job_that_is_tried_again_says_so_and_keeps_the_error_for_developers(bench: Bench, visitor: Visitor) -> None:
    bench.program("kill -KILL $$")
    with pytest.raises(KilledFromOutside):
        bench.run()
    body = visitor.read(path_of(bench))
    assert "it is tried again by itself" in body
    assert "For developers" in body
    assert "KilledFromOutside" in body


def test_a_running_video_shows_how_far_it_is(bench: Bench, visitor: Visitor) -> None:
    steps = {step: datetime.now(UTC) for step in (Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED)}
    put_record(bench, "clip.mp4", attempts=1, progress=40, steps=steps)
    bench.record_blob_of("clip.mp4").acquire_lease(60)
    body = visitor.read(path_of(bench, "clip.mp4"))
    assert '<progress max="100" value="40"' in body
    assert "40 percent of the frames" in body
    assert '<progress max="100" value="40"' in visitor.read(bench.container)


def test_names_from_outside_are_only_ever_text(bench: Bench, visitor: Visitor) -> None:
    bench.upload(HOSTILE)
    bench.run(HOSTILE)
    put_record(bench, "a.jpg", state=State.ENDED, outcome="crashed", message="<script>m</script>", error="<b>e</b>")
    for path in (bench.container, path_of(bench, HOSTILE), path_of(bench, "a.jpg")):
        body = visitor.read(path)
        assert not re.search(r"<img src=x|<script>|<b>e", body)
    assert "&lt;script&gt;m" in visitor.read(path_of(bench, "a.jpg"))
    name = visitor.ask(path_of(bench, HOSTILE), download="csv").headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9._%~-]+", name)


def test_every_answer_forbids_what_the_page_does_not_need(bench: Bench, visitor: Visitor) -> None:
    for path in ("", bench.container, path_of(bench), "nowhere", "static/page.js"):
        headers = visitor.ask(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store" or path.startswith("static/")


def test_a_csv_and_a_record_are_downloaded_as_they_are(bench: Bench, visitor: Visitor) -> None:
    bench.run()
    csv = visitor.ask(path_of(bench), download="csv")
    assert (csv.body, csv.media_type) == (bench.csv(), "text/csv")
    assert csv.headers["Content-Disposition"] == "attachment; filename*=UTF-8''face.jpg.csv"
    record = visitor.ask(path_of(bench), download="record")
    assert json.loads(record.body)["outcome"] == "analysed"


def test_a_csv_that_is_too_large_to_pass_through_is_named_with_the_command_that_fetches_it(
    bench: Bench, visitor: Visitor
) -> None:
    bench.run()
    bench.result.upload_blob(b"x" * (LARGEST_DOWNLOAD + 1), overwrite=True)
    assert f"python -m openface_runner fetch {bench.container}" in visitor.read(path_of(bench))
    assert visitor.ask(path_of(bench), download="csv").status == 404


def test_plots_come_when_they_are_asked_for_and_follow_a_newer_result(bench: Bench, visitor: Visitor) -> None:
    bench.run()
    assert "data-plots" not in visitor.read(path_of(bench))
    assert "lip corner puller" in visitor.read(path_of(bench), show="plots")
    bench.result.upload_blob(CLIP_CSV, overwrite=True)
    assert "data-moment" in visitor.read(path_of(bench), show="plots")
    bench.result.upload_blob(b"no table", overwrite=True)
    assert "This CSV can't be drawn" in visitor.read(path_of(bench), show="plots")


def test_many_media_come_in_pages_newest_first_and_can_be_narrowed_down(bench: Bench, visitor: Visitor) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(105):
        steps = {Step.CLAIMED: begin + timedelta(minutes=number)}
        outcome = Outcome.CRASHED if number % 5 == 0 else Outcome.ANALYSED
        put_record(bench, f"{number:03}.jpg", state=State.ENDED, outcome=outcome, attempts=1, steps=steps)
    rows = re.compile(r">(\d{3})\.jpg<")
    first, second = (rows.findall(visitor.read(bench.container, page=page)) for page in ("1", "2"))
    assert first + second == [f"{number:03}" for number in reversed(range(105))]
    failed = rows.findall(visitor.read(bench.container, status="failed"))
    assert failed == [f"{number:03}" for number in reversed(range(0, 105, 5))]
    assert rows.findall(visitor.read(bench.container, page="99")) == second
    assert rows.findall(visitor.read(bench.container, page="²")) == first


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("nowhere", {}, "There is no such container"),
        ("00000000-0000-4000-8000-000000000000", {}, "There is no such container"),
        ("00000000-0000-4000-8000-000000000000/face.jpg", {}, "There is no such medium"),
        ("00000000-0000-4000-8000-000000000000/~=", {}, "There is no such medium"),
        ("static/../site.py", {}, "There is no such file"),
        ("static/vendor/LICENSE", {}, "There is no such file"),
    ],
)
def test_what_is_not_there_is_said_to_be_not_there(
    visitor: Visitor, path: str, query: dict[str, str], said: str
) -> None:
    found = visitor.ask(path, **query)
    assert found.status == 404
    assert said in found.body.decode()


def test_a_container_can_be_opened_by_its_name(bench: Bench, visitor: Visitor) -> None:
    found = visitor.ask(container=f" {bench.container.upper()} ")
    assert (found.status, found.headers["Location"]) == (303, f"/api/jobs/{bench.container}")


def test_the_page_may_be_off_or_not_for_everybody(bench: Bench, storage: Storage) -> None:
    bench.run()
    for page, status in ((JobsPage.OFF, 404), (JobsPage.SIGNED_IN, 403), (JobsPage.LOCAL, 200)):
        visitor = Visitor(bench, storage.connection_string, page)
        for path in ("", bench.container, path_of(bench), "static/page.js"):
            found = visitor.ask(path)
            assert found.status == status
            assert (bench.container in found.body.decode()) == (status == 200 and not path.startswith("static"))


def test_storage_that_does_not_answer_is_a_sentence_and_the_page_asks_again(bench: Bench, storage: Storage) -> None:
    with StorageProxy.running(storage) as proxy:
        visitor = Visitor(bench, proxy.connection_string)
        proxy.when(anything, answer(403, "AuthorizationPermissionMismatch"))
        found = visitor.ask()
        assert found.status == 503
        assert "Blob storage refused to list the index of containers" in found.body.decode()
        assert "data-refresh" in found.body.decode()


@pytest.mark.parametrize(("ended", "asks"), [(True, False), (False, True)])
def test_a_page_asks_again_as_long_as_something_goes_on(
    bench: Bench, visitor: Visitor, *, ended: bool, asks: bool
) -> None:
    if ended:
        bench.run()
    assert ("data-refresh" in visitor.read(path_of(bench))) is asks


COSTS: list[tuple[str, Callable[[Bench], str], int]] = [
    ("front page", lambda _: "", 3),
    ("container", lambda bench: bench.container, 2),
    ("medium", path_of, 4),
]


@pytest.mark.parametrize(("path", "requests"), [cost[1:] for cost in COSTS], ids=[cost[0] for cost in COSTS])
def test_a_page_costs_so_many_requests_however_many_jobs_there_are(
    bench: Bench, storage: Storage, path: Callable[[Bench], str], requests: int
) -> None:
    bench.run()
    counts = []
    with StorageProxy.running(storage) as proxy:
        visitor = Visitor(bench, proxy.connection_string)
        for number in (1, 40):
            for _ in range(number):
                put_record(bench, f"{uuid.uuid4()}.jpg", state=State.ENDED, outcome=Outcome.ANALYSED)
            proxy.forget()
            visitor.read(path(bench))
            counts.append(len(proxy.requests))
    assert counts == [requests, requests]
