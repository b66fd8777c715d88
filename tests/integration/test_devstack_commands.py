"""`python -m devstack` as people use it: it works, says how, and leaves no process behind however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]  # it ships none
import pytest
from azure.storage.blob import BlobServiceClient

from devstack.azurite import Storage
from devstack.ports import Ports
from devstack.stack import REPOSITORY
from tests.support.devstack_apps import HEAD, new_container

APP = HEAD + "@on_upload\ndef say(client: blob.BlobClient) -> None:\n    logging.info('saw %s', client.blob_name)\n"


class Command:
    """A running command whose output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self._output: IO[str] = process.stdout
        self.seen = ""

    def until(self, pattern: str) -> re.Match[str]:
        """Read until a line matches; fails when the output ends before."""
        for line in self._output:
            self.seen += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} was never printed:\n{self.seen}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)  # type: ignore[no-any-return]  # untyped

    def end(self) -> int:
        """Read the rest, and return the exit code."""
        self.seen += self._output.read()
        return self.process.wait()


RunCommand = Callable[..., Command]


@pytest.fixture
def run_command(tmp_path: Path, write_app: Callable[..., Path], storage: Storage) -> Iterator[RunCommand]:
    # The session's storage isn't used; asking for it skips these tests where Azurite is missing.
    app = write_app(APP)
    (app / "local.settings.json").write_text('{"Values": {"OPENFACE_BIN_DIR": "chosen by hand"}}', "utf-8")
    with ExitStack() as cleanup:

        def run(command: str, **ports: int) -> Command:
            numbers = {"blob": 0, "queue": 0, "table": 0, "host": 0} | ports
            arguments = [f"--{name}-port={number}" for name, number in numbers.items()]
            arguments += ["--app", str(app), "--state-dir", str(tmp_path / "state")]
            process = cleanup.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "devstack", *command.split(), *arguments],
                    cwd=REPOSITORY,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env=os.environ | {"PYTHONUNBUFFERED": "1"},
                )
            )
            cleanup.callback(process.kill)
            return Command(process)

        yield run


def upload_to(connection_string: str, name: str) -> None:
    with BlobServiceClient.from_connection_string(connection_string) as service, new_container(service) as container:
        container.upload_blob(name, b"x")


def still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run on after up to 20 seconds; an orphan that its new parent hasn't collected doesn't."""
    _, left = psutil.wait_procs(processes, timeout=20)
    return [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_up_runs_everything_and_a_signal_stops_it(run_command: RunCommand, how: signal.Signals) -> None:
    up = run_command("up --own-host")
    connection = up.until(r"MediaStorage='(.*)'")[1]
    up.until("Ctrl-C stops everything")
    upload_to(connection, "clip one.mp4")
    up.until("saw clip one.mp4")
    up.until(r"Executed 'Functions.say' \(Succeeded")
    children = up.children()
    assert len(children) >= 2
    up.process.send_signal(how)
    assert up.end() == 0, up.seen
    assert not still_there(children)


def test_when_a_part_dies_everything_stops_with_a_message(run_command: RunCommand) -> None:
    up = run_command("up --own-host")
    up.until("Ctrl-C stops everything")
    children = up.children()
    (azurite,) = [child for child in children if "azurite" in " ".join(child.cmdline())]
    azurite.kill()
    assert up.end() == 1
    assert "Azurite ended by itself (killed by SIGKILL)" in up.seen
    assert not still_there(children)


def test_nothing_stays_behind_when_the_devstack_is_killed(run_command: RunCommand) -> None:
    up = run_command("up --own-host")
    up.until("Ctrl-C stops everything")
    children = up.children()
    up.process.kill()
    assert not still_there(children)


def test_the_parts_work_in_terminals_of_their_own(run_command: RunCommand) -> None:
    storage = run_command("storage")
    ports = storage.until(r"Azurite listens on ports (\d+), (\d+), (\d+)")
    numbers = dict(zip(("blob", "queue", "table"), map(int, ports.groups()), strict=True))
    host = run_command("host", **numbers)
    numbers["host"] = int(host.until(r"The Functions host is at http://127\.0\.0\.1:(\d+)")[1])
    events = run_command("events", **numbers)
    events.until("Event Grid tells say of every blob")
    upload_to(Ports(**{name: numbers[name] for name in ("blob", "queue", "table")}).connection_string, "x.mp4")
    host.until("saw x.mp4")
    for command in (events, host, storage):
        command.process.send_signal(signal.SIGINT)
        assert command.end() == 0, command.seen


def test_an_upload_while_nobody_listened_is_told_later_and_only_once(run_command: RunCommand) -> None:
    storage = run_command("storage")
    blob, queue, table = map(int, storage.until(r"Azurite listens on ports (\d+), (\d+), (\d+)").groups())
    upload_to(Ports(blob=blob, queue=queue, table=table).connection_string, "early.mp4")
    storage.process.send_signal(signal.SIGINT)
    assert storage.end() == 0, storage.seen
    for name in ("first.mp4", "second.mp4"):
        up = run_command("up --own-host")
        connection = up.until(r"MediaStorage='(.*)'")[1]
        if name == "first.mp4":
            up.until("saw early.mp4")
        upload_to(connection, name)
        up.until(f"saw {name}")
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 0, up.seen
        assert up.seen.count("saw early.mp4") == (1 if name == "first.mp4" else 0)


def test_a_port_in_use_is_an_error_that_names_it(run_command: RunCommand, storage: Storage) -> None:
    up = run_command("up --own-host", queue=storage.ports.queue)
    assert up.end() == 1
    assert f"port {storage.ports.queue} is in use" in up.seen
    host = run_command("up --own-host", host=storage.ports.queue)
    assert host.end() == 1
    assert f"port {storage.ports.queue} is in use" in host.seen
