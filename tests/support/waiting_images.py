"""Images for the batcher, with programs that say which of them shared a process, and wait to be let go on."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from openface_runner.cancellation import Cancellation
from openface_runner.openface.batches import Arrival, Batcher
from openface_runner.openface.command import Options
from openface_runner.openface.engine import OpenFace
from openface_runner.openface.installation import Program, find
from openface_runner.openface.process import ProcessLimits
from openface_runner.openface.runs import Runs
from openface_runner.openface.slots import Slots
from openface_runner.openface.tasks import Measurement, Task
from openface_runner.workspace import Workspace
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install, only_on_samples
from tests.support.samples import RECORDINGS

EXPECTED = (RECORDINGS / "image-face/outputs/out/face.csv").read_bytes()
"""The CSV that a run of its own leaves."""

STARTED = 'mkdir -p "$out"; touch "$out/${stem}_of_details.txt"; '
"""What OpenFace does when it begins an image."""


class WaitingImages:
    """A fake OpenFace and images whose files hold nothing but their names, by which it knows them.

    An image whose name begins with ``gated`` keeps its process until ``open_gate``; one that begins with ``bad`` is
    done what ``bad`` says. All others are measured.
    """

    def __init__(
        self, folder: Path, *, processes: int = 1, bad: str = "", good: str = "", wall: float = 60, patience: float = 60
    ) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._log.touch()
        body = f"""
who=$(cat "$medium"); echo "$$ $who" >> "{self._log}"
case "$who" in
gated*) {STARTED} cat "{folder}/$who.gate" ;;
bad*) {bad or ":"} ;;
*) {good or ":"} ;;
esac
{GOOD_IMAGE}"""
        bin_dir = install(folder / "bin", image=only_on_samples(GOOD_IMAGE, otherwise=body), video=GOOD_VIDEO)
        installation = find(bin_dir, None, allow_standin=False)
        limits = dict.fromkeys(Program, ProcessLimits(wall=wall, cpu=60))
        self.work = folder / "work"
        self.work.mkdir()
        workspace = Workspace(self.work)
        self._openface = OpenFace(
            installation, processes=processes, limits=limits, workspace=workspace, patience=patience
        )
        self._runs = Runs(installation, limits)
        self._workspace = workspace
        self._pool = ThreadPoolExecutor(100)
        self._gates: dict[str, int] = {}
        self.cancellations: dict[str, Cancellation] = {}

    def batcher(self, *, gathering: float) -> Batcher:
        """A batcher with a process of its own."""
        return Batcher(self._runs, Slots(1), self._workspace, patience=60, gathering=gathering)

    def task(self, name: str, options: Options | None = None, pixels: int = 1) -> Task:
        """One image, in a folder of its own."""
        folder = self.work / name
        folder.mkdir()
        medium = folder / "medium.jpg"
        medium.write_text(name)
        return Task(program=Program.IMAGE, path=medium, options=options or Options(), pixels=pixels)

    def put(self, name: str, options: Options | None = None, pixels: int = 1) -> Future[Measurement]:
        """Have one image measured; returns when the batcher has it."""
        if name.startswith("gated"):
            os.mkfifo(self._gate(name))
        task = self.task(name, options, pixels)
        cancellation = self.cancellations[name] = Cancellation()
        with self._openface.expecting_image() as arrival:
            seen = _Seen(arrival)
            future = self._pool.submit(
                self._openface.measure, task, task.path.parent / "out", cancellation, arrival=seen
            )
            seen.arrived.wait()
        return future

    def hold(self, name: str = "gated") -> Future[Measurement]:
        """Keep a process busy with an image of its own, until ``open_gate``."""
        future = self.put(name)
        self.wait_for(name)
        return future

    def wait_for(self, name: str) -> None:
        """Wait until a process has come to a gated image."""
        # Opening a pipe for writing waits for its reader.
        self._gates[name] = os.open(self._gate(name), os.O_WRONLY)

    def open_gate(self, name: str = "gated") -> None:
        """Let a gated image's process go on."""
        os.close(self._gates.pop(name))

    def runs(self) -> list[list[str]]:
        """The names of the images that each process came to, in the order of the processes' first ones."""
        by_process: dict[str, list[str]] = {}
        for line in self._log.read_text().splitlines():
            process, name = line.split()
            by_process.setdefault(process, []).append(name)
        return list(by_process.values())

    def _gate(self, name: str) -> Path:
        return self._folder / f"{name}.gate"


class _Seen(Arrival):
    """An announced image's arrival, which can be waited for."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self.arrived = threading.Event()

    def over(self) -> None:
        self._arrival.over()
        self.arrived.set()
