"""The image on stand-ins for its two base images: what is in it, and that it works."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from devstack.azurite import Storage
from openface_runner.openface import installation
from openface_runner.openface.installation import KNOWN_PLACES
from tests.image.builder import REPOSITORY, Builder, BuildFailed, Container
from tests.image.conftest import Layout, OpenFaceImage
from tests.support.samples import RECORDINGS, sample
from tests.support.worker_process import RealWorker

ALGEBR = Layout(programs="/home/openface-build/build/bin")
LAYOUTS = {
    "algebr/openface": ALGEBR,
    "OpenFace's own docker folder": Layout(
        programs="/usr/local/bin", models="/usr/local/etc/OpenFace", libraries="/usr/local/lib"
    ),
    "below /opt": Layout(programs="/opt/OpenFace/build/bin"),
    "in root's home": Layout(programs="/root/openface/build/bin"),
    "an image of this kind": Layout(programs="/opt/openface/bin"),
    "elsewhere": Layout(programs="/srv/face-tracking/bin", build_arguments={"OPENFACE_DIR": "/srv/face-tracking/bin"}),
}
APP = "/home/site/wwwroot"
USER = "10001"
# What the repository may add to the base image, without OpenFace, in bytes: the packages, above all PyAV with FFmpeg.
MOST_ADDED = 260_000_000
# As linkers of the time of Ubuntu 14.04 did it by themselves: such a path comes before all others.
OLD_RPATH = "-Wl,--disable-new-dtags"
BROKEN = {
    "no program": ((f"{ALGEBR.programs}/FaceLandmarkImg",), "FaceLandmarkImg is in none of"),
    "one program": ((f"{ALGEBR.programs}/FeatureExtraction",), "the program FeatureExtraction is missing in"),
    "no models": ((f"{ALGEBR.programs}/model",), "the models in the folder model are missing"),
    "no AU models": ((f"{ALGEBR.programs}/AU_predictors",), "the models in the folder AU_predictors are missing"),
    "one model file": (
        (f"{ALGEBR.programs}/AU_predictors/AU_all_best.txt",),
        "AU_predictors/AU_all_best.txt is missing",
    ),
    "a library": (("/usr/odd/libtext.so",), "needs libraries that the OpenFace image doesn't have: libtext.so"),
}


def build(builder: Builder, functions_image: str, openface: str, layout: Layout, target: str | None = None) -> str:
    """Build the image as a user does, from the repository's own folder."""
    arguments = {"OPENFACE_IMAGE": openface, "FUNCTIONS_IMAGE": functions_image, **layout.build_arguments}
    return builder.build(REPOSITORY, REPOSITORY / "Dockerfile", f"app-{target or 'default'}", arguments, target)


@pytest.fixture(scope="module")
def image(builder: Builder, functions_image: str, openface_image: OpenFaceImage) -> str:
    """The image, with the OpenFace of the layout that can be pulled."""
    return build(builder, functions_image, openface_image(ALGEBR), ALGEBR)


@pytest.mark.parametrize("name", LAYOUTS)
def test_openface_is_gathered_whole_from_every_known_layout(
    builder: Builder, functions_image: str, openface_image: OpenFaceImage, name: str
) -> None:
    layout = LAYOUTS[name]
    openface = openface_image(layout)
    with builder.running(openface) as container:
        programs = container.run("find", "/", "-xdev", "-name", "FaceLandmarkImg", "-type", "f").stdout.split()
        assert programs == [f"{layout.programs}/FaceLandmarkImg"]
    gathered = build(builder, functions_image, openface, layout, target="openface")
    with builder.mounted(gathered) as root:
        # As the app looks at it, from outside of the image: nothing of the image's own folders helps out.
        found = installation.find(root / "opt/openface-runner/openface/bin", None, allow_standin=False)
    assert found.loader
    assert found.engine.is_openface


