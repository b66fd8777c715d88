"""What a running app is made of, put together once from the environment."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from openface_runner.analysis import Analyser
from openface_runner.settings import Settings
from openface_runner.shutdown import RunningJobs
from openface_runner.storage import Account, ContainerIndex, Records, Results, connect

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Services:
    """Settings, OpenFace and storage, shared by all invocations of the process."""

    settings: Settings
    analyser: Analyser
    account: Account
    results: Results
    records: Records
    index: ContainerIndex
    running: RunningJobs = field(default_factory=RunningJobs)
    _prepared: threading.Event = field(default_factory=threading.Event)

    def prepare(self) -> None:
        """Create our containers where they don't exist yet; asks storage only once in a process's life."""
        if not self._prepared.is_set():
            self.results.prepare()
            self.records.prepare()
            self._prepared.set()


def start() -> Services:
    """Read the settings, find OpenFace, prove that it works, and connect to storage (asking it nothing yet).

    Working folders that killed processes have left behind are removed.

    Raises:
        SettingsError, ConnectionMissing: the app's settings are wrong.
        BrokenInstallation: OpenFace can't be used or doesn't work, with what is missing and what to do.
    """
    settings = Settings.from_environment()
    analyser = Analyser.from_settings(settings)
    if swept := analyser.workspace.sweep():
        _log.info("Removed %d working folders of processes that were killed.", swept)
    if settings.prove_at_start:
        analyser.prove()
    account = connect()
    return Services(
        settings=settings,
        analyser=analyser,
        account=account,
        results=account.results(settings.output_container),
        records=account.records(settings.jobs_container),
        index=account.container_index(settings.jobs_container),
    )
