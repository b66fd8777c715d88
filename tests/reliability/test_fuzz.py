"""Damaged media through everything that sees a file: no crash, no hang, and every one an outcome."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.standin.install import install as install_standin
from devstack.standin.model_file import StandinUnavailable
from openface_runner.outcomes import Outcome
from tests.support.damaged_media import make_sources
from tests.support.fake_openface import GOOD_IMAGE, GOOD_VIDEO, install
from tests.support.fault_report import FAULTS
from tests.support.missing import skip_or_fail

ROOT = Path(__file__).parents[2]
WITH_FAKE = range(600)
WITH_STANDIN = range(600, 700)
WITH_STANDIN_IN_SHORT = range(600, 610)
ONE_OF_EACH = range(30)
"""Bits of every format are flipped; many get through."""
_SHOWN = 4000
"""Characters of what a process printed that was killed."""
PROCESSES = 2


@dataclass(frozen=True)
class Fuzz:
    """Where damaged media are analysed."""

    sources: Path
    work: Path

    def run(self, bin_dir: Path, numbers: Sequence[int]) -> list[str]:
        """How each case ended, as one line; a case that ended its process says so."""
        parts = [list(numbers[start::PROCESSES]) for start in range(PROCESSES)]
        with ThreadPoolExecutor(PROCESSES) as pool:
            return [end for ends in pool.map(lambda part: list(self._ends(bin_dir, part)), parts) for end in ends]

    def _ends(self, bin_dir: Path, numbers: list[int]) -> Iterator[str]:
        while numbers:
            # A new process goes on behind a case that ended the one before.
            yield from self._process(bin_dir, numbers)

    def _process(self, bin_dir: Path, numbers: list[int]) -> Iterator[str]:
        argv = [sys.executable, "-m", "tests.support.fuzz_worker", str(self.sources), str(bin_dir), str(self.work)]
        done = subprocess.run(
            argv,
            cwd=ROOT,
            input="".join(f"{number}\n" for number in numbers),
            capture_output=True,
            text=True,
            check=False,
        )
        running = None
        for line in done.stdout.splitlines():
            told = json.loads(line)
            if "begun" in told:
                running = numbers.pop(0)
            else:
                running = None
                yield f"{told['outcome']} | case {told['ended']}, {told['what']}: {told['message']}"
        assert running is not None or not numbers, f"the process did not even begin:\n{done.stderr}"
        if running is not None:
            yield f"killed its process ({done.returncode}) | case {running}:\n{_last_words(done.stderr)}"


def _last_words(printed: str) -> str:
    """What a process said of its end: the crash's own report, whose begin tells more than its end, or else the end."""
    crashed = printed.rfind("Fatal Python error")
    return printed[crashed:][:_SHOWN] if crashed >= 0 else printed[-_SHOWN:]


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Fuzz:
    sources = tmp_path_factory.mktemp("sources")
    make_sources(sources)
    return Fuzz(sources, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bin_dir = tmp_path_factory.mktemp("standin") / "bin"
    try:
        install_standin(bin_dir)
    except StandinUnavailable as missing:
        skip_or_fail(missing)
    return bin_dir


def check(ends: list[str], work: Path, count: int) -> Counter[str]:
    """Every case ended in an outcome, and left nothing behind; how often each outcome came."""
    outcomes = {str(outcome) for outcome in Outcome}
    wrong = [end for end in ends if end.partition(" | ")[0] not in outcomes]
    assert not wrong, "\n".join(wrong)
    assert len(ends) == count
    assert list(work.iterdir()) == []
    return Counter(end.partition(" | ")[0] for end in ends)


@pytest.mark.fault("a damaged, cut, spliced or mislabelled file", "it ends in a known outcome, and nothing crashes")
def test_every_damaged_medium_ends_in_an_outcome(
    fuzz: Fuzz, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property(FAULTS, len(WITH_FAKE))
    bin_dir = install(tmp_path / "bin", image=GOOD_IMAGE, video=GOOD_VIDEO)
    counts = check(fuzz.run(bin_dir, WITH_FAKE), fuzz.work, len(WITH_FAKE))
    # Else the damage is such that little is tried: all of it found out at once, or none at all.
    assert min(counts["analysed"], counts["unreadable"], counts["incomplete"]) > len(WITH_FAKE) / 50, counts


@pytest.mark.parametrize(
    "numbers", [WITH_STANDIN_IN_SHORT, pytest.param(WITH_STANDIN, marks=pytest.mark.long)], ids=["short", "long"]
)
@pytest.mark.timeout(1800)
@pytest.mark.fault("a damaged file that a program in OpenFace's place opens", "it ends in a known outcome")
def test_every_damaged_medium_ends_in_an_outcome_with_the_standin(
    fuzz: Fuzz, standin: Path, record_property: Callable[[str, object], None], numbers: range
) -> None:
    record_property(FAULTS, len(numbers))
    check(fuzz.run(standin, numbers), fuzz.work, len(numbers))


def test_a_case_that_kills_its_process_is_named(fuzz: Fuzz, tmp_path: Path) -> None:
    # What the tests above rest on. The program in OpenFace's place ends whoever started it, for the first medium only.
    once = f'mkdir "{tmp_path}/once" 2>/dev/null && kill -SEGV $PPID\n'
    bin_dir = install(tmp_path / "bin", image=once + GOOD_IMAGE, video=GOOD_VIDEO)
    work = tmp_path / "work"
    work.mkdir()
    ends = Fuzz(fuzz.sources, work).run(bin_dir, ONE_OF_EACH)
    assert len(ends) == len(ONE_OF_EACH)
    (killed,) = [end for end in ends if end.startswith("killed its process (-11) | case ")]
    assert "Segmentation fault" in killed
