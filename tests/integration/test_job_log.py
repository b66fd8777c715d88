"""The line that each try at a job leaves in the log, and the operator's queries that work on it."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openface_runner.openface.installation import Program
from openface_runner.outcomes import JobError
from openface_runner.records import HOST_TRIES
from tests.support.bench import CLIP, Bench
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO

DOC = (Path(__file__).resolve().parents[2] / "docs/monitoring.md").read_text(encoding="utf-8")
KILLED = "kill -KILL $$"

Logged = list[tuple[int, dict[str, Any]]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], Logged]:
    """The jobs' lines so far, parsed, each with its level."""
    caplog.set_level(logging.INFO)

    def lines() -> Logged:
        # As the worker does: the message, and nothing else of the log record.
        texts = [(entry.levelno, entry.getMessage()) for entry in caplog.records if entry.getMessage().startswith("{")]
        return [(level, json.loads(text)) for level, text in texts]

    return lines


def fail(bench: Bench, times: int) -> None:
    bench.program(KILLED)
    for _ in range(times):
        with pytest.raises(JobError):
            bench.run()


def test_an_analysed_picture_leaves_one_line_with_its_timings(bench: Bench, logged: Callable[[], Logged]) -> None:
    bench.run()
    ((level, line),) = logged()
    assert level == logging.INFO
    assert (line["event"], line["container"], line["blob"]) == ("job", bench.container, "face.jpg")
    assert (line["state"], line["outcome"], line["error"], line["attempts"]) == ("ended", "analysed", None, 1)
    assert line["csv"] == f"{bench.services.settings.output_container}/{bench.container}/face.jpg.csv"
    assert (line["kind"], line["format"], line["batch_size"]) == ("image", "jpeg", 1)
    assert line["engine"] == str(bench.services.analyser.engine)
    assert line["openface_seconds"] > 0
    steps = {name: seconds for name, seconds in line["seconds"].items() if name not in ("queued", "total")}
    assert list(steps) == ["downloaded", "inspected", "measured", "published", "ended"]
    # The try's end is the record's, but for the time of writing it.
    assert sum(steps.values()) <= line["seconds"]["total"] + 0.001 * len(steps)


def test_an_outcome_that_needs_a_person_is_an_error(bench: Bench, logged: Callable[[], Logged]) -> None:
    bench.upload("letter.jpg", b"%PDF-1.7 a letter")
    bench.run("letter.jpg")
    ((level, line),) = logged()
    assert (level, line["outcome"], line["openface_seconds"], line["csv"]) == (logging.ERROR, "unsupported", None, None)
    assert "neither a picture nor a video" in line["message"]


def test_a_failed_try_is_a_warning_and_the_last_one_an_error(bench: Bench, logged: Callable[[], Logged]) -> None:
    fail(bench, times=HOST_TRIES)
    lines = logged()
    assert [(level, line["attempts"], line["last_try"]) for level, line in lines] == [
        *((logging.WARNING, number, False) for number in range(1, HOST_TRIES)),
        (logging.ERROR, HOST_TRIES, True),
    ]
    assert {(line["state"], line["outcome"]) for _, line in lines} == {("retrying", None)}
    assert all(line["error"].startswith("KilledFromOutside: ") for _, line in lines)


def test_a_medium_that_is_deleted_meanwhile_is_told_as_withdrawn(
    bench: Bench, pid_pipe: Path, tmp_path: Path, logged: Callable[[], Logged]
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    bench.program(f'echo $$ > "{pid_pipe}"; read -r _ < "{gate}"; {GOOD_IMAGE}')
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(bench.run)
        pid_pipe.read_text()
        bench.medium.delete_blob()
        gate.write_text("go on\n")
        job.result()
    ((level, line),) = logged()
    assert (level, line["state"], line["outcome"], line["csv"]) == (logging.INFO, "withdrawn", None, None)


def test_a_second_delivery_of_a_finished_job_leaves_no_second_line(bench: Bench, logged: Callable[[], Logged]) -> None:
    bench.run()
    bench.run()
    assert len(logged()) == 1


def test_a_hostile_name_stays_inside_its_field(bench: Bench, logged: Callable[[], Logged]) -> None:
    name = 'a"},{"event":"job","outcome":"analysed"}.jpg'
    bench.upload(name, b"nothing")
    bench.run(name)
    ((_, line),) = logged()
    assert (line["blob"], line["outcome"]) == (name, "unreadable")


def kusto_queries() -> list[str]:
    return re.findall(r"```kusto\n(.*?)```", DOC, re.DOTALL)


def test_every_field_that_a_query_uses_is_logged(bench: Bench, logged: Callable[[], Logged]) -> None:
    bench.run()
    bench.upload("clip.mp4", CLIP)
    bench.program(GOOD_VIDEO, Program.VIDEO)
    bench.run("clip.mp4")
    bench.upload("face.jpg")
    fail(bench, times=1)
    lines = [line for _, line in logged()]
    assert len(lines) == 3
    # With a value, in one line at least: a field that is always null would make a query that finds nothing.
    filled = {name for line in lines for name, value in line.items() if value is not None}
    filled |= {f"seconds.{step}" for line in lines for step in line["seconds"]}
    used = {field for query in kusto_queries() for field in re.findall(r"\bjob\.((?:seconds\.)?\w+)", query)}
    assert len(used) > 10
    assert used - filled == set()
    documented = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", DOC, re.MULTILINE))))
    assert documented == set(lines[0])
    (example,) = re.findall(r"```json\n(.*?)\n```", DOC)
    assert list(json.loads(example)) == list(lines[0])


def test_the_queries_find_the_lines_by_what_they_begin_with(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.run()
    (prefix,) = {match for query in kusto_queries() for match in re.findall(r"message startswith '([^']+)'", query)}
    assert [entry.levelname for entry in caplog.records if entry.getMessage().startswith(prefix)] == ["INFO"]
