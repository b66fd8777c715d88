"""Working folders: made, removed, swept, and never too full."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openface_runner.outcomes import DiskFull
from openface_runner.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


def test_a_folder_lasts_as_long_as_its_job_whatever_is_in_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.folder() as folder:
        (folder / "deep" / "deeper").mkdir(parents=True)
        (folder / "deep" / "file").write_text("x")
        with workspace.folder() as other:
            assert other != folder
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("the app's process is killed (-9) during a job", "its working folder is removed at the next start")
def test_the_folders_of_killed_processes_are_swept_and_no_others(tmp_path: Path, pid_pipe: Path) -> None:
    code = f"""
from pathlib import Path
from openface_runner.workspace import Workspace
with Workspace(Path({str(tmp_path)!r})).folder() as folder:
    (folder / "upload").write_bytes(b"secret face")
    Path({str(pid_pipe)!r}).write_text(folder.name)
    Path({str(tmp_path / "never")!r}).read_text()
"""
    os.mkfifo(tmp_path / "never")
    (tmp_path / "openface-results").mkdir()
    workspace = Workspace(tmp_path)
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process, workspace.folder() as ours:
        theirs = tmp_path / pid_pipe.read_text()
        assert workspace.sweep() == 0
        assert (theirs / "upload").exists()
        process.kill()
        process.wait()
        assert workspace.sweep() == 1
        assert not theirs.exists()
        assert ours.exists()
    assert (tmp_path / "openface-results").exists()


def test_sweeping_while_folders_are_made_never_takes_one_from_its_job(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)

    def work(_: int) -> bool:
        with workspace.folder() as folder:
            (folder / "file").write_text("x")
            Workspace(tmp_path).sweep()
            return (folder / "file").read_text() == "x"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed_when_folders_are_swept(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "openface-job-link").symlink_to(tmp_path / "precious")
    assert Workspace(tmp_path / "work").sweep() == 0
    assert (tmp_path / "precious").exists()


def test_room_that_was_promised_to_one_medium_is_not_promised_to_another(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    most = workspace.free * 6 // 10
    with workspace.room_for(most), pytest.raises(DiskFull, match="which isn't enough for the medium's") as error:
        workspace.room_for(most).__enter__()
    assert str(error.value).endswith("set WORK_DIR to a folder on a larger disk; it is tried again by itself.")
    with workspace.room_for(most):
        pass
