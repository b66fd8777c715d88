"""``python -m benchmarks``: run them, and write docs/performance.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import dropped, jobs_page, many_blobs, memory, overhead, start
from benchmarks.measuring import Result
from benchmarks.setting import chosen_engine
from devstack.stack import STATE_DIR
from tests.support.doc_tables import DOCS, write_section

PAGE = DOCS / "performance.md"
BENCHMARKS: dict[str, Callable[[int], Result]] = {
    "overhead": overhead.run,
    "images": dropped.images,
    "videos": dropped.videos,
    "memory": lambda _: memory.run(),
    "many_blobs": many_blobs.run,
    "start": start.run,
    "jobs_page": jobs_page.run,
}


def main() -> int:
    """Run the benchmarks that were named, or all, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each variant; 5")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    results = {}
    for name in arguments.names or BENCHMARKS:
        print(f"{name} …", flush=True)
        results[name] = BENCHMARKS[name](arguments.repeat)
        table = _table(results[name])
        print(table, flush=True)
        write_section(PAGE, name, table)
    write_section(PAGE, "machine", _machine())
    kept = {name: asdict(result) for name, result in results.items()}
    STATE_DIR.mkdir(exist_ok=True)
    (STATE_DIR / "benchmarks.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return 0


def _table(result: Result) -> str:
    lines = [f"| {' | '.join(result.columns)} |", f"|{' --- |' * len(result.columns)}"]
    lines += [f"| {' | '.join(row)} |" for row in result.rows]
    return "\n".join([*lines, *(f"\n{note}" for note in result.notes)])


def _machine() -> str:
    memory_size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({model}), {memory_size:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {chosen_engine()}; `{' '.join(['python -m benchmarks', *sys.argv[1:]])}`."
    )


if __name__ == "__main__":
    sys.exit(main())
