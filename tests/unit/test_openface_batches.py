"""Images share runs of OpenFace, and nobody's result or trouble is another's: real processes that wait on request."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openface_runner.cancellation import Cancellation
from openface_runner.openface.batches import MOST_IMAGES, MOST_PIXELS
from openface_runner.openface.command import Options
from openface_runner.outcomes import BrokenInstallation, KilledFromOutside, Outcome, Overloaded, ShuttingDown
from tests.support.fake_openface import GOOD_IMAGE
from tests.support.waiting_images import EXPECTED, STARTED, WaitingImages

Start = Callable[..., WaitingImages]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[WaitingImages] = []

    def start(**arguments: object) -> WaitingImages:
        started.append(WaitingImages(tmp_path, **arguments))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for images in started:
        assert list(images.work.glob("openface-job-*")) == [], "a run left its folder behind"


def test_an_image_that_comes_alone_starts_at_once_and_alone(start: Start) -> None:
    images = start()
    measurement = images.put("one").result()
    assert images.runs() == [["one"]]
    assert (measurement.batch_size, measurement.verdict.outcome) == (1, Outcome.ANALYSED)


def test_a_free_process_is_used_at_once_while_another_is_busy(start: Start) -> None:
    images = start(processes=2)
    busy = images.hold()
    assert images.put("other").result().batch_size == 1
    images.open_gate()
    busy.result()


def test_what_arrives_while_all_processes_are_busy_shares_the_next_run(start: Start) -> None:
    images = start()
    busy = images.hold()
    others = [images.put(name) for name in ("b", "c", "d")]
    images.open_gate()
    measurements = [future.result() for future in others]
    assert images.runs() == [["gated"], ["b", "c", "d"]]
    assert [measurement.batch_size for measurement in measurements] == [3, 3, 3]
    assert busy.result().batch_size == 1


def test_each_image_has_the_outputs_that_a_run_of_its_own_leaves_in_its_own_folder(start: Start) -> None:
    images = start()
    busy = images.hold()
    others = [images.put(name) for name in ("b", "c")]
    images.open_gate()
    for name, future in zip(("gated", "b", "c"), [busy, *others], strict=True):
        out = images.work / name / "out"
        assert future.result().csv == out / "medium.csv"
        assert (out / "medium.csv").read_bytes() == EXPECTED
        assert sorted(path.name for path in out.iterdir()) == ["medium.csv", "medium_of_details.txt"]


def test_images_with_other_options_have_other_runs_and_nobody_loses_his_turn(start: Start) -> None:
    images = start()
    images.hold()
    wild = Options(wild=True)
    futures = [images.put("a"), images.put("b", wild), images.put("c"), images.put("d", wild)]
    images.open_gate()
    for future in futures:
        future.result()
    assert images.runs() == [["gated"], ["a", "c"], ["b", "d"]]


def test_a_run_has_a_bound_on_its_images(start: Start) -> None:
    images = start()
    images.hold()
    futures = [images.put(f"i{number}") for number in range(MOST_IMAGES + 2)]
    images.open_gate()
    for future in futures:
        future.result()
    assert [len(run) for run in images.runs()] == [1, MOST_IMAGES, 2]


def test_a_run_has_a_bound_on_its_pixels_and_a_larger_image_a_run_of_its_own(start: Start) -> None:
    images = start()
    images.hold()
    sizes = {"small": 1, "half": MOST_PIXELS // 2, "other-half": MOST_PIXELS // 2, "huge": 2 * MOST_PIXELS, "last": 1}
    futures = [images.put(name, pixels=pixels) for name, pixels in sizes.items()]
    images.open_gate()
    for future in futures:
        future.result()
    assert images.runs() == [["gated"], ["small", "half"], ["other-half"], ["huge"], ["last"]]


@pytest.mark.parametrize(("waiting", "sizes"), [(4, [4]), (20, [10, 10])])
def test_many_images_are_shared_out_among_processes_and_few_are_not_worth_a_load_each(
    start: Start, waiting: int, sizes: list[int]
) -> None:
    images = start(processes=2)
    holders = [images.hold("gated-1"), images.hold("gated-2")]
    futures = [images.put(f"i{number}") for number in range(waiting)]
    images.open_gate("gated-1")
    holders[0].result()
    images.open_gate("gated-2")
    assert {future.result().batch_size for future in futures} == set(sizes)
    assert [len(run) for run in images.runs()[2:]] == sizes


def test_an_image_waits_for_another_that_is_on_its_way(start: Start) -> None:
    images = start()
    batcher = images.batcher(gathering=60)
    tasks = [images.task("first"), images.task("second")]
    with batcher.expecting() as arrival, ThreadPoolExecutor() as pool:
        first = pool.submit(batcher.measure, tasks[0], tasks[0].path.parent / "out", Cancellation())
        batcher.measure(tasks[1], tasks[1].path.parent / "out", Cancellation(), arrival)
        first.result()
    assert sorted(images.runs()[0]) == ["first", "second"]


def test_an_image_does_not_wait_long_for_another_that_does_not_come(start: Start) -> None:
    images = start()
    batcher = images.batcher(gathering=0.01)
    task = images.task("alone")
    with batcher.expecting():
        assert batcher.measure(task, task.path.parent / "out", Cancellation()).batch_size == 1


def test_an_image_does_not_wait_for_one_that_turns_out_not_to_be_one(start: Start) -> None:
    images = start()
    batcher = images.batcher(gathering=60)
    task = images.task("alone")
    with batcher.expecting() as arrival, ThreadPoolExecutor() as pool:
        alone = pool.submit(batcher.measure, task, task.path.parent / "out", Cancellation())
        arrival.over()
        assert alone.result().batch_size == 1


TROUBLES = {
    "dies of SIGSEGV": (STARTED + "kill -SEGV $$", Outcome.CRASHED),
    "gives up": (STARTED + "exit 1", Outcome.CRASHED),
    "hangs": (STARTED + "exec sleep 1000", Outcome.TIMED_OUT),
    "uses processor time without end": (STARTED + "ulimit -S -t 1; while :; do :; done", Outcome.TIMED_OUT),
    "leaves nothing": ("continue", Outcome.CRASHED),
    "leaves a cut CSV": (GOOD_IMAGE + 'truncate -s -9 "$out/$stem.csv"; continue', Outcome.CRASHED),
}


@pytest.mark.parametrize(("body", "outcome"), TROUBLES.values(), ids=TROUBLES)
def test_an_image_at_which_a_run_fails_is_blamed_only_when_it_fails_alone_and_costs_nobody_else_anything(
    start: Start, body: str, outcome: Outcome
) -> None:
    images = start(bad=body, wall=5 if outcome is Outcome.TIMED_OUT else 60)
    images.hold()
    others = {name: images.put(name) for name in ("before", "bad", "after-1", "after-2")}
    images.open_gate()
    bad = others.pop("bad").result()
    assert (bad.verdict.outcome, bad.csv, bad.batch_size) == (outcome, None, 1)
    for name, future in others.items():
        assert future.result().verdict.outcome is Outcome.ANALYSED
        assert (images.work / name / "out/medium.csv").read_bytes() == EXPECTED
    _, company, *repeated = images.runs()
    assert company[:2] == ["before", "bad"]
    stopped_there = len(company) == 2
    assert repeated == ([["bad"], ["after-1", "after-2"]] if stopped_there else [["bad"]])


ENDS = {
    "can't be opened": ('echo "Error: Could not open the image: $medium"; exit 1', Outcome.UNREADABLE),
    "has no face": (STARTED + "continue", Outcome.NO_FACE),
}


@pytest.mark.parametrize(("body", "outcome"), ENDS.values(), ids=ENDS)
def test_an_outcome_in_company_is_an_outcome_as_alone(start: Start, body: str, outcome: Outcome) -> None:
    images = start(bad=body)
    images.hold()
    before, bad, after = (images.put(name) for name in ("before", "bad", "after"))
    images.open_gate()
    assert bad.result().verdict.outcome is outcome
    assert [before.result().verdict.outcome, after.result().verdict.outcome] == [Outcome.ANALYSED] * 2
    assert [name for run in images.runs() for name in run] == ["gated", "before", "bad", "after"]


def test_a_kill_from_outside_is_a_try_for_one_image_and_not_for_its_company(start: Start) -> None:
    images = start(bad=STARTED + "kill -KILL $$")
    images.hold()
    before, bad, after = (images.put(name) for name in ("before", "bad", "after"))
    images.open_gate()
    with pytest.raises(KilledFromOutside, match="SIGKILL"):
        bad.result()
    assert [before.result().verdict.outcome, after.result().verdict.outcome] == [Outcome.ANALYSED] * 2
    assert images.runs() == [["gated"], ["before", "bad"], ["bad"], ["after"]]


def test_the_time_limit_is_each_images_own(start: Start) -> None:
    images = start(good=STARTED + "sleep 1.2", wall=3)
    images.hold()
    futures = [images.put(name) for name in ("a", "b", "c")]
    images.open_gate()
    assert [future.result().batch_size for future in futures] == [3, 3, 3]


def test_a_broken_installation_concerns_all_of_a_run_and_each_job_has_its_own_error(start: Start) -> None:
    without_aus = GOOD_IMAGE + 'cut -d, -f1-676 "$out/$stem.csv" > "$out/cut"; mv "$out/cut" "$out/$stem.csv"; continue'
    images = start(good=without_aus)
    images.hold()
    futures = [images.put(name) for name in ("a", "b")]
    images.open_gate()
    errors = [future.exception() for future in futures]
    for number, error in enumerate(errors):
        assert isinstance(error, BrokenInstallation)
        error.about(f"medium {number}")
    assert [str(error).split(":")[0] for error in errors] == ["medium 0", "medium 1"]
    assert all("restore the AU_predictors folder" in str(error) for error in errors)


def test_whoever_is_called_off_leaves_a_run_to_the_others_and_takes_his_folder_with_him(start: Start) -> None:
    images = start()
    images.hold()
    first, second, third = (images.put(name) for name in ("first", "gated-2", "third"))
    images.open_gate()
    images.wait_for("gated-2")
    images.cancellations["third"].cancel(ShuttingDown())
    with pytest.raises(ShuttingDown):
        third.result()
    shutil.rmtree(images.work / "third")
    images.open_gate("gated-2")
    assert [first.result().verdict.outcome, second.result().verdict.outcome] == [Outcome.ANALYSED] * 2
    assert images.runs() == [["gated"], ["first", "gated-2", "third"]]
    assert not (images.work / "third").exists()


def test_a_run_whose_images_are_all_called_off_is_ended(start: Start) -> None:
    images = start()
    images.hold()
    futures = {name: images.put(name) for name in ("gated-2", "other")}
    images.open_gate()
    images.wait_for("gated-2")
    for name in futures:
        images.cancellations[name].cancel(ShuttingDown())
    for future in futures.values():
        with pytest.raises(ShuttingDown):
            future.result()
    assert images.put("next").result().verdict.outcome is Outcome.ANALYSED
    assert images.runs() == [["gated"], ["gated-2"], ["next"]]


def test_an_image_that_is_called_off_before_its_run_is_in_none(start: Start) -> None:
    images = start()
    busy = images.hold()
    waiting, other = images.put("waiting"), images.put("other")
    images.cancellations["waiting"].cancel(ShuttingDown())
    with pytest.raises(ShuttingDown):
        waiting.result()
    images.open_gate()
    busy.result()
    other.result()
    assert images.runs() == [["gated"], ["other"]]


def test_an_image_that_waits_too_long_for_a_process_is_given_back(start: Start) -> None:
    images = start(patience=0.1)
    busy = images.hold()
    with pytest.raises(Overloaded, match=r"No OpenFace process was free for it within 0\.1 s\."):
        images.put("waiting").result()
    images.open_gate()
    # Its own time limit is the process's, not this one.
    assert busy.result().verdict.outcome is Outcome.ANALYSED
    assert images.runs() == [["gated"]]
