"""Real processes that replay, crash, hang and lie, in place of OpenFace."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from openface_runner.cancellation import Cancellation
from openface_runner.media.videos import count_frames
from openface_runner.openface.command import Options
from openface_runner.openface.engine import OpenFace
from openface_runner.openface.installation import Program, find
from openface_runner.openface.process import ProcessLimits
from openface_runner.openface.tasks import Task
from openface_runner.openface.verification import FramePromise
from openface_runner.outcomes import BrokenInstallation, KilledFromOutside, Outcome, ShuttingDown
from openface_runner.workspace import Workspace
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install, only_on_samples, replay
from tests.support.process_ends import ends
from tests.support.samples import sample


def engine(
    folder: Path, *, image: str = GOOD_IMAGE, video: str = GOOD_VIDEO, wall: float = 60, cpu: int = 60
) -> OpenFace:
    found = find(install(folder / "bin", image=image, video=video), None, allow_standin=False)
    limits = dict.fromkeys(Program, ProcessLimits(wall=wall, cpu=cpu))
    return OpenFace(found, processes=2, limits=limits, workspace=Workspace(folder), patience=60)


def image_task(folder: Path) -> Task:
    medium = folder / "medium.jpg"
    medium.symlink_to(sample("face.jpg"))
    return Task(program=Program.IMAGE, path=medium, options=Options())


def video_task(folder: Path) -> Task:
    medium = folder / "medium.mp4"
    medium.symlink_to(sample("face.mp4"))
    promise = FramePromise(frames=75, count=lambda: count_frames(medium))
    return Task(program=Program.VIDEO, path=medium, options=Options(), promise=promise)


def test_a_good_image_leaves_its_csv(tmp_path: Path) -> None:
    measurement = engine(tmp_path).measure(image_task(tmp_path), tmp_path / "out", Cancellation())
    assert measurement.verdict.outcome is Outcome.ANALYSED
    assert measurement.csv == tmp_path / "out" / "medium.csv"
    assert measurement.csv.read_bytes().startswith(b"face,confidence,")


def test_a_good_video_leaves_its_csv(tmp_path: Path) -> None:
    measurement = engine(tmp_path).measure(video_task(tmp_path), tmp_path / "out", Cancellation())
    assert measurement.verdict.message == "Measured 75 frames, 75 with a face."


def test_no_face_is_an_outcome_without_a_csv(tmp_path: Path) -> None:
    measurement = engine(tmp_path, image=replay("image-no-face", "no_face")).measure(
        image_task(tmp_path), tmp_path / "o", Cancellation()
    )
    assert (measurement.verdict.outcome, measurement.csv) == (Outcome.NO_FACE, None)


def test_the_progress_of_a_video_is_told_while_it_runs(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    some_rows = f"""mkdir -p "$out"; {{ echo header; yes row | head -30; }} > "$out/$stem.csv"; cat "{gate}"\n"""
    told: list[float] = []

    def note(share: float) -> None:
        told.append(share)
        gate.write_text("")

    fine = engine(tmp_path, video=some_rows + GOOD_VIDEO, wall=8)
    measurement = fine.measure(video_task(tmp_path), tmp_path / "out", Cancellation(), on_progress=note)
    assert told == [0.4]
    assert measurement.verdict.outcome is Outcome.ANALYSED


_STARTED = 'mkdir -p "$out"; touch "$out/${stem}_of_details.txt"; '
MISBEHAVIOURS = {
    "dies of SIGABRT": "kill -ABRT $$",
    "dies of SIGSEGV": "kill -SEGV $$",
    "dies of SIGFPE": "kill -FPE $$",
    "dies of SIGILL": "kill -ILL $$",
    "dies behind a shell": "exit 134",
    "gives up": "exit 1",
    "leaves nothing": "exit 0",
    "leaves a header only": _STARTED + 'echo face,confidence > "$out/$stem.csv"',
    "leaves an empty CSV": _STARTED + 'touch "$out/$stem.csv"',
    "leaves a cut CSV": GOOD_IMAGE + 'truncate -s -9 "$out/$stem.csv"',
}


@pytest.mark.parametrize("body", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_a_medium_crashed_only_when_the_known_good_sample_still_works(tmp_path: Path, body: str) -> None:
    fine = engine(tmp_path, image=only_on_samples(GOOD_IMAGE, otherwise=body))
    verdict = fine.measure(image_task(tmp_path), tmp_path / "out", Cancellation()).verdict
    assert verdict.outcome is Outcome.CRASHED
    assert "on a known-good sample it still works" in verdict.message


@pytest.mark.parametrize("body", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_when_the_sample_fails_too_the_installation_is_broken(tmp_path: Path, body: str) -> None:
    broken = engine(tmp_path, image=body)
    with pytest.raises(BrokenInstallation, match=r"doesn't work on known-good samples \(FaceLandmarkImg\)"):
        broken.measure(image_task(tmp_path), tmp_path / "out", Cancellation())


def test_a_video_that_was_not_postprocessed_is_no_result(tmp_path: Path) -> None:
    unfinished = GOOD_VIDEO + """sed -i 's/,1\\.00/,1.0/g' "$out/$stem.csv\""""
    fine = engine(tmp_path, video=only_on_samples(GOOD_VIDEO, otherwise=unfinished))
    verdict = fine.measure(video_task(tmp_path), tmp_path / "out", Cancellation()).verdict
    assert (verdict.outcome, "stopped before its last step" in verdict.message) == (Outcome.CRASHED, True)


