"""``replay`` of jobs that have no message: their event was lost, or their message expired. They are found by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from openface_runner.cli import main
from openface_runner.outcomes import KilledFromOutside, Outcome
from openface_runner.records import HOST_TRIES
from tests.support.bench import FACE, Bench, meanwhile
from tests.support.operator import FUNCTION
from tests.support.webhook_server import WebhookServer, webhook_server

Replay = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def replay(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Run the command as an operator of the bench's app; its exit code, what it said in JSON, and its complaints."""
    for name, value in bench.settings().items():
        monkeypatch.setenv(name, value)

    def run(app: WebhookServer, *names: str) -> tuple[int, list[dict[str, Any]], str]:
        code = main(["replay", *names, "--host", app.address, "--json"])
        said = capsys.readouterr()
        return code, [json.loads(line) for line in said.out.splitlines()], said.err

    return run


def give_up(bench: Bench, name: str = "face.jpg") -> None:
    """Try a job as often as the host does; the message that it then writes has expired."""
    bench.program("kill -KILL $$")
    for _ in range(HOST_TRIES):
        with pytest.raises(KilledFromOutside):
            bench.run(name)


def end_two(bench: Bench) -> None:
    """Let the job of ``face.jpg`` end with a result, and that of ``no picture.jpg`` without one."""
    bench.run()
    bench.upload("no picture.jpg", b"no picture")
    bench.run("no picture.jpg")


def results(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line["blob"]: line["result"] for line in lines}


@pytest.mark.fault(
    "a poison message expires before somebody puts the job back", "named, the job is put back all the same"
)
@pytest.mark.parametrize("by_container", [False, True], ids=["by its name", "by its container"])
def test_a_job_whose_message_expired_is_put_back_by_name(bench: Bench, replay: Replay, by_container: bool) -> None:
    give_up(bench)
    name = bench.container if by_container else f"{bench.container}/face.jpg"
    with webhook_server() as app:
        code, lines, complaints = replay(app, name)
    assert (code, results(lines), complaints) == (0, {"face.jpg": "posted"}, "")
    (post,) = app.posts
    assert post.target.endswith(f"?functionName={FUNCTION}")
    assert post.url.endswith(f"/{bench.container}/face.jpg")


@pytest.mark.fault("events of uploads are lost", "their container's name is enough to have the media analysed")
def test_media_whose_events_were_lost_are_put_back_by_their_container_and_ended_jobs_are_not(
    bench: Bench, replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    end_two(bench)
    bench.upload("lost/1.jpg")
    bench.upload("lost/2.jpg")
    with webhook_server() as app:
        code, lines, _ = replay(app, f"{bench.container}/")
        assert (code, results(lines)) == (0, {"lost/1.jpg": "posted", "lost/2.jpg": "posted"})
        for line in lines:
            bench.run(line["blob"])
        assert replay(app, bench.container) == (0, [], "")
        assert main(["replay", bench.container, "--host", app.address]) == 0
    assert capsys.readouterr().out == f"{bench.container}: nothing is left to put back.\n"
    assert bench.record("lost/2.jpg").outcome is Outcome.ANALYSED
    assert len(app.posts) == 2


def test_an_overwritten_medium_whose_new_event_was_lost_is_put_back_by_its_name(bench: Bench, replay: Replay) -> None:
    bench.run()
    bench.upload("face.jpg", FACE + b"\0")
    with webhook_server() as app:
        code, lines, _ = replay(app, f"{bench.container}/face.jpg")
    assert (code, results(lines)) == (0, {"face.jpg": "posted"})
    assert app.posts[0].event["data"]["eTag"] == bench.etag() != bench.record().source["etag"]


def test_what_has_ended_needs_no_event_and_is_told_so(
    bench: Bench, replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    end_two(bench)
    names = [f"{bench.container}/{name}" for name in ("face.jpg", "no picture.jpg")]
    with webhook_server() as app:
        code, lines, _ = replay(app, *names)
        assert (code, results(lines)) == (0, {"face.jpg": "none", "no picture.jpg": "none"})
        assert main(["replay", *names, "--host", app.address]) == 0
    said = capsys.readouterr().out
    assert "Nothing to put back: it is measured." in said
    assert "Nothing to put back: its job has ended; its record says why." in said
    assert app.posts == []


def test_what_is_being_analysed_is_left_alone(bench: Bench, replay: Replay) -> None:
    seen = []
    names = [f"{bench.container}/face.jpg", bench.container]
    with webhook_server() as app, meanwhile(bench, lambda: seen.append(replay(app, *names))):
        bench.run()
    ((code, lines, _),) = seen
    assert (code, results(lines)) == (0, {"face.jpg": "none"})
    assert app.posts == []


def test_a_medium_that_was_deleted_is_told_as_gone(bench: Bench, replay: Replay) -> None:
    give_up(bench)
    bench.medium.delete_blob()
    with webhook_server() as app:
        code, lines, _ = replay(app, f"{bench.container}/face.jpg")
    assert (code, results(lines)) == (0, {"face.jpg": "gone"})
    assert app.posts == []


@pytest.mark.parametrize(
    "name",
    [
        "openface-output",
        "openface-output/face.csv",
        "3f0c5a9e-6d1b-4c57-8a55-0d6d2f4e9c11",
        "../face.jpg",
        "\x1b[2J",
        "",
    ],
)
def test_a_name_of_nothing_is_told_and_nothing_is_asked_for_under_it(bench: Bench, replay: Replay, name: str) -> None:
    with webhook_server() as app:
        code, lines, complaints = replay(app, name)
    assert (code, lines) == (1, [])
    assert "is not in the poison queue, and there is no such" in complaints
    assert "\x1b" not in complaints
    assert app.posts == []


def test_an_app_that_refuses_one_event_is_told_of_the_others(bench: Bench, replay: Replay) -> None:
    bench.upload("other.jpg")
    with webhook_server(lambda number: 404 if number == 0 else 202) as app:
        code, lines, _ = replay(app, bench.container)
    assert (code, results(lines)) == (1, {"face.jpg": "left", "other.jpg": "posted"})
    assert FUNCTION in lines[0]["reason"]