def test_doctor_is_content_in_the_finished_image(builder: Builder, image: str) -> None:
    with builder.running(image) as container:
        doctor = container.run("python3", "-m", "openface_runner", "doctor", environment=python_path())
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "FaceLandmarkImg: /opt/openface/bin/FaceLandmarkImg" in doctor.stdout
    assert doctor.stdout.endswith("OpenFace is ready.\n")


def test_programs_with_a_fixed_path_into_their_own_image_work_in_the_finished_one(
    builder: Builder, functions_image: str, openface_image: OpenFaceImage
) -> None:
    layout = Layout(programs=ALGEBR.programs, program_flags=OLD_RPATH)
    with builder.running(build(builder, functions_image, openface_image(layout), layout)) as container:
        doctor = container.run("python3", "-m", "openface_runner", "doctor", environment=python_path())
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr


def test_a_fixed_path_that_leads_to_another_systems_libraries_stops_the_build(
    builder: Builder, functions_image: str, openface_image: OpenFaceImage
) -> None:
    flags = f"{OLD_RPATH},-rpath,/usr/lib/x86_64-linux-gnu"
    layout = Layout(programs=ALGEBR.programs, program_flags=flags)
    with pytest.raises(BuildFailed) as failure:
        build(builder, functions_image, openface_image(layout), layout)
    message = " ".join(str(failure.value).split())
    assert "check-libraries: FaceLandmarkImg would not load all its libraries from /opt/openface/lib" in message
    assert "patchelf --remove-rpath" in message


def test_every_place_that_the_app_knows_has_a_layout_here_and_is_looked_in_by_the_build() -> None:
    script = (REPOSITORY / "docker/gather-openface.sh").read_text(encoding="utf-8")
    (places,) = re.findall(r"^places=\$\{2:-(.*)\}$", script, re.MULTILINE)
    assert sorted(places.split()) == sorted(str(place) for place in KNOWN_PLACES)
    assert {layout.programs for layout in LAYOUTS.values()} > set(places.split())


@pytest.mark.parametrize("what", BROKEN)
def test_a_build_on_a_broken_openface_fails_and_says_what_is_missing(
    builder: Builder, functions_image: str, openface_image: OpenFaceImage, what: str
) -> None:
    leave_out, message = BROKEN[what]
    layout = Layout(programs=ALGEBR.programs, leave_out=leave_out)
    with pytest.raises(BuildFailed) as failure:
        build(builder, functions_image, openface_image(layout), layout)
    assert message in " ".join(str(failure.value).split())


def test_openface_runs_on_its_own_libraries_alone(builder: Builder, image: str) -> None:
    with builder.running(image) as container:
        listed = container.run("/opt/openface/lib/ld.so", "--list", "--library-path", "/opt/openface/lib", program())
        libraries = re.findall(r"=> (\S+) \(", listed.stdout) or container.run("ls", "/opt/openface/lib").stdout.split()
        assert {"libc.so.6", "libstdc++.so.6", "librecordings.so", "libtext.so"} <= {
            Path(library).name for library in libraries
        }
        versions = [
            container.run(loader, "--version").stdout.splitlines()[0]
            for loader in ("/opt/openface/lib/ld.so", "/lib64/ld-linux-x86-64.so.2")
        ]
        assert versions[0] != versions[1], "both are of one system: nothing is proved"


