"""The tables in docs/ that are made by running the product: ``python -m tests.support.doc_tables`` writes them anew.

Each stands between two comments in its page; tests compare what stands there with a fresh run.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from openface_runner.analysis import Analyser
from openface_runner.outcomes import BrokenInstallation
from openface_runner.settings import Settings
from tests.support.broken_installations import WAYS, whole

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
        write_section(DOCS / "installation.md", "broken", broken_installations_table(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
