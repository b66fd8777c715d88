"""What the host does when functions fail, when the worker dies, and when the app can't be loaded."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships none
import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from devstack.azurite import Storage
from devstack.errors import DevstackError, FunctionAppError
from devstack.functions_host.results import Outcome
from devstack.running import Devstack
from tests.conftest import StartDevstack
from tests.support.devstack_apps import HEAD, new_container

WriteApp = Callable[..., Path]


@pytest.fixture
def service(storage: Storage) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


def test_a_function_that_raises_is_tried_again_and_then_poisoned(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient, storage: Storage
) -> None:
    app = write_app(
        HEAD + "@on_upload\ndef fail(client: blob.BlobClient) -> None:\n    raise ValueError('broken on purpose')\n",
        host_json='{"version": "2.0", "extensions": {"blobs": {"poisonBlobThreshold": 3}}}',
    )
    stack = start_devstack(app)
    container = new_container(service)
    container.upload_blob("bad ü.jpg", b"x")
    tries = [stack.next_attempt(container.container_name, "bad ü.jpg") for _ in range(3)]
    assert [(result.attempt, result.outcome) for result in tries] == [
        (1, Outcome.FAILED),
        (2, Outcome.FAILED),
        (3, Outcome.POISONED),
    ]
    assert all("ValueError: broken on purpose" in result.error for result in tries)
    with QueueClient.from_connection_string(storage.connection_string, "webjobs-blobtrigger-poison") as poison:
        messages = [json.loads(base64.b64decode(message.content)) for message in poison.receive_messages()]
    (message,) = [each for each in messages if each["ContainerName"] == container.container_name]
    assert message["ETag"]
    assert {name: value for name, value in message.items() if name != "ETag"} == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.fail",
        "BlobType": "BlockBlob",
        "ContainerName": container.container_name,
        "BlobName": "bad ü.jpg",
    }


def test_as_many_invocations_run_at_once_as_host_json_allows(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient
) -> None:
    app = write_app(
        HEAD
        + """
meeting = threading.Barrier(10)

@on_upload
def meet(client: blob.BlobClient) -> None:
    # Passes only when ten calls are here at the same time.
    meeting.wait(timeout=60)
""",
        host_json='{"version": "2.0", "extensions": {"blobs": {"maxDegreeOfParallelism": 10}}}',
    )
    stack = start_devstack(app, settings={"PYTHON_THREADPOOL_THREAD_COUNT": "10"})
    container = new_container(service)
    for number in range(10):
        container.upload_blob(f"{number}.jpg", b"x")
    results = [stack.wait_until_settled(container.container_name, f"{number}.jpg") for number in range(10)]
    assert all(result.succeeded and result.attempt == 1 for result in results), results


@pytest.mark.parametrize(
    ("death", "words"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"), ("os._exit(3)", "exit code 3")],
)
def test_a_worker_that_dies_counts_as_a_try_and_is_replaced(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient, death: str, words: str
) -> None:
    app = write_app(
        HEAD
        + f"""
@on_upload
def die_once(client: blob.BlobClient) -> None:
    grave = pathlib.Path("grave")
    if not grave.exists():
        grave.touch()
        {death}
"""
    )
    stack = start_devstack(app)
    first_worker = stack.host.worker_pid
    container = new_container(service)
    container.upload_blob("x.jpg", b"x")
    first, second = (stack.next_attempt(container.container_name, "x.jpg") for _ in range(2))
    assert first.outcome is Outcome.FAILED
    assert words in first.error
    assert second.succeeded
    assert second.attempt == 2
    assert stack.host.worker_pid != first_worker


def test_an_app_whose_import_raises_stops_the_start_with_its_own_message(
    start_devstack: StartDevstack, write_app: WriteApp
) -> None:
    app = write_app("raise RuntimeError('OpenFace is missing: set OPENFACE_BIN_DIR')\n")
    with pytest.raises(FunctionAppError, match=r"RuntimeError: OpenFace is missing: set OPENFACE_BIN_DIR\n"):
        start_devstack(app)


def test_an_app_that_ends_its_process_while_it_is_imported_stops_the_start(
    start_devstack: StartDevstack, write_app: WriteApp
) -> None:
    with pytest.raises(FunctionAppError, match="exit code 7"):
        start_devstack(write_app("import os\nos._exit(7)\n"))


def test_an_app_that_cannot_be_imported_again_is_given_up(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient
) -> None:
    app = write_app(
        HEAD
        + """
if pathlib.Path("ran").exists():
    raise RuntimeError("no second life")

@on_upload
def die(client: blob.BlobClient) -> None:
    pathlib.Path("ran").touch()
    os._exit(1)
"""
    )
    stack = start_devstack(app)
    container = new_container(service)
    container.upload_blob("x.jpg", b"x")
    assert stack.next_attempt(container.container_name, "x.jpg").outcome is Outcome.FAILED
    with pytest.raises(DevstackError, match="no second life"):
        stack.wait_until_settled(container.container_name, "x.jpg")


def test_what_runs_when_the_host_stops_is_run_by_the_next_one(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient, storage: Storage
) -> None:
    app = write_app(
        HEAD
        + """
@on_upload
def wait_for_ever_at_first(client: blob.BlobClient) -> None:
    if client.blob_name == "x.jpg" and not os.environ.get("SECOND"):
        account = BlobServiceClient.from_connection_string(os.environ["AzureWebJobsStorage"])
        account.get_blob_client(client.container_name, "x is running").upload_blob(b"")
        threading.Event().wait()
"""
    )
    container = new_container(service)
    with Devstack.running(app, storage=storage) as first:
        container.upload_blob("x.jpg", b"x")
        assert first.wait_until_settled(container.container_name, "x is running").succeeded
        worker = first.host.worker_pid
        assert worker is not None
    assert not psutil.pid_exists(worker)
    second = start_devstack(app, settings={"SECOND": "yes"})
    result = second.wait_until_settled(container.container_name, "x.jpg")
    assert (result.outcome, result.attempt) == (Outcome.SUCCEEDED, 2)


def test_async_functions_the_context_and_log_lines_work_as_in_azure(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient
) -> None:
    app = write_app(
        HEAD
        + """
@on_upload
async def look(client: blob.BlobClient, context: func.Context) -> None:
    await asyncio.sleep(0)
    logging.info("%s runs as %s", context.function_name, context.invocation_id)

@app.route("status")
def status(req: func.HttpRequest) -> str:
    return "not run by this host"
"""
    )
    stack = start_devstack(app)
    container = new_container(service)
    container.upload_blob("x.jpg", b"x")
    result = stack.wait_until_settled(container.container_name, "x.jpg")
    assert result.succeeded, result.error
    assert f"[look {result.invocation_id[:8]}] look runs as {result.invocation_id}" in stack.app_output


def test_a_parameter_that_this_host_cannot_make_fails_with_advice(
    start_devstack: StartDevstack, write_app: WriteApp, service: BlobServiceClient
) -> None:
    app = write_app(
        HEAD + "@on_upload\ndef read(client: func.InputStream) -> None: ...\n",
        host_json='{"version": "2.0", "extensions": {"blobs": {"poisonBlobThreshold": 1}}}',
    )
    stack = start_devstack(app)
    container = new_container(service)
    container.upload_blob("x.jpg", b"x")
    result = stack.wait_until_settled(container.container_name, "x.jpg")
    assert result.poisoned
    assert "This host passes SDK types only" in result.error
