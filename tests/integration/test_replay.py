"""``replay``: what was given up is shown, comes back through the front door, and is never lost on the way."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from devstack.azurite import Storage
from devstack.errors import AzuriteNotInstalled
from devstack.running import Devstack, running_storage
from devstack.stack import REPOSITORY
from openface_runner.cli import main
from openface_runner.outcomes import Outcome
from openface_runner.storage import connect
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install, only_on_samples
from tests.support.missing import skip_or_fail
from tests.support.operator import FACE, FUNCTION, Operator
from tests.support.webhook_server import webhook_server

KEY = "a-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A storage of its own: ``replay --all`` would take other tests' poison messages too."""
    try:
        with running_storage(tmp_path_factory.mktemp("azurite")) as account:
            yield account
    except AzuriteNotInstalled as error:
        skip_or_fail(error)


@pytest.fixture
def operator(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    monkeypatch.setenv("MediaStorage", storage.connection_string)
    monkeypatch.setenv("BLOBS_EXTENSION_KEY", KEY)
    with (
        QueueClient.from_connection_string(storage.connection_string, "webjobs-blobtrigger-poison") as queue,
        BlobServiceClient.from_connection_string(storage.connection_string) as service,
    ):
        try:
            queue.create_queue()
        except ResourceExistsError:
            queue.clear_messages()
        yield Operator(storage, queue, service.create_container(str(uuid.uuid4())))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.fault("OpenFace is killed at every try, until somebody mends it", "the job is put back and analysed")
@pytest.mark.parametrize("has_expired", [False, True], ids=["within the week", "after its message has expired"])
def test_a_job_that_was_given_up_is_shown_with_its_error_and_put_back_once_the_fault_is_mended(
    operator: Operator, tmp_path: Path, capsys: pytest.CaptureFixture[str], has_expired: bool
) -> None:
    behaviour = tmp_path / "behaviour.sh"
    behaviour.write_text(only_on_samples(GOOD_IMAGE, otherwise="kill -KILL $$"))
    bin_dir = install(tmp_path / "bin", image=f'. "{behaviour}"', video=GOOD_VIDEO)
    local = dict.fromkeys(("MediaStorage", "AzureWebJobsStorage"), "UseDevelopmentStorage=true")
    settings = {**local, "OPENFACE_BIN_DIR": str(bin_dir)}
    with Devstack.running(REPOSITORY, settings=settings, storage=operator.storage) as stack:
        operator.media.upload_blob("a face.jpg", FACE)
        assert stack.wait_until_settled(operator.container, "a face.jpg").poisoned

        assert main(["replay"]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"{operator.container}/a face.jpg (given up 2")
        assert "5 tries, last error: KilledFromOutside: " in shown

        behaviour.write_text(GOOD_IMAGE)
        if has_expired:
            operator.queue.clear_messages()
        which = f"{operator.container}/a face.jpg" if has_expired else "--all"
        assert main(["replay", which, "--host", stack.host.url]) == 0
        assert "Put back." in capsys.readouterr().out
        assert stack.wait_until_settled(operator.container, "a face.jpg").succeeded
    record = connect().records("openface-jobs").read(operator.container, "a face.jpg")
    assert record is not None
    assert record.outcome is Outcome.ANALYSED
    assert operator.visible() == []


def test_an_empty_queue_and_one_that_never_was_are_told_as_empty(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay"]) == 0
    operator.queue.delete_queue()
    assert main(["replay"]) == 0
    assert main(["replay", "--all"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines() == ["The poison queue is empty."] * 3


@pytest.mark.parametrize("number", [31, 70])
def test_the_list_shows_every_message_and_leaves_every_one_visible(
    operator: Operator, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    names = [f"{i:03}.jpg" for i in range(number)]
    operator.poison(*names, upload=False)
    assert main(["replay", "--json"]) == 0
    assert sorted(line["blob"] for line in lines(capsys)) == names
    assert operator.visible_names() == names


def test_only_the_named_jobs_are_put_back_and_the_others_stay_visible(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.poison("one.jpg", "two.jpg", "three.jpg")
    other = str(uuid.uuid4())
    operator.poison("else.jpg", container=other, upload=False)
    with webhook_server() as app:
        name = f"{operator.container}/two.jpg"
        assert main(["replay", name, "--host", app.address, "--json"]) == 0
        assert [(line["blob"], line["result"]) for line in lines(capsys)] == [("two.jpg", "posted")]
        operator.media.delete_blob("two.jpg")
        assert main(["replay", operator.container, "--host", app.address]) == 0
    assert sorted(post.url.rpartition("/")[2] for post in app.posts) == ["one.jpg", "three.jpg", "two.jpg"]
    assert operator.visible_names() == ["else.jpg"]


def test_a_name_that_is_not_in_the_queue_is_told(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    with webhook_server() as app:
        assert main(["replay", f"{operator.container}/never.jpg", "--host", app.address]) == 1
    assert "never.jpg is not in the poison queue" in capsys.readouterr().err


def test_the_event_is_event_grids_with_the_key_in_a_header_and_nowhere_else(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "Gesicht ü? 100%#.jpg"
    operator.poison(name)
    with webhook_server() as app:
        assert main(["replay", "--all", "--host", app.address]) == 0
    (post,) = app.posts
    assert post.target == f"/runtime/webhooks/blobs?functionName={FUNCTION}"
    assert (post.headers["aeg-event-type"], post.headers["x-functions-key"]) == ("Notification", KEY)
    assert post.event["eventType"] == "Microsoft.Storage.BlobCreated"
    etag = operator.media.get_blob_client(name).get_blob_properties().etag.strip('"')
    assert (post.event["data"]["eTag"], post.event["data"]["contentLength"]) == (etag, len(FACE))
    assert post.url.endswith(f"/{operator.container}/Gesicht%20%C3%BC%3F%20100%25%23.jpg")
    said = capsys.readouterr()
    assert KEY not in said.out + said.err + json.dumps(post.event) + post.target


@pytest.mark.fault("a poison message that no app wrote", "it is shown, and it stays")
@pytest.mark.parametrize(
    "text",
    [
        "not base64",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[1, 2]").decode(),
        base64.b64encode(b'{"ContainerName": "c"}').decode(),
        base64.b64encode(json.dumps({"FunctionId": 1, "ContainerName": [], "BlobName": {}}).encode()).decode(),
        base64.b64encode(b"[" * 10_000).decode(),
    ],
    ids=["text", "bytes", "a list", "no blob", "wrong types", "deeply nested"],
)
def test_a_message_that_cannot_be_understood_is_shown_and_stays(
    operator: Operator, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    operator.send(text)
    operator.poison("face.jpg")
    assert main(["replay", "--json"]) == 0
    assert [line.get("text") for line in lines(capsys)] == [text[:200], None]
    with webhook_server() as app:
        assert main(["replay", "--all", "--host", app.address]) == 1
    assert "can't be understood" in capsys.readouterr().out
    assert len(app.posts) == 1
    assert operator.visible() == [text]


@pytest.mark.fault("a poison message with a forged name", "nothing is asked for under that name; the message stays")
@pytest.mark.parametrize(
    ("container", "name"),
    [("openface-output", "face.csv"), (None, "../openface-output/evil.jpg"), (None, "\x1b[2Jface.jpg")],
)
def test_what_is_no_medium_of_this_app_stays(
    operator: Operator, capsys: pytest.CaptureFixture[str], container: str | None, name: str
) -> None:
    operator.poison(name, container=container, upload=False)
    with webhook_server() as app:
        assert main(["replay"]) == 0
        assert main(["replay", "--all", "--host", app.address]) == 1
    said = capsys.readouterr().out
    assert said.count("Not a medium of this app") == 2
    assert "\x1b" not in said
    assert app.posts == []
    assert operator.visible_names() == [name]


def test_a_medium_that_is_gone_is_told_and_its_message_leaves_when_it_is_replayed(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.poison("gone.jpg", upload=False)
    with webhook_server() as app:
        assert main(["replay"]) == 0
        assert main(["replay", "--all", "--host", app.address]) == 0
    said = capsys.readouterr().out
    assert "The medium is gone. There is no record of a try." in said
    assert "The medium is gone, so there is nothing to put back." in said
    assert app.posts == []
    assert operator.visible() == []


@pytest.mark.fault("the app stops answering while jobs are put back", "what was not taken is still in the poison queue")
def test_a_failure_in_the_middle_leaves_the_rest_in_the_queue(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.poison("1.jpg", "2.jpg", "3.jpg", "4.jpg")
    with webhook_server(lambda number: 202 if number < 2 else 500) as app:
        assert main(["replay", "--all", "--host", app.address]) == 1
    assert "answered HTTP 500 instead of 202" in capsys.readouterr().err
    posted = {post.url.rpartition("/")[2] for post in app.posts[:2]}
    assert operator.visible_names() == sorted({"1.jpg", "2.jpg", "3.jpg", "4.jpg"} - posted)


@pytest.mark.fault("a job that is put back fails again at once", "it goes round once, not for ever")
def test_a_job_that_fails_again_at_once_does_not_come_round_for_ever(operator: Operator) -> None:
    operator.poison("face.jpg")

    def fail_again(_: int) -> int:
        operator.poison("face.jpg", upload=False)
        return 202

    with webhook_server(fail_again) as app:
        # It ends, that is the point. The queue's clock counts seconds, so it may have come round within the first.
        assert main(["replay", "--all", "--host", app.address]) == 0
    assert operator.visible_names() == ["face.jpg"]


@pytest.mark.fault("no app listens where jobs are put back", "every job is still in the poison queue")
def test_without_an_app_nothing_leaves_the_queue(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    operator.poison("face.jpg")
    with webhook_server() as app:
        address = app.address
    assert main(["replay", "--all", "--host", address]) == 1
    assert f"The app at {address} did not answer" in capsys.readouterr().err
    assert operator.visible_names() == ["face.jpg"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_wrong_is_told_without_the_key(
    operator: Operator, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    operator.poison("face.jpg")
    with webhook_server(lambda _: status) as app:
        assert main(["replay", "--all", "--host", app.address]) == 1
    said = capsys.readouterr()
    assert "BLOBS_EXTENSION_KEY" in said.err
    assert KEY not in said.out + said.err
    assert operator.visible_names() == ["face.jpg"]


def test_an_app_without_the_function_leaves_that_message_and_takes_the_others(operator: Operator) -> None:
    operator.poison("1.jpg", "2.jpg")
    with webhook_server(lambda number: 404 if number == 0 else 202) as app:
        assert main(["replay", "--all", "--host", app.address]) == 1
    assert operator.visible_names() == [app.posts[0].url.rpartition("/")[2]]


@pytest.mark.fault("two people put the same jobs back at once", "each job is put back once")
def test_two_replays_at_once_post_each_job_once(operator: Operator) -> None:
    names = [f"{i:02}.jpg" for i in range(12)]
    operator.poison(*names)
    both = threading.Barrier(2, timeout=30)

    def answer(number: int) -> int:
        # Nobody gets an answer to the first post before the other one posts too.
        if number < both.parties:
            both.wait()
        return 202

    with webhook_server(answer) as app, ThreadPoolExecutor(2) as pool:
        replay = ["replay", "--all", "--host", app.address]
        assert list(pool.map(main, [replay, replay])) == [0, 0]
    assert sorted(post.url.rpartition("/")[2] for post in app.posts) == names
    assert operator.visible() == []


@pytest.mark.parametrize(
    "host", ["localhost:7071", "https://app.example/?code=secret", "https://user:secret@app.example", "http://[secret"]
)
def test_an_address_that_is_more_than_an_address_is_not_repeated(
    operator: Operator, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert main(["replay", "--all", "--host", host]) == 2
    said = capsys.readouterr()
    assert "BLOBS_EXTENSION_KEY" in said.err
    assert "secret" not in said.out + said.err


def test_names_together_with_all_are_wrong_use(operator: Operator) -> None:
    assert main(["replay", operator.container, "--all"]) == 2
