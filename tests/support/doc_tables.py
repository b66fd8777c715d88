"""The tables in docs/ that are made by running the product: ``python -m tests.support.doc_tables`` writes them anew.

Each stands between two comments in its page; tests compare what stands there with a fresh run.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devstack.standin.install import install
from openface_runner.analysis import Analyser
from openface_runner.media.request import Request
from openface_runner.outcomes import BrokenInstallation
from openface_runner.settings import Capture, Settings
from tests.support.broken_installations import WAYS, whole
from tests.support.image_files import ImageFile, make_image_files
from tests.support.samples import sample
from tests.support.video_files import VideoFile, make_video_files

DOCS = Path(__file__).resolve().parents[2] / "docs"


def section(page: Path, name: str) -> str:
    """What stands in a page between the comments of this name."""
    found = _marked(name).search(page.read_text(encoding="utf-8"))
    assert found is not None, f"{page.name} has no section {name!r}"
    return found[2].strip()


def write_section(page: Path, name: str, content: str) -> None:
    """Put a fresh table between the comments of this name."""
    text = page.read_text(encoding="utf-8")
    page.write_text(_marked(name).sub(lambda found: f"{found[1]}\n{content}\n{found[3]}", text), encoding="utf-8")


def broken_installations_table(folder: Path) -> str:
    """What the proof of an installation says of each way to break one."""
    rows = ["| what is wrong | what is said |", "| --- | --- |"]
    for number, way in enumerate(WAYS):
        bin_dir = whole(folder / str(number))
        way.do(bin_dir)
        rows.append(f"| {way.what} | {'<br>'.join(_findings(bin_dir))} |")
    return "\n".join(rows)


@dataclass(frozen=True, kw_only=True)
class MediaRow:
    """What became of one test medium."""

    name: str
    description: str
    expected: str
    outcome: str
    done: str

    def __str__(self) -> str:
        return f"| {self.description} | `{self.outcome}` | {self.done} |"


def standin(bin_dir: Path) -> Analyser:
    """An analyser with the stand-in, on whose outcomes the tables rest.

    Raises:
        StandinUnavailable: its packages are missing.
    """
    install(bin_dir)
    return Analyser.from_settings(Settings.from_environment(openface_bin_dir=bin_dir, allow_standin=True))


def media_rows(folder: Path, analyser: Analyser) -> dict[str, list[MediaRow]]:
    """Make all test media in a folder, and analyse them; the rows of the tables for images and videos."""
    made: dict[str, Sequence[ImageFile | VideoFile]] = {
        "images": make_image_files(_new(folder / "images"), sample("face.jpg")),
        "videos": make_video_files(_new(folder / "videos"), sample("face.mp4")),
    }
    with ThreadPoolExecutor(Settings.from_environment().openface_processes) as pool:
        return {kind: list(pool.map(partial(_analyse, analyser), files)) for kind, files in made.items()}


def media_table(rows: Sequence[MediaRow]) -> str:
    """The table of some media."""
    return "\n".join(["| medium | outcome | what was done, or why |", "| --- | --- | --- |", *map(str, rows)])


def without_numbers(table: str) -> str:
    """A table to be compared: how much of a cut file is left hangs on the encoder's threads, that is on the machine."""
    return re.sub(r"\d+(\.\d+)?", "N", table)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _analyse(analyser: Analyser, file: ImageFile | VideoFile) -> MediaRow:
    with analyser.workspace.folder() as work:
        analysis = analyser.analyse(file.path, Request(capture=Capture.POSED), work)
    verdict, medium = analysis.verdict, analysis.medium
    done = list(medium.conversions) if verdict.outcome.is_good and medium else [verdict.message]
    return MediaRow(
        name=file.name,
        description=file.description,
        expected=file.expected if isinstance(file, ImageFile) else file.outcome,
        outcome=verdict.outcome,
        done="; ".join([*done, *analysis.warnings]),
    )


def _findings(bin_dir: Path) -> list[str]:
    try:
        Analyser.from_settings(Settings.from_environment(openface_bin_dir=bin_dir)).prove()
    except BrokenInstallation as error:
        return [finding.replace(str(bin_dir), "…") for finding in error.findings]
    raise AssertionError(f"{bin_dir} isn't broken")


def _marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- begin: {name} -->)(.*?)(<!-- end: {name} -->)", re.DOTALL)


def main() -> int:
    """Write all tables."""
    with tempfile.TemporaryDirectory() as folder:
        write_section(DOCS / "installation.md", "broken", broken_installations_table(Path(folder) / "broken"))
        rows = media_rows(Path(folder) / "media", standin(Path(folder) / "standin"))
        for kind in ("images", "videos"):
            write_section(DOCS / "media.md", kind, media_table(rows[kind]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
