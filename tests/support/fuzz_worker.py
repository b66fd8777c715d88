"""A process that analyses damaged media one after the other, and says how each one ended.

Run as ``python -m tests.support.fuzz_worker SOURCES BIN_DIR WORK_DIR`` with numbers on standard input, one a line. It
writes a line of JSON before each case and one after it. A case that isn't done within its deadline, or that crashes
native code, ends the process with every thread's traceback on standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from openface_runner.analysis import Analyser
from openface_runner.media.request import Request
from openface_runner.outcomes import JobError
from openface_runner.settings import Capture, Settings
from tests.support.damaged_media import DamagedMedium, damaged
from tests.support.probe import peak_mib

DEADLINE = 60.0
"""Seconds that a case may take, many times what the slowest was seen to take."""


def main(sources_dir: str, bin_dir: str, work_dir: str) -> None:
    """Work through the numbers on standard input."""
    sources = {path.name: path.read_bytes() for path in sorted(Path(sources_dir).iterdir())}
    settings = Settings.from_environment(
        openface_bin_dir=Path(bin_dir), allow_standin=True, openface_processes=1, work_dir=Path(work_dir)
    )
    analyser = Analyser.from_settings(settings)
    faulthandler.enable()
    for line in sys.stdin:
        _say({"begun": int(line)})
        faulthandler.dump_traceback_later(DEADLINE, exit=True)
        ended = _run(analyser, damaged(int(line), sources))
        faulthandler.cancel_dump_traceback_later()
        _say({"ended": int(line), **ended})


def _run(analyser: Analyser, medium: DamagedMedium) -> Mapping[str, object]:
    with analyser.workspace.folder() as work:
        upload = work / "upload"
        upload.write_bytes(medium.content)
        try:
            analysis = analyser.analyse(upload, Request(capture=Capture.POSED), work)
            outcome, message = str(analysis.verdict.outcome), analysis.verdict.message
        except JobError as error:
            outcome, message = type(error).__name__, str(error)
        except Exception as error:
            faulthandler.cancel_dump_traceback_later()
            outcome, message = f"escaped {type(error).__name__}", str(error)
    return {
        "what": medium.description,
        "outcome": outcome,
        "message": message,
        "open_files": len(os.listdir("/dev/fd")),  # noqa: PTH208 - the names are what is counted
        "peak_mib": peak_mib(),
    }


def _say(what: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
