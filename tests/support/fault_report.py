"""Counts injected faults, and what became of them: a pytest plugin.

A test that injects a fault is marked ``@pytest.mark.fault("what goes wrong", "what must follow")``; where it injects
more than one, it says how many with ``record_property(FAULTS, 500)``. A fault counts as survived when its test passes,
and as lost when it fails. With the environment variable FAULT_REPORT, the counts are written to that file as JSON.

A test that is marked ``@pytest.mark.long`` is skipped, unless the environment variable LONG is "true".
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

FAULTS = "faults"
"""The name of the property that says how many faults a test injected."""
FIGURES = "figures"
"""The name of the property with figures of a test, by name, that belong on the page too."""

_PASSED = pytest.StashKey[bool]()


@dataclass(kw_only=True)
class FaultCount:
    """One row of the table."""

    fault: str
    must_follow: str
    injected: int = 0
    survived: int = 0


class FaultReport:
    """The counts of one run of the tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[tuple[str, str], FaultCount] = {}
        self._figures: dict[str, object] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count a test that has run, when its last phase is over: fixtures look for what is left behind."""
        report = yield
        if call.when == "call" and not report.skipped:
            item.stash[_PASSED] = report.passed
        if call.when == "teardown" and _PASSED in item.stash:
            self._count(item, survived=item.stash[_PASSED] and report.passed)
        return report

    def _count(self, item: pytest.Item, *, survived: bool) -> None:
        properties = dict(item.user_properties)
        number = int(str(properties.get(FAULTS, 1)))
        for mark in item.iter_markers("fault"):
            fault, must_follow = mark.args
            row = self._counts.setdefault(mark.args, FaultCount(fault=fault, must_follow=must_follow))
            row.injected += number
            row.survived += number if survived else 0
        if FIGURES in properties:
            self._figures[item.name] = properties[FIGURES]

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        report = {"faults": [asdict(count) for count in self._counts.values()], "figures": self._figures}
        self._path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and count where a report is asked for."""
    config.addinivalue_line("markers", "fault(what, must_follow): injects a fault; counted in docs/reliability.md")
    config.addinivalue_line("markers", "long: takes minutes; skipped unless LONG=true")
    if path := os.environ.get("FAULT_REPORT"):
        config.pluginmanager.register(FaultReport(Path(path)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the long tests out where they aren't asked for."""
    if os.environ.get("LONG") == "true":
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; LONG=true runs it"))
