"""``python -m openface_runner``, as a user types it: a real process on local files, with fake programs as OpenFace."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install, only_on_samples, replay
from tests.support.samples import sample

NO_FACE = replay("image-no-face", "no_face")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    bin_dir = install(tmp_path / "bin", image=GOOD_IMAGE, video=GOOD_VIDEO)
    return {"PATH": os.environ["PATH"], "OPENFACE_BIN_DIR": str(bin_dir), "TMPDIR": str(tmp_path)}


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "openface_runner", *map(str, words)]


def run(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_each_medium_gets_its_csv_and_its_record(environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "new" / "results"
    done = run(environment, "analyse", sample("face.jpg"), sample("face.mp4"), "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [
        "face.jpg.csv",
        "face.jpg.json",
        "face.mp4.csv",
        "face.mp4.json",
    ]
    record = json.loads((out / "face.mp4.json").read_text())
    assert (record["state"], record["outcome"], record["csv"]) == ("ended", "analysed", "face.mp4.csv")
    assert record["measured"]["frames"] == 75
    assert sorted(done.stdout.splitlines()) == [
        f"{sample('face.jpg')}: analysed. Measured 1 face. -> {out}/face.jpg.csv",
        f"{sample('face.mp4')}: analysed. Measured 75 frames, 75 with a face. -> {out}/face.mp4.csv",
    ]


def test_json_is_one_object_a_line(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment, "analyse", sample("face.jpg"), sample("empty.jpg"), "--out", tmp_path, "--json")
    lines = {Path(line["source"]).name: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["face.jpg"] == {
        "source": str(sample("face.jpg")),
        "outcome": "analysed",
        "message": "Measured 1 face.",
        "csv": str(tmp_path / "face.jpg.csv"),
    }
    assert (lines["empty.jpg"]["outcome"], lines["empty.jpg"]["csv"]) == ("unreadable", None)
    assert done.returncode == 1


def test_no_face_is_a_good_end_without_a_csv(environment: dict[str, str], tmp_path: Path) -> None:
    install(Path(environment["OPENFACE_BIN_DIR"]), image=only_on_samples(GOOD_IMAGE, otherwise=NO_FACE))
    stale = tmp_path / "face.jpg.csv"
    stale.write_text("of an earlier run")
    done = run(environment, "analyse", sample("face.jpg"), "--out", tmp_path)
    assert (done.returncode, stale.exists()) == (0, False)


def test_many_pictures_share_few_runs_of_one_process(environment: dict[str, str], tmp_path: Path) -> None:
    processes = tmp_path / "processes"
    body = f'echo $$ >> "{processes}"\n{GOOD_IMAGE}'
    install(Path(environment["OPENFACE_BIN_DIR"]), image=body)
    pictures = [tmp_path / f"{number}.jpg" for number in range(20)]
    for picture in pictures:
        shutil.copyfile(sample("face.jpg"), picture)
    done = run(environment | {"OPENFACE_PROCESSES": "1"}, "analyse", *pictures, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    measured = processes.read_text().split()
    assert len(measured) == 20
    # The first may be alone, and decoding the rest may take longer than its run.
    assert len(set(measured)) <= 5
    engines = [json.loads((tmp_path / "out" / f"{picture.name}.json").read_text())["engine"] for picture in pictures]
    assert sorted(engine["batch_size"] for engine in engines)[-1] == max(map(measured.count, measured))
    assert all(engine["waited_seconds"] >= 0 for engine in engines)


@pytest.mark.parametrize("name", ["with space.jpg", "-rf.jpg", "; rm -rf x.jpg", "ü-顔.jpg", "%03d.jpg", "no suffix"])
def test_names_from_outside_stay_names(environment: dict[str, str], tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    shutil.copyfile(sample("face.jpg"), tmp_path / "in" / name)
    done = run(environment, "analyse", tmp_path / "in" / name, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / f"{name}.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["analyse"], "the following arguments are required"),
        (["analyse", "nowhere.jpg", "--out", "x"], "nowhere.jpg does not exist"),
        (["analyse", "/", "--out", "x"], "is a folder"),
        (["analyse", sample("face.jpg"), "--out", "x", "--capture", "foo"], "invalid"),
        (["analyse", sample("face.jpg"), sample("face.jpg"), "--out", "x"], "Several files are named 'face.jpg'"),
        (["analyse", sample("face.jpg"), "--out", sample("face.jpg") / "x"], "can't be made"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(
    environment: dict[str, str], words: list[str | Path], said: str
) -> None:
    done = run(environment, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_result_never_writes_over_an_input(environment: dict[str, str], tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "a.csv"
    shutil.copyfile(sample("face.jpg"), first)
    shutil.copyfile(sample("face.jpg"), second)
    done = run(environment, "analyse", first, second, "--out", tmp_path)
    assert (done.returncode, "would overwrite" in done.stderr) == (2, True)
    assert second.read_bytes() == sample("face.jpg").read_bytes()


def test_a_wrong_setting_and_a_broken_installation_end_with_2(environment: dict[str, str], tmp_path: Path) -> None:
    done = run(environment | {"MAX_PIXELS": "many"}, "analyse", sample("face.jpg"), "--out", tmp_path)
    assert (done.returncode, "MAX_PIXELS is 'many'" in done.stderr) == (2, True)
    install(Path(environment["OPENFACE_BIN_DIR"]), image="kill -ABRT $$")
    done = run(environment, "analyse", sample("face.jpg"), "--out", tmp_path)
    assert (done.returncode, "doesn't work" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


def test_a_kill_from_outside_fails_the_medium_and_not_the_others(environment: dict[str, str], tmp_path: Path) -> None:
    install(Path(environment["OPENFACE_BIN_DIR"]), image="kill -KILL $$", video=GOOD_VIDEO)
    done = run(environment, "analyse", sample("face.jpg"), sample("face.mp4"), "--out", tmp_path)
    assert done.returncode == 1
    record = json.loads((tmp_path / "face.jpg.json").read_text())
    assert (record["state"], record["outcome"]) == ("failed", None)
    assert "killed from outside" in record["message"]
    assert (tmp_path / "face.mp4.csv").exists()


def test_ctrl_c_leaves_no_openface_running(environment: dict[str, str], tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    body = f'echo $$ > "{started}"; exec sleep 1000'
    install(Path(environment["OPENFACE_BIN_DIR"]), image=body)
    words = command("analyse", sample("face.jpg"), "--out", tmp_path / "out")
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        openface = int(started.read_text())
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(openface, 0)


def test_a_terminal_shows_a_progress_bar(environment: dict[str, str], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = command("analyse", sample("face.jpg"), "--out", tmp_path)
    environment |= {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"analysing" in shown
    assert b"1/1" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux answers when the other side of a terminal is closed
        return b""


def test_doctor_says_what_is_there(environment: dict[str, str]) -> None:
    done = run(environment, "doctor")
    assert done.returncode == 0
    assert f"FaceLandmarkImg: {environment['OPENFACE_BIN_DIR']}/FaceLandmarkImg" in done.stdout


def test_doctor_lists_what_is_missing_and_how_to_get_it(environment: dict[str, str]) -> None:
    bin_dir = Path(environment["OPENFACE_BIN_DIR"])
    (bin_dir / "FeatureExtraction").unlink()
    (bin_dir / "AU_predictors/AU_all_static.txt").unlink()
    done = run(environment, "doctor")
    assert done.returncode == 2
    assert "the program FeatureExtraction is missing" in done.stdout
    assert "the model file AU_predictors/AU_all_static.txt" in done.stdout
    assert "How to get OpenFace" in done.stdout
