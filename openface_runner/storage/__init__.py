"""Blob storage: look at a medium, stream it down, claim its job, publish its result. The only room that knows Azure.

Errors of the SDK become ``StorageUnavailable``; their texts are not passed on, since they may hold addresses with
signatures.
"""

from openface_runner.storage.account import Account, connect
from openface_runner.storage.claims import Claim, Records
from openface_runner.storage.connection import CONNECTION, ConnectionMissing
from openface_runner.storage.container_index import ContainerIndex
from openface_runner.storage.results import Published, Results
from openface_runner.storage.source import Source, Version, VersionGone

__all__ = [
    "CONNECTION",
    "Account",
    "Claim",
    "ConnectionMissing",
    "ContainerIndex",
    "Published",
    "Records",
    "Results",
    "Source",
    "Version",
    "VersionGone",
    "connect",
]
