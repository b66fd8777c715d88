"""4: the peak memory of a process that runs one job, by the size of its medium."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.clips import padded
from benchmarks.measuring import Result
from benchmarks.setting import Setting

MEGABYTE = 1_000_000
TARGET = 40
"""Megabytes between the smallest and the largest."""
_APP = """
import sys
from openface_runner import services
from openface_runner.jobs import analyse_blob
started = services.start()
analyse_blob(started, *sys.argv[1:])
outcome = started.records.read(*sys.argv[1:]).outcome
"""
_OLD = """
import os, sys
from azure.storage.blob import BlobClient
blob = BlobClient.from_connection_string(os.environ["MediaStorage"], *sys.argv[1:])
outcome = len(blob.download_blob().readall()) and "downloaded"
"""
_PEAK = """
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(outcome, peak)
"""


def run(*, sizes: Sequence[int] = (1, 100, 1000)) -> Result:
    """With a fake OpenFace, since what matters is what the app holds; the old way holds the blob."""
    result = Result(
        title="Peak memory of the worker, by the medium's size", columns=("medium", "app", "whole blob in memory")
    )
    peaks = []
    with Setting.running(fake=True) as setting:
        for size in sizes:
            name = setting.upload(padded(setting.fresh("clip.mp4"), size * MEGABYTE), ".mp4").blob_name
            app, old = (_peak(setting, code, name) for code in (_APP, _OLD))
            peaks.append(app)
            result.rows.append((f"{size} MB", f"{app:.0f} MB", f"{old:.0f} MB"))
    result.notes.append(f"Largest less smallest: {max(peaks) - min(peaks):.0f} MB; target: less than {TARGET} MB.")
    return result


def _peak(setting: Setting, code: str, name: str) -> float:
    ran = subprocess.run(  # noqa: S603 - the code above
        [sys.executable, "-c", code + _PEAK, setting.container, name],
        env={"PATH": "/usr/bin:/bin", **setting.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    outcome, kilobytes = ran.stdout.split()
    if outcome not in ("analysed", "downloaded"):
        raise RuntimeError(f"The padded clip ended {outcome}.")
    return int(kilobytes) * 1024 / MEGABYTE