def test_a_video_with_fewer_rows_than_frames_is_incomplete(tmp_path: Path) -> None:
    verdict = (
        engine(tmp_path, video=replay("video-truncated", "truncated"))
        .measure(video_task(tmp_path), tmp_path / "out", Cancellation())
        .verdict
    )
    assert verdict.outcome is Outcome.INCOMPLETE
    assert verdict.message == "Only 24 of the clip's 75 frames could be measured."


def test_missing_au_columns_are_a_broken_installation_though_the_exit_code_is_good(tmp_path: Path) -> None:
    without_aus = GOOD_IMAGE + 'cut -d, -f1-676 "$out/$stem.csv" > "$out/cut" && mv "$out/cut" "$out/$stem.csv"'
    with pytest.raises(BrokenInstallation, match=r"35 action unit columns .AU01_c, .* restore the AU_pred"):
        engine(tmp_path, image=without_aus).measure(image_task(tmp_path), tmp_path / "out", Cancellation())


def test_missing_models_are_a_broken_installation(tmp_path: Path) -> None:
    body = replay("image-models-missing", "face") + "exit 1"
    with pytest.raises(BrokenInstallation, match="Could not find CEN patch experts"):
        engine(tmp_path, image=body).measure(image_task(tmp_path), tmp_path / "out", Cancellation())


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    body = 'echo "$0: error while loading shared libraries: libdlib.so: cannot open shared object file" >&2; exit 127'
    with pytest.raises(BrokenInstallation, match=r"libdlib\.so"):
        engine(tmp_path, image=body).measure(image_task(tmp_path), tmp_path / "out", Cancellation())


def test_a_program_that_cannot_be_started_is_a_broken_installation(tmp_path: Path) -> None:
    broken = engine(tmp_path)
    (tmp_path / "bin" / "FaceLandmarkImg").write_bytes(b"\x7fELF not really")
    with pytest.raises(BrokenInstallation, match="can't be started"):
        broken.measure(image_task(tmp_path), tmp_path / "out", Cancellation())


def test_a_kill_from_outside_is_told_from_a_crash(tmp_path: Path) -> None:
    with pytest.raises(KilledFromOutside, match="SIGKILL"):
        engine(tmp_path, image="kill -KILL $$").measure(image_task(tmp_path), tmp_path / "out", Cancellation())


@pytest.mark.parametrize("ignoring", ["", "trap '' TERM INT HUP; "])
def test_a_hanging_openface_is_ended_with_all_that_it_started(tmp_path: Path, ignoring: str, pid_pipe: Path) -> None:
    body = f'{ignoring}sleep 1000 & echo $! > "{pid_pipe}"; wait'
    grandchild: list[int] = []
    reader = threading.Thread(target=lambda: grandchild.append(int(pid_pipe.read_text())))
    reader.start()
    verdict = (
        engine(tmp_path, image=body, wall=1).measure(image_task(tmp_path), tmp_path / "out", Cancellation()).verdict
    )
    reader.join()
    assert verdict.outcome is Outcome.TIMED_OUT
    assert verdict.message == "OpenFace was not done after 1 s and was stopped."
    assert ends(grandchild[0])


def test_using_up_processor_time_is_told_from_using_up_the_time(tmp_path: Path) -> None:
    busy = only_on_samples(GOOD_IMAGE, otherwise="while :; do :; done")
    verdict = (
        engine(tmp_path, image=busy, cpu=1).measure(image_task(tmp_path), tmp_path / "out", Cancellation()).verdict
    )
    assert verdict.outcome is Outcome.TIMED_OUT
    assert verdict.message == "OpenFace was not done after 1 s of processor time and was stopped."


def test_the_result_of_another_file_is_no_result(tmp_path: Path) -> None:
    mixed_up = GOOD_IMAGE + """sed -i "s#^Input:.*#Input:/elsewhere/other.jpg#" "$out/${stem}_of_details.txt\""""
    fine = engine(tmp_path, image=only_on_samples(GOOD_IMAGE, otherwise=mixed_up))
    verdict = fine.measure(image_task(tmp_path), tmp_path / "out", Cancellation()).verdict
    assert verdict.outcome is Outcome.CRASHED
    assert "its result is of another file, '/elsewhere/other.jpg'" in verdict.message


def test_who_waits_for_a_free_process_can_be_called_off(tmp_path: Path, pid_pipe: Path) -> None:
    busy = engine(tmp_path, image=f'echo $$ > "{pid_pipe}"; exec sleep 1000')
    running, waiting = Cancellation(), Cancellation()
    ended: list[BaseException] = []

    def measure(number: int, cancellation: Cancellation) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            busy.measure(image_task(folder), folder / "out", cancellation)
        except ShuttingDown as error:
            ended.append(error)

    # Two processes at once is what this engine allows.
    holders = [threading.Thread(target=measure, args=(number, running)) for number in range(2)]
    for holder in holders:
        holder.start()
        pid_pipe.read_text()
    waiter = threading.Thread(target=measure, args=(2, waiting))
    waiter.start()
    waiting.cancel(ShuttingDown())
    waiter.join()
    assert len(ended) == 1
    running.cancel(ShuttingDown())
    for holder in holders:
        holder.join()
    assert len(ended) == 3
