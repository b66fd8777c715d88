"""Writes the tables of docs/reliability.md: ``python -m tests.support.reliability_page REPORT``."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.doc_tables import DOCS, section, write_section

PAGE = DOCS / "reliability.md"
_FAULTS, _SOAK = "faults", "soak"


def rows_on_the_page() -> set[str]:
    """What goes wrong, by the first cells of the page's table."""
    lines = section(PAGE, _FAULTS).splitlines()
    return {line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")}


def write(report: dict[str, Any]) -> None:
    """Put the counts and figures of a run into the page."""
    write_section(PAGE, _FAULTS, f"{_table(report['faults'])}\n\n{_where()}")
    soaks = sorted(report["figures"].values(), key=lambda figures: figures["jobs"])
    if soaks:
        write_section(PAGE, _SOAK, _soak_table(soaks[-1]))


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| what goes wrong | what must follow | injected | survived | lost |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        injected, survived = row["injected"], row["survived"]
        lines.append(f"| {row['fault']} | {row['must_follow']} | {injected:,} | {survived:,} | {injected - survived} |")
    injected, survived = (sum(row[name] for row in rows) for name in ("injected", "survived"))
    lines.append(f"| **all** | | **{injected:,}** | **{survived:,}** | **{injected - survived}** |")
    return "\n".join(lines)


def _where() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; Azurite for storage, programs in OpenFace's place."
    )


def _soak_table(figures: dict[str, Any]) -> str:
    faults = figures.pop("faults")
    lines = ["| figure | value |", "| --- | ---: |"]
    lines += [f"| {name} | {value:,} |" for name, value in figures.items()]
    lines += ["", "| fault | jobs |", "| --- | ---: |"]
    lines += [f"| {name} | {number} |" for name, number in sorted(faults.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
