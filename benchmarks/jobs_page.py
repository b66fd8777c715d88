"""7: what the jobs page asks of storage, and how long it takes, with few and with many jobs."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from benchmarks.measuring import Result, Samples, alternating
from benchmarks.setting import Setting
from openface_runner.outcomes import Measured, Verdict
from openface_runner.pages import Request, Site
from openface_runner.records import Record, State, Step
from openface_runner.settings import JobsPage
from openface_runner.storage.browse import connect_browser
from openface_runner.storage.summaries import summary
from openface_runner.workspace import Workspace
from tests.support.storage_proxy import StorageProxy

_CONTAINERS = 20
"""As many as the front page shows."""
_AT_ONCE = 8


def run(repeat: int, *, numbers: tuple[int, ...] = (100, 10_000)) -> Result:
    """Requests and time of each kind of page, with so many jobs in the same 20 containers."""
    result = Result(
        title="The jobs page, by the number of jobs",
        columns=("jobs", "page", "storage requests", "time"),
    )
    with Setting.running(fake=True) as setting:
        setting.services.prepare()
        containers = [_new_container(setting, age) for age in range(_CONTAINERS)]
        there = 0
        for number in numbers:
            each = number // _CONTAINERS
            _fill(setting, containers, range(there, each))
            there = each
            for page, path in (
                ("front page, 20 containers", ""),
                (f"a container of {each}", containers[0]),
                ("a medium", f"{containers[0]}/0.jpg"),
            ):
                requests, time = _look(setting, path, repeat)
                result.rows.append((f"{number:,}", page, str(requests), str(time)))
    return result


def _new_container(setting: Setting, age: int) -> str:
    name = str(uuid.uuid4())
    setting.service.create_container(name)
    setting.services.index.add(name, datetime.now(UTC) - timedelta(minutes=age))
    return name


def _fill(setting: Setting, containers: list[str], numbers: range) -> None:
    def put(job: tuple[str, int]) -> None:
        container, number = job
        name = f"{number}.jpg"
        etag = setting.service.get_blob_client(container, name).upload_blob(b"x" * 100)["etag"]
        record = _record(container, name, str(etag).strip('"'))
        place = setting.service.get_blob_client("openface-jobs", f"{container}/{name}.json")
        place.upload_blob(record.to_json(), metadata=summary(record))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(put, [(container, number) for container in containers for number in numbers]))


def _record(container: str, name: str, etag: str) -> Record:
    record = Record(container=container, blob=name, state=State.RUNNING, attempts=1, source={"etag": etag})
    for step in (Step.CLAIMED, Step.DOWNLOADED, Step.INSPECTED, Step.MEASURED, Step.PUBLISHED):
        record = record.reached(step)
    return record.judged(Verdict.analysed(Measured(faces=1, confidence_median=0.98, confidence_lowest=0.98))).ended()


def _look(setting: Setting, path: str, repeat: int) -> tuple[int, Samples]:
    def look(connection_string: str) -> Site:
        browser = connect_browser(
            jobs_container="openface-jobs",
            output_container="openface-output",
            environment={"MediaStorage": connection_string},
        )
        return Site(browser, Workspace(setting.folder), JobsPage.OPEN)

    request = Request(path=path, query={}, headers={})
    with StorageProxy.running(setting.storage) as proxy:
        answer = look(proxy.connection_string).answer(request)
        requests = len(proxy.requests)
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(answer.body.decode())
    site = look(setting.storage.connection_string)
    site.answer(request)

    def again() -> None:
        site.answer(request)

    return requests, alternating({"page": again}, repeat)["page"]
