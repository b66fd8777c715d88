"""5: what an event costs in an account with many blobs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.clips import FACE
from benchmarks.measuring import Result, alternating, paired_ratio
from benchmarks.setting import Setting
from openface_runner.jobs import analyse_blob
from openface_runner.services import Services
from tests.support.storage_proxy import Request, StorageProxy

_UPLOADS_AT_ONCE = 8


def run(repeat: int, *, numbers: Sequence[int] = (100, 1_000, 10_000)) -> Result:
    """Requests and time of a job, with a fake OpenFace."""
    result = Result(
        title="One event, by the number of blobs in the account",
        columns=("blobs", "storage requests a job", "job / the same requests bare", "job"),
    )
    there = 0
    with Setting.running(fake=True) as setting:
        for number in numbers:
            _fill(setting, number - there)
            there = number
            requests = _requests_of_a_job(setting)
            samples = alternating(
                {"job": lambda: _run(setting, setting.services), "bare": lambda: _bare(setting)}, repeat
            )
            ratio = f"{paired_ratio(samples['job'], samples['bare']):.2f}"
            result.rows.append((f"{number:,}", str(len(requests)), ratio, str(samples["job"])))
        result.notes.append("The requests: " + "; ".join(_shown(request, setting) for request in requests) + ".")
    return result


def _fill(setting: Setting, number: int) -> None:
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        list(pool.map(lambda _: setting.upload(b"x"), range(number)))


def _run(setting: Setting, services: Services) -> None:
    analyse_blob(services, setting.container, setting.upload(FACE).blob_name)


def _requests_of_a_job(setting: Setting) -> tuple[Request, ...]:
    with StorageProxy.running(setting.storage) as proxy:
        services = setting.start(MediaStorage=proxy.connection_string)
        # A process's first job in a container asks for more: it makes our containers, and an entry in the index.
        _run(setting, services)
        proxy.forget()
        _run(setting, services)
        return proxy.requests


def _shown(request: Request, setting: Setting) -> str:
    container = {setting.container: "media"}.get(request.container, request.container.removeprefix("openface-"))
    action = request.headers.get("x-ms-lease-action", "") or request.query.get("restype", "") or request.comp
    return " ".join(word for word in (f"`{request.method}`", container, action) if word)


def _bare(setting: Setting) -> None:
    """What a job asks of storage, one request after the other, with nothing in between."""
    medium = setting.upload(FACE)
    container = setting.service.get_container_client(setting.container)
    record = setting.service.get_blob_client("openface-jobs", f"{medium.blob_name}.bare")
    medium.get_blob_properties()
    container.get_container_properties()
    record.upload_blob(b"{}", overwrite=False)
    lease = record.acquire_lease(15)
    medium.download_blob().readall()
    medium.get_blob_properties()
    record.upload_blob(b"{}", overwrite=True, lease=lease)
    setting.service.get_blob_client("openface-output", f"{medium.blob_name}.bare").upload_blob(b"x" * 10_000)
    record.upload_blob(b"{}", overwrite=True, lease=lease)
    medium.get_blob_properties()
    lease.release()
