"""Fixtures of the tests that inject faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.azurite import Storage
from tests.support.storage_proxy import StorageProxy


@pytest.fixture
def proxy(storage: Storage) -> Iterator[StorageProxy]:
    """A proxy in front of the session's storage, which misbehaves when it is told to."""
    with StorageProxy.running(storage) as running:
        yield running
