"""The cores of a container, from control groups that are written down here as Linux shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openface_runner import cores

MACHINE = 64


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MACHINE)), raising=False)


def root(folder: Path, cgroup: str, files: dict[str, str]) -> Path:
    for name, content in {"proc/self/cgroup": cgroup, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return folder


V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/cpu,cpuacct"
DOCKER_V1 = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x"


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/", {}, MACHINE),
        ("0::/", {f"{V2}/cpu.max": "max 100000"}, MACHINE),
        ("0::/", {f"{V2}/cpu.max": "200000 100000"}, 2),
        ("0::/", {f"{V2}/cpu.max": "250000 100000"}, 2),
        ("0::/", {f"{V2}/cpu.max": "25000 100000"}, 1),
        ("0::/", {f"{V2}/cpu.max": "99900000 100000"}, MACHINE),
        ("0::/a/b", {f"{V2}/a/b/cpu.max": "400000 100000", f"{V2}/a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b", {f"{V2}/a/b/cpu.max": "max 100000", f"{V2}/a/cpu.max": "700000 100000"}, 7),
        ("0::/docker/not-visible-here", {f"{V2}/cpu.max": "200000 100000"}, 2),
        (DOCKER_V1, {f"{V1}/cpu.cfs_quota_us": "150000", f"{V1}/cpu.cfs_period_us": "50000"}, 3),
        (DOCKER_V1, {f"{V1}/cpu.cfs_quota_us": "-1", f"{V1}/cpu.cfs_period_us": "100000"}, MACHINE),
        (
            DOCKER_V1,
            {f"{V1}/docker/x/cpu.cfs_quota_us": "200000", f"{V1}/docker/x/cpu.cfs_period_us": "100000"},
            2,
        ),
        (
            "1:cpu:/\n0::/",
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            2,
        ),
        ("2:cpu:/\n0::/", {f"{V2}/unified/cpu.max": "500000 100000"}, 5),
        ("0::/", {f"{V2}/cpu.max": "nonsense"}, MACHINE),
        ("0::/", {f"{V2}/cpu.max": "100000 0"}, MACHINE),
        ("nonsense", {}, MACHINE),
    ],
)
def test_the_least_quota_of_the_group_and_all_above_it_counts(
    tmp_path: Path, cgroup: str, files: dict[str, str], expected: int
) -> None:
    assert cores.usable(root(tmp_path, cgroup, files)) == expected


def test_the_affinity_counts_where_it_is_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert cores.usable(root(tmp_path, "0::/", {f"{V2}/cpu.max": "1600000 100000"})) == 3


def test_without_control_groups_and_affinity_all_cores_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert cores.usable(tmp_path) == 10