def test_an_analysis_in_the_container_gives_the_recorded_csv(builder: Builder, image: str, tmp_path: Path) -> None:
    out = tmp_path / "results"
    out.mkdir()
    out.chmod(0o777)
    media = sample("face.jpg").parent
    with builder.running(image, {media: "/media:ro", out: "/results"}) as container:
        command = "python3 -m openface_runner analyse /media/face.jpg /media/face.mp4 --out /results --json"
        done = container.run(*command.split(), environment=python_path())
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "face.jpg.csv").read_bytes() == (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()
    assert (out / "face.mp4.csv").read_bytes() == (RECORDINGS / "video-face/outputs/out/face.csv").read_bytes()


def test_azures_own_worker_library_finds_and_runs_the_function_in_the_container(
    builder: Builder, image: str, storage: Storage, tmp_path: Path
) -> None:
    with worker_in(builder, image, storage, tmp_path) as worker:
        assert worker.indexed.succeeded, worker.indexed.message
        with closing(BlobServiceClient.from_connection_string(storage.connection_string)) as service:
            medium = service.create_container(str(uuid.uuid4())).upload_blob(
                "face.jpg", sample("face.jpg").read_bytes()
            )
            (answer,) = worker.invoke("analyse_media", medium)
            assert answer.succeeded, answer.stack_trace
            result = service.get_blob_client("image-test-output", f"{medium.container_name}/face.jpg.csv")
            assert result.download_blob().readall() == (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()
        page = worker.get("show_jobs", "http://localhost/api/jobs", route={"path": ""}, headers={"host": "localhost"})
        assert page.succeeded, page.stack_trace
        assert (page.http["status"], "nobody can" in page.http["text"]) == (403, True), "before there is a sign-in"


def test_it_runs_as_an_ordinary_user_who_can_write_where_the_host_does(builder: Builder, image: str) -> None:
    with builder.running(image) as container:
        assert container.run("id", "-u").stdout.strip() == USER
        places = ("/home/site/wwwroot", "/home/data/Secrets", "/home/LogFiles")
        for place in places:
            assert container.run("test", "-w", place).returncode == 0, place
        assert container.run("test", "-w", "/opt/openface/bin").returncode == 1
    configuration = inspected(builder, image)
    assert configuration["User"] == USER
    assert set(configuration["ExposedPorts"]) >= {"8080/tcp"}
    assert configuration["Cmd"] == ["/opt/startup/start_nonappservice.sh"]
    assert "127.0.0.1:8080/admin/host/ping" in " ".join(configuration["Healthcheck"]["Test"])
    assert configuration["Labels"]["org.opencontainers.image.title"] == "OpenFace Runner"


def test_a_program_that_ends_at_once_is_not_taken_for_one_that_cannot_be_started(builder: Builder, image: str) -> None:
    """An ordinary user may not touch what is left of an ended process; the other tests run as root, who may."""
    code = """
from pathlib import Path
from openface_runner.cancellation import Cancellation
from openface_runner.openface.process import ProcessLimits, run
limits = ProcessLimits(wall=60, cpu=60)
for _ in range(300):
    run(["/bin/true"], cwd=Path("/tmp"), limits=limits, cancellation=Cancellation())
"""
    with builder.running(image) as container:
        done = container.run("python3", "-c", code, environment=python_path())
    assert done.returncode == 0, done.stderr


def test_its_settings_fit_the_host_configuration(builder: Builder, image: str) -> None:
    settings = dict(line.split("=", 1) for line in inspected(builder, image)["Env"])
    blobs = json.loads((REPOSITORY / "host.json").read_text())["extensions"]["blobs"]
    assert int(settings["PYTHON_THREADPOOL_THREAD_COUNT"]) > blobs["maxDegreeOfParallelism"]
    assert settings["ASPNETCORE_URLS"] == "http://+:8080"
    assert settings["AzureFunctionsWebHost__hostid"]
    assert not [name for name in settings if re.search(r"key|secret|password|connection|token", name, re.IGNORECASE)]


def test_the_repository_brings_only_the_app_and_its_packages(
    builder: Builder, image: str, functions_image: str
) -> None:
    with builder.running(image) as container, builder.running(functions_image) as base:
        added = files_of(container) - files_of(base)
    packages = f"{APP}/.python_packages/lib/site-packages/"
    of_the_app = {path for path in added if not path.startswith((packages, "/opt/openface/", "/etc/", "/var/"))}
    written_here = {path.removeprefix(f"{APP}/") for path in of_the_app if "/__pycache__/" not in path}
    tracked = subprocess.run(
        ["git", "ls-files", "function_app.py", "host.json", "requirements.txt", "LICENSE", "openface_runner"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    assert written_here <= set(tracked)
    # OpenFace's files, which the user's own image brings, are all in one place; the app's two samples aren't its.
    named_like_openface = re.compile(r"FaceLandmark|FeatureExtraction|AU_predictors|patch_experts|main_cl|\.dat$")
    assert [path for path in added if named_like_openface.search(path) and not path.startswith("/opt/openface/")] == []
    assert [
        path for path in added if re.search(r"/(gcc|g\+\+|cc1|pip)$|/\.cache/|/tests?/data/|local\.settings", path)
    ] == []


def test_what_it_adds_to_the_base_is_small(builder: Builder, image: str, functions_image: str) -> None:
    with builder.running(image) as container:
        openface = int(container.run("du", "-sb", "/opt/openface").stdout.split()[0])
    added = builder.size(image) - builder.size(functions_image) - openface
    assert added < MOST_ADDED, f"{added / 1e6:.0f} MB"


def test_the_devstacks_event_grid_runs_in_a_target_of_its_own_without_openface(
    builder: Builder, functions_image: str
) -> None:
    # An OpenFace image that doesn't exist: this target is built without one.
    layout = Layout(programs="")
    built = build(builder, functions_image, "localhost/none", layout, target="devstack")
    with builder.running(built) as container:
        done = container.run("python3", "-m", "devstack", "events", "--help")
        assert container.run("id", "-u").stdout.strip() == USER
        assert container.run("test", "-w", "/home/devstack").returncode == 0
    assert done.returncode == 0, done.stderr


def python_path() -> dict[str, str]:
    """What the Functions worker does by itself."""
    return {"PYTHONPATH": f"{APP}/.python_packages/lib/site-packages"}


def program() -> str:
    return "/opt/openface/bin/FaceLandmarkImg"


def inspected(builder: Builder, image: str) -> dict[str, Any]:
    described = subprocess.run(builder.command("inspect", "--type", "image", image), capture_output=True, check=True)
    configuration: dict[str, Any] = json.loads(described.stdout)["Docker"]["config"]
    return configuration


def files_of(container: Container) -> set[str]:
    found = container.run("find", "/", "-xdev", "-type", "f", "-not", "-path", "/proc/*", "-not", "-path", "/sys/*")
    return set(found.stdout.splitlines())


@contextmanager
def worker_in(builder: Builder, image: str, storage: Storage, folder: Path) -> Iterator[RealWorker]:
    """Azure's worker library with the app, in the container; installed apart from the app, as in the real image."""
    context = folder / "worker"
    context.mkdir()
    shutil.copy(REPOSITORY / "tests/requirements-worker.txt", context)
    shutil.copy(REPOSITORY / "tests/support/real_worker.py", context)
    (context / "Containerfile").write_text(
        "ARG IMAGE\nFROM ${IMAGE}\nUSER 0\nCOPY requirements-worker.txt real_worker.py /worker/\n"
        "RUN python3 -m pip install --quiet --target /worker/packages -r /worker/requirements-worker.txt\n"
        f"USER {USER}\n"
    )
    built = builder.build(context, context / "Containerfile", "worker", {"IMAGE": image})
    channel = folder / "channel"
    channel.mkdir()
    settings = {
        "MediaStorage": storage.connection_string,
        "OUTPUT_CONTAINER": "image-test-output",
        "JOBS_CONTAINER": "image-test-jobs",
        "PYTHONPATH": f"{python_path()['PYTHONPATH']}:/worker/packages",
    }
    with builder.running(built, {channel: "/channel"}) as container, closing(socket.socket(socket.AF_UNIX)) as door:
        door.bind(str(channel / "socket"))
        for path in (channel, channel / "socket"):
            path.chmod(0o777)
        door.listen()
        words = container.words("python3", "-P", "/worker/real_worker.py", "/channel/socket", APP, environment=settings)
        with RealWorker.calling_at(door, words, folder) as worker:
            yield worker
