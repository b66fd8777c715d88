"""``jobs``, ``fetch`` and ``upload``, as a user types them: in a pipe, on a terminal, and for programs."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.azurite import Storage
from devstack.stack import REPOSITORY
from openface_runner.cli.fetch import paths_for
from tests.support.bench import FACE, Bench, meanwhile
from tests.support.samples import sample
from tests.support.storage_proxy import StorageProxy, answer, anything

HOSTILE = "\x9b31mred [bold]b[/bold] <b>.jpg"
NOBODY = "00000000-0000-4000-8000-000000000000"


class User:
    """Somebody with a command line, and the bench's storage as the connection."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        containers = bench.services.settings
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            "TERM": "xterm",
            "COLUMNS": "160",
            "MediaStorage": bench.settings()["MediaStorage"],
            "JOBS_CONTAINER": containers.jobs_container,
            "OUTPUT_CONTAINER": containers.output_container,
        }

    def start(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "openface_runner", *map(str, words)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, **options)

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """The exit code, what was printed, and what was printed as errors."""
        with self.start(*words) as process:
            out, errors = process.communicate(timeout=60)
        return process.returncode, out, errors

    def json(self, *words: str | Path) -> list[dict[str, Any]]:
        _, out, errors = self.run(*words, "--json")
        assert errors == ""
        return [json.loads(line) for line in out.splitlines()]

    def on_terminal(self, *words: str | Path) -> tuple[int, str]:
        """The exit code and all that a terminal was told."""
        ours, theirs = pty.openpty()
        with self.start(*words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            told = b""
            try:
                while piece := os.read(ours, 65536):
                    told += piece
            except OSError:  # the terminal has ended with its process
                pass
        os.close(ours)
        return process.returncode, told.decode()


@pytest.fixture
def user(bench: Bench, tmp_path: Path) -> User:
    return User(bench, tmp_path / "home")


def test_containers_are_listed_with_how_many_stand_where(bench: Bench, user: User) -> None:
    assert user.run("jobs")[:2] == (
        0,
        "No job yet. Upload a picture or a clip: python -m openface_runner upload FILE\n",
    )
    bench.run()
    bench.upload("waiting.jpg")
    assert user.run("jobs") == (0, f"{bench.container}: 1 waiting, 0 running, 1 done, 0 failed\n", "")
    (line,) = user.json("jobs")
    assert (line["container"], line["waiting"], line["done"]) == (bench.container, 1, 1)
    code, told = user.on_terminal("jobs")
    assert code == 0
    assert bench.container in told
    assert "┃" in told


def test_a_containers_jobs_are_listed_with_what_happened_and_what_to_do(bench: Bench, user: User) -> None:
    bench.run()
    bench.upload("cut.jpg", FACE[:20_000])
    bench.run("cut.jpg")
    code, out, _ = user.run("jobs", bench.container)
    failed, done = out.splitlines()
    assert code == 1
    assert done == f"{bench.container}/face.jpg: analysed."
    assert failed.startswith(f"{bench.container}/cut.jpg: unreadable. The picture is damaged or was cut off")
    assert failed.endswith(
        "Export it again from where it was made, check that it opens on your computer, then upload it."
    )
    cut, face = user.json("jobs", bench.container)
    assert (cut["status"], cut["outcome"], cut["advice"][:6]) == ("failed", "unreadable", "Export")
    assert (face["status"], face["outcome"], face["bytes"]) == ("done", "analysed", len(FACE))


def test_what_a_name_holds_never_reaches_the_terminal(bench: Bench, user: User, tmp_path: Path) -> None:
    bench.upload(HOSTILE)
    bench.run(HOSTILE)
    _, told = user.on_terminal("jobs", bench.container)
    assert "\x9b" not in told
    assert r"\x9b31mred [bold]b[/bold] <b>.jpg" in told
    for words in (("jobs", bench.container), ("fetch", bench.container, "--out", tmp_path / "out")):
        assert "\x9b" not in user.run(*words)[1]


def test_watching_goes_on_until_all_is_done_and_tells_each_change(bench: Bench, user: User) -> None:
    with meanwhile(bench, lambda: lines.append(watching.stdout.readline())):  # type: ignore[union-attr]
        lines: list[str] = []
        with user.start("jobs", bench.container, "--watch") as watching:
            assert watching.stdout is not None
            lines.append(watching.stdout.readline())
            bench.run()
            out, _ = watching.communicate(timeout=60)
    assert lines == [f"{bench.container}/face.jpg: waiting.\n", f"{bench.container}/face.jpg: running.\n"]
    assert out == f"{bench.container}/face.jpg: analysed.\n"
    assert watching.returncode == 0


def test_on_a_terminal_watching_draws_a_table(bench: Bench, user: User) -> None:
    bench.run()
    code, told = user.on_terminal("jobs", bench.container, "--watch")
    assert code == 0
    assert "analysed" in told
    assert "┃" in told


def test_ctrl_c_ends_the_watching(bench: Bench, user: User) -> None:
    with user.start("jobs", bench.container, "--watch") as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "Traceback" not in errors


def test_results_are_fetched_with_their_records_as_a_report_wants_them(bench: Bench, user: User) -> None:
    bench.run()
    bench.upload("a folder/cut.jpg", FACE[:20_000])
    bench.run("a folder/cut.jpg")
    code, out, _ = user.run("fetch", bench.container, "--out", "results")
    assert code == 1, "one of them has no result"
    assert f"face.jpg -> {Path('results/face.jpg.csv')}" in out
    assert "a folder/cut.jpg: unreadable. The picture is damaged" in out
    results = user.folder / "results"
    assert sorted(str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()) == [
        "a folder/cut.jpg.json", "face.jpg.csv", "face.jpg.json",
    ]  # fmt: skip
    assert (results / "face.jpg.csv").read_bytes() == bench.csv()
    assert user.run("report", "results/face.jpg.csv")[0] == 0


def test_a_result_that_is_outdated_is_not_left_where_the_newer_one_belongs(bench: Bench, user: User) -> None:
    bench.run()
    assert user.run("fetch", bench.container, "--out", ".")[0] == 0
    bench.upload("face.jpg", FACE[:20_000])
    bench.run()
    (line,) = user.json("fetch", bench.container, "--out", ".")
    assert (line["outcome"], line["csv"]) == ("unreadable", None)
    assert not (user.folder / "face.jpg.csv").exists()


def test_a_download_that_is_cut_leaves_no_csv(bench: Bench, user: User, storage: Storage) -> None:
    bench.run()
    with StorageProxy.running(storage) as proxy:
        user.environment["MediaStorage"] = proxy.connection_string
        output = bench.services.settings.output_container
        proxy.when(lambda request: request.container == output and request.method == "GET", answer(403, "AuthFailed"))
        code, _, errors = user.run("fetch", bench.container, "--out", ".")
    assert code == 1
    assert "refused to download the result" in errors
    assert not (user.folder / "face.jpg.csv").exists()


@given(st.lists(st.text(min_size=1, max_size=300), max_size=6, unique=True))
def test_no_name_leads_out_of_the_folder_or_onto_another(names: list[str]) -> None:
    paths = paths_for(names)
    assert len({str(path).casefold() for path in paths.values()}) == len(names)
    for path in paths.values():
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert all(len(part.encode()) <= 240 and not part.startswith(".") for part in path.parts)


@pytest.mark.parametrize("name", ["../up.jpg", "/etc/passwd", "..\\up.jpg", "a/../../b", "C:\\x", "nul\0.jpg"])
def test_a_name_that_would_lead_elsewhere_stays_below(name: str) -> None:
    path = paths_for([name])[name]
    assert (Path("/out") / path).resolve().is_relative_to("/out")


def test_files_are_uploaded_into_a_container_of_their_own(bench: Bench, user: User) -> None:
    code, out, _ = user.run("upload", sample("face.jpg"), sample("face.mp4"), "--capture", "wild")
    assert code == 0
    container = re.match(r"Container ([0-9a-f-]{36})\n", out)[1]  # type: ignore[index]
    assert uuid.UUID(container)
    assert f"python -m openface_runner jobs {container} --watch" in out
    for name, kind in (("face.jpg", "image/jpeg"), ("face.mp4", "video/mp4")):
        uploaded = bench.blob(container, name).get_blob_properties()
        assert (uploaded.content_settings.content_type, uploaded.metadata) == (kind, {"capture": "wild"})
        assert bench.blob(container, name).download_blob().readall() == sample(name).read_bytes()


def uploaded_and_watched(
    bench: Bench, user: User, content: bytes, *words: str, deliver: Callable[[], None]
) -> tuple[int, list[dict[str, Any]]]:
    """Upload ``face.jpg`` into the bench's container, and wait for its outcome."""
    (user.folder / "face.jpg").write_bytes(content)
    words = ("upload", "face.jpg", "--container", bench.container, "--watch", "--json", *words)
    with user.start(*words) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()), json.loads(process.stdout.readline())]
        assert [line["status"] for line in lines] == ["uploaded", "waiting"]
        deliver()
        out, errors = process.communicate(timeout=60)
    assert errors == ""
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def test_who_uploads_can_wait_for_the_outcome(bench: Bench, user: User) -> None:
    code, lines = uploaded_and_watched(bench, user, FACE, deliver=bench.run)
    assert (code, lines[-1]["outcome"]) == (0, "analysed")


