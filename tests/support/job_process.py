"""One delivery in a process that a test may kill: ``python -m tests.support.job_process CONTAINER NAME SECONDS``."""

from __future__ import annotations

import sys
from dataclasses import replace

from openface_runner import services as services_module
from openface_runner import shutdown
from openface_runner.jobs import analyse_blob
from openface_runner.services import Services

LEASE_SECONDS = 15
"""The least that the service takes: tests wait for the end of claims."""


def with_claims_of(seconds: int, services: Services) -> Services:
    """The same app, with claims that outlive their holders by so much."""
    jobs_container = services.settings.jobs_container
    return replace(services, records=services.account.records(jobs_container, lease_seconds=seconds))


def main(container: str, name: str, lease_seconds: int) -> None:
    """Deliver an event."""
    services = with_claims_of(lease_seconds, services_module.start())
    shutdown.stop_on_signals(services.running)
    analyse_blob(services, container, name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
