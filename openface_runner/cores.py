"""The cores that this process really has: a container's limit counts, not the machine's number."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_VERSION_2 = "0"
"""The number of the hierarchy in ``/proc/self/cgroup``; others are version 1's, one for each kind of resource."""


def usable(root: Path = Path("/")) -> int:
    """The whole cores that this process may use, at least 1.

    The least of the processor affinity and the processor quotas of its control group and of all groups above that
    (versions 1 and 2; https://docs.kernel.org/admin-guide/cgroup-v2.html). Where there are none, as on macOS, all
    cores of the machine.

    Arguments:
        root: the folder that holds ``proc/self/cgroup`` and ``sys/fs/cgroup``.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Rounded down: a process on a share of a core would only be stopped again and again.
    return max(1, int(min([there, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """What each control group allows, in cores."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    mounts = root / "sys/fs/cgroup"
    for number, kinds, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if number == _VERSION_2:
            for mount in (mounts, mounts / "unified"):
                yield from _along(mount, path, "cpu.max")
        elif "cpu" in kinds.split(","):
            for mount in dict.fromkeys((mounts / kinds, mounts / "cpu")):
                yield from _along(mount, path, "cpu.cfs_quota_us", "cpu.cfs_period_us")


def _along(mount: Path, path: str, *names: str) -> Iterator[float]:
    """The quotas of a group and of all above it; from within a container, not all of these may be there to be seen."""
    group = PurePosixPath(path.lstrip("/"))
    for folder in (group, *group.parents):
        # Missing; "max" and -1, which mean no limit; or a period of 0, which would mean nothing.
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = " ".join((mount / folder / name).read_text(encoding="ascii") for name in names).split()
            if int(quota) > 0:
                yield int(quota) / int(period)