def test_what_an_earlier_version_came_to_does_not_pass_for_the_newer_ones(bench: Bench, user: User) -> None:
    bench.run()
    code, lines = uploaded_and_watched(bench, user, FACE[:20_000], deliver=bench.run)
    assert (code, lines[-1]["outcome"]) == (1, "unreadable")


def test_on_a_terminal_an_upload_shows_how_far_it_is(bench: Bench, user: User) -> None:
    code, told = user.on_terminal("upload", sample("face.jpg"))
    assert code == 0
    assert "uploading" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jobs", "holiday"), "'holiday' is no container of media: those are named by a UUID"),
        (("jobs", "--count", "0"), "--count may be 1 to 5000."),
        (("fetch", NOBODY), "--out"),
        (("fetch", "x", "--out", "."), "named by a UUID"),
        (("upload", "nothing.jpg"), "nothing.jpg does not exist"),
        (("upload", "."), ". is a folder"),
        (("upload", "a.jpg", "b/a.jpg"), "Several files are named 'a.jpg'"),
        (("upload", "a.jpg", "--capture", "odd"), "odd"),
    ],
)
def test_wrong_use_ends_with_2_and_nothing_is_done(user: User, words: tuple[str, ...], said: str) -> None:
    (user.folder / "b").mkdir()
    for name in ("a.jpg", "b/a.jpg"):
        (user.folder / name).write_bytes(FACE)
    code, out, errors = user.run(*words)
    assert (code, out) == (2, "")
    assert said in errors


