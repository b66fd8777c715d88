"""OpenFace crashes, hangs and lies: each medium ends in its outcome, and nothing wrong is published."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.azurite import Storage
from openface_runner.openface.installation import Program
from openface_runner.outcomes import BrokenInstallation, DiskFull, KilledFromOutside, Outcome
from openface_runner.records import State
from tests.support.bench import CLIP, FACE, Bench
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, only_on_samples, replay

GOOD = {Program.IMAGE: GOOD_IMAGE, Program.VIDEO: GOOD_VIDEO}
NAMES = {Program.IMAGE: "face.jpg", Program.VIDEO: "face.mp4"}
CONTENTS = {Program.IMAGE: FACE, Program.VIDEO: CLIP}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What OpenFace does to a medium; ``$out`` and ``$stem`` say where its outputs go."""

    what: str
    body: str
    outcome: Outcome
    programs: tuple[Program, ...] = tuple(Program)
    settings: tuple[tuple[str, str], ...] = ()


_SHORT_TIME = (("IMAGE_TIME_LIMIT", "1"), ("VIDEO_TIME_LIMIT", "1"))
_SHORT_CPU = (("IMAGE_CPU_LIMIT", "1"), ("VIDEO_CPU_LIMIT", "1"))
_GOOD = "{good}\n"
_LIKE = '"$out/$stem.csv"'
_ONE_KIND = (Program.IMAGE,)
_VIDEO = (Program.VIDEO,)

FAULTS = [
    *(
        Fault(what=f"OpenFace dies of {name}", body=f"kill -{name[3:]} $$", outcome=Outcome.CRASHED)
        for name in ("SIGSEGV", "SIGABRT", "SIGFPE", "SIGILL", "SIGBUS")
    ),
    Fault(what="OpenFace exits with 0 and leaves nothing", body="exit 0", outcome=Outcome.CRASHED),
    Fault(what="OpenFace gives up with exit code 1", body="exit 1", outcome=Outcome.CRASHED),
    Fault(what="OpenFace hangs", body="sleep 1000", outcome=Outcome.TIMED_OUT, settings=_SHORT_TIME),
    Fault(
        what="OpenFace hangs, ignores SIGTERM, and has started others",
        body="trap '' TERM INT HUP; sleep 1000 & sleep 1000 & wait",
        outcome=Outcome.TIMED_OUT,
        settings=_SHORT_TIME,
    ),
    Fault(
        what="OpenFace uses processor time without end",
        body="while :; do :; done",
        outcome=Outcome.TIMED_OUT,
        settings=_SHORT_CPU,
    ),
    Fault(
        what="OpenFace floods its output with 200 MB",
        body="yes complaint | head -c 200000000; exit 1",
        outcome=Outcome.CRASHED,
        programs=_ONE_KIND,
    ),
    Fault(
        what="OpenFace writes a CSV cut off in a line", body=_GOOD + f"truncate -s -9 {_LIKE}", outcome=Outcome.CRASHED
    ),
    Fault(what="OpenFace writes an empty CSV", body=_GOOD + f": > {_LIKE}", outcome=Outcome.CRASHED),
    Fault(what="OpenFace writes a header and no row", body=_GOOD + f"sed -i '2,$d' {_LIKE}", outcome=Outcome.CRASHED),
    Fault(
        what="OpenFace writes a cell that isn't a number",
        body=_GOOD + f"sed -i '2s/,0/,=cmd()/' {_LIKE}",
        outcome=Outcome.CRASHED,
    ),
    Fault(
        what="OpenFace writes a number that isn't finite",
        body=_GOOD + f"sed -i '2s/,0[.0-9]*/,inf/' {_LIKE}",
        outcome=Outcome.CRASHED,
    ),
    Fault(
        what="OpenFace writes bytes that aren't text",
        body=_GOOD + f"printf '\\377\\n' >> {_LIKE}",
        outcome=Outcome.CRASHED,
    ),
    Fault(
        what="OpenFace writes too few cells in a row",
        body=_GOOD + f"sed -i '2s/,[^,]*$//' {_LIKE}",
        outcome=Outcome.CRASHED,
    ),
    Fault(
        what="OpenFace writes another medium's CSV",
        body=_GOOD + """sed -i 's#^Input:.*#Input:/elsewhere/other#' "$out/${stem}_of_details.txt\"""",
        outcome=Outcome.CRASHED,
    ),
    Fault(
        what="OpenFace writes a short CSV that looks whole",
        body=_GOOD + f"sed -i '40,$d' {_LIKE}",
        outcome=Outcome.INCOMPLETE,
        programs=_VIDEO,
    ),
    Fault(
        what="OpenFace leaves out a frame in the middle",
        body=_GOOD + f"sed -i '40d' {_LIKE}",
        outcome=Outcome.CRASHED,
        programs=_VIDEO,
    ),
    Fault(
        what="OpenFace doesn't postprocess the action units",
        body=_GOOD + f"sed -i 's/,\\([01]\\)\\.00/,\\1.0/g' {_LIKE}",
        outcome=Outcome.CRASHED,
        programs=_VIDEO,
    ),
    Fault(
        what="OpenFace ends without its last words",
        body=replay("video-face", "face").replace('sed "s#/media/[^ ]*#$medium#" "$recorded/stdout.txt"', ""),
        outcome=Outcome.CRASHED,
        programs=_VIDEO,
    ),
]


