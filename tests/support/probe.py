"""A process that looks through one medium, and says what it was found to be and what memory that took.

Run as ``python -m tests.support.probe MEDIUM WORK_DIR``; writes one line of JSON. A hang ends it with a traceback.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
from pathlib import Path

from PIL import Image

from openface_runner.media import images, videos  # noqa: F401 - their libraries are loaded before memory is measured
from openface_runner.media.content import Limits, prepare
from openface_runner.outcomes import Rejected

DEADLINE = 60.0
"""Seconds, many times what the slowest was seen to take."""
LIMITS = Limits(max_pixels=50_000_000, max_duration=900)
"""The product's defaults."""
_MIB_IN_KIB = 1024


def peak_mib() -> int:
    """The most memory that this process has held at once, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what the process was forked from, too
        (line,) = [line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) // _MIB_IN_KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MIB_IN_KIB**2  # macOS: in bytes


def main(medium: str, work_dir: str) -> None:
    """Look through one medium."""
    faulthandler.enable()
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    Image.init()
    before = peak_mib()
    try:
        prepared = prepare(Path(medium), Path(work_dir), LIMITS)
        outcome, message = prepared.medium.kind, "; ".join(prepared.medium.conversions)
    except Rejected as rejected:
        outcome, message = str(rejected.verdict.outcome), rejected.verdict.message
    told = {"outcome": outcome, "message": message, "grown_by_mib": peak_mib() - before}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