def test_a_container_that_is_not_there_is_said_to_be_not_there(user: User) -> None:
    assert user.run("jobs", NOBODY)[:2] == (1, "There is no such container.\n")
    code, _, errors = user.run("fetch", NOBODY, "--out", ".")
    assert (code, errors) == (1, f"openface_runner: There is no container {NOBODY} in this account.\n")


@pytest.mark.parametrize("words", [("jobs",), ("jobs", NOBODY), ("fetch", NOBODY, "--out", "."), ("upload", "a.jpg")])
def test_storage_that_refuses_is_a_sentence_without_a_secret(
    user: User, storage: Storage, words: tuple[str, ...]
) -> None:
    (user.folder / "a.jpg").write_bytes(FACE)
    with StorageProxy.running(storage) as proxy:
        user.environment["MediaStorage"] = proxy.connection_string
        proxy.when(anything, answer(403, "AuthorizationPermissionMismatch"))
        code, _, errors = user.run(*words)
    assert code == 1
    assert "Blob storage refused to" in errors
    assert "Check the account" in errors
    assert "Traceback" not in errors
    assert "AccountKey" not in errors


def test_without_a_connection_the_setting_is_named(user: User) -> None:
    del user.environment["MediaStorage"]
    for words in (("jobs",), ("fetch", NOBODY, "--out", "."), ("upload", sample("face.jpg"))):
        code, _, errors = user.run(*words)
        assert code == 2
        assert "MediaStorage" in errors