def cases() -> Iterator[object]:
    for fault in FAULTS:
        must_follow = f"`{fault.outcome}`, a record, no CSV; the next medium is measured"
        for program in fault.programs:
            yield pytest.param(
                fault, program, id=f"{fault.what}-{program}", marks=pytest.mark.fault(fault.what, must_follow)
            )


@pytest.mark.parametrize(("fault", "program"), list(cases()))
def test_a_fault_on_one_medium_is_its_outcome_and_no_other_mediums(
    bench: Bench, fault: Fault, program: Program
) -> None:
    name = NAMES[program]
    bench.upload(name, CONTENTS[program])
    bench.services = bench.start(**dict(fault.settings))
    bench.program(only_on_samples(GOOD[program], otherwise=fault.body.replace("{good}", GOOD[program])), program)
    bench.run(name)
    record = bench.record(name)
    assert (record.state, record.outcome, record.csv) == (State.ENDED, fault.outcome, None)
    assert record.message.endswith(".") and record.advice.endswith(".")
    assert bench.published() == []
    bench.program(GOOD[program], program)
    bench.upload(f"next-{name}", CONTENTS[program])
    bench.run(f"next-{name}")
    assert bench.record(f"next-{name}").outcome is Outcome.ANALYSED
    assert bench.published() == [f"next-{name}"]


@pytest.mark.fault("OpenFace is killed with SIGKILL from outside", "tried again, then `analysed`")
@pytest.mark.parametrize("program", Program)
def test_a_kill_from_outside_is_raised_and_the_next_try_ends_well(bench: Bench, program: Program) -> None:
    name = NAMES[program]
    bench.upload(name, CONTENTS[program])
    bench.program(only_on_samples(GOOD[program], otherwise="kill -KILL $$"), program)
    with pytest.raises(KilledFromOutside) as raised:
        bench.run(name)
    assert str(raised.value).startswith(
        f"{bench.container}/{name}: OpenFace was killed from outside with SIGKILL after"
    )
    assert str(raised.value).endswith(
        "Give the container more memory, or lower OPENFACE_PROCESSES; it is tried again by itself."
    )
    assert (bench.record(name).state, bench.published()) == (State.RETRYING, [])
    bench.program(GOOD[program], program)
    bench.run(name)
    assert (bench.record(name).outcome, bench.record(name).attempts) == (Outcome.ANALYSED, 2)


@pytest.mark.fault("OpenFace fails on known-good samples, too", "tried again, then `analysed` once it is mended")
@pytest.mark.parametrize("body", ["exit 1", "kill -ILL $$", "sleep 1000"], ids=["gives up", "SIGILL", "hangs"])
def test_a_broken_installation_is_raised_with_the_medium_and_the_next_step(bench: Bench, body: str) -> None:
    bench.services = bench.start(IMAGE_TIME_LIMIT="1")
    # A medium that takes too long alone is an outcome; only what else fails is held against the sample.
    bench.program(only_on_samples(body, otherwise="exit 1"))
    with pytest.raises(BrokenInstallation) as raised:
        bench.run()
    assert str(raised.value).startswith(f"{bench.container}/face.jpg: OpenFace doesn't work on known-good samples")
    assert str(raised.value).endswith("\nRun 'python -m openface_runner doctor' where the app runs for the cure.")
    bench.program(GOOD_IMAGE)
    bench.run()
    assert (bench.record().outcome, bench.published()) == (Outcome.ANALYSED, ["face.jpg"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with 300 MB, of which nothing is used."""
    folder = tmp_path / "work"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("Only root may mount a small disk.")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"No small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.fault("OpenFace fills the disk", "tried again, then `analysed` once there is room")
@pytest.mark.parametrize("program", Program)
def test_a_full_disk_is_not_blamed_on_the_medium(storage: Storage, small_disk: Path, program: Program) -> None:
    fill = 'mkdir -p "$out"; head -c 400000000 /dev/zero > "$out/frames.avi"; '
    with Bench.running(storage, small_disk) as bench:
        name = NAMES[program]
        bench.upload(name, CONTENTS[program])
        bench.program(only_on_samples(GOOD[program], otherwise=fill + GOOD[program]), program)
        with pytest.raises(DiskFull) as raised:
            bench.run(name)
        assert str(raised.value).startswith(f"{bench.container}/{name}: OpenFace failed with only ")
        assert str(raised.value).endswith("set WORK_DIR to a folder on a larger disk; it is tried again by itself.")
        assert bench.published() == []
        bench.program(GOOD[program], program)
        bench.run(name)
        assert (bench.record(name).outcome, bench.published()) == (Outcome.ANALYSED, [name])


@pytest.mark.fault(
    "there is no room for a medium", "not even downloaded; tried again, then `analysed` once there is room"
)
def test_a_medium_for_which_there_is_no_room_is_not_downloaded(storage: Storage, small_disk: Path) -> None:
    with Bench.running(storage, small_disk) as bench:
        ballast = small_disk / "work" / "ballast"
        ballast.write_bytes(bytes(60_000_000))
        with pytest.raises(DiskFull, match="bytes left for working files, which isn't enough for the medium's"):
            bench.run()
        assert "downloaded" not in bench.record().steps
        ballast.unlink()
        bench.run()
        assert bench.record().outcome is Outcome.ANALYSED
