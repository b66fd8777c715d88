"""Azurite, Microsoft's storage emulator, as a real process: blobs, queues and tables on this machine.

Its standard output goes straight to a file, which is its access log and the source of the local Event Grid's events.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack import node, processes
from devstack.access_log import follow
from devstack.errors import AzuriteDidNotStart, AzuriteNotInstalled, PartEnded
from devstack.ports import LOOPBACK, Ports

_HERE = Path(__file__).parent
_AZURITE = _HERE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_EXIT_WITH_PARENT = _HERE / "exit_with_parent.js"

_SERVICES = ("blob", "queue", "table")
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at \S+:(\d+)")
_IN_USE = re.compile(r"EADDRINUSE: address already in use \S+?:(\d+)")


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A storage account on this machine: where it listens and where it logs. Holds no process, and so no event loop."""

    # As they turned out, never 0; `functions` has no meaning here.
    ports: Ports
    access_log: Path

    @property
    def connection_string(self) -> str:
        """The account's connection string."""
        return self.ports.connection_string


class Azurite:
    """A running Azurite; made by `running`."""

    def __init__(self, process: asyncio.subprocess.Process, storage: Storage) -> None:
        self._process = process
        self.storage = storage

    async def run(self) -> None:
        """Return never: raises PartEnded when Azurite ends by itself."""
        code = await self._process.wait()
        raise PartEnded(
            f"Azurite ended by itself ({processes.how_it_ended(code)}). Its last words: "
            f"{_tail(_error_log(self.storage.access_log)) or _tail(self.storage.access_log)}"
        )


@asynccontextmanager
async def running(
    *, ports: Ports, access_log: Path, location: Path | None, flags: Sequence[str] = ()
) -> AsyncIterator[Azurite]:
    """Start Azurite, wait until it listens, and stop it at the end.

    Arguments:
        ports: where to listen; 0 for any free port.
        access_log: the file its output is appended to.
        location: the folder that keeps blobs and queues over restarts; None keeps them in memory.
        flags: more of Azurite's own flags. With those for HTTPS, `Storage.connection_string` doesn't hold.

    Raises AzuriteNotInstalled or AzuriteDidNotStart.
    """
    command = [*_command(ports, location), *flags]
    access_log.parent.mkdir(parents=True, exist_ok=True)
    errors = _error_log(access_log)
    position = access_log.stat().st_size if access_log.exists() else 0
    with access_log.open("ab") as log, errors.open("wb") as error_log:
        # A session of its own: Ctrl-C in a terminal reaches us alone, and we stop the parts in order.
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=error_log, start_new_session=True
        )
    try:
        found = await _until_it_listens(process, access_log, position)
        yield Azurite(process, Storage(ports=found, access_log=access_log))
    finally:
        await processes.stop(process, grace=_STOP_SECONDS)
        if process.stdin is not None:
            process.stdin.close()


def _command(ports: Ports, location: Path | None) -> list[str]:
    keep = ["--inMemoryPersistence"] if location is None else ["--location", str(location)]
    # The Python SDK may speak a newer version of the protocol than Azurite knows by name.
    command = [node.find().node, "--require", str(_EXIT_WITH_PARENT), str(_installed()), *keep, "--skipApiVersionCheck"]
    command.append("--disableTelemetry")
    for service in _SERVICES:
        command += [f"--{service}Host", LOOPBACK, f"--{service}Port", str(getattr(ports, service))]
    return command


def _installed() -> Path:
    if not _AZURITE.is_file():
        raise AzuriteNotInstalled("Azurite isn't installed. Run `make setup` in the repository.")
    return _AZURITE


async def _until_it_listens(process: asyncio.subprocess.Process, log: Path, position: int) -> Ports:
    listening = asyncio.create_task(_listening_ports(log, position))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({listening, ended}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            return listening.result()
        raise AzuriteDidNotStart(_why(process, _tail(_error_log(log))))
    finally:
        for task in (listening, ended):
            task.cancel()
        await asyncio.gather(listening, ended, return_exceptions=True)


async def _listening_ports(log: Path, position: int) -> Ports:
    found: dict[str, int] = {}
    async with aclosing(follow(log, position=position)) as lines:
        async for line in lines:
            if match := _LISTENING.search(line.text):
                found[match[1].lower()] = int(match[2])
            if len(found) == len(_SERVICES):
                break
    return Ports(**found)


def _why(process: asyncio.subprocess.Process, last_words: str) -> str:
    if match := _IN_USE.search(last_words):
        return (
            f"Azurite can't start: port {match[1]} is in use, perhaps by another Azurite. Stop that one "
            f"(`lsof -i :{match[1]}` names it), or give other ports."
        )
    if process.returncode is None:
        return f"Azurite didn't listen within {_START_SECONDS:.0f} seconds. Its last words: {last_words or 'none'}"
    return f"Azurite can't start ({processes.how_it_ended(process.returncode)}): {last_words or 'it said nothing'}"


def _error_log(access_log: Path) -> Path:
    return access_log.with_suffix(".errors.log")


def _tail(log: Path, characters: int = 2000) -> str:
    return log.read_text("utf-8", "replace")[-characters:].strip() if log.exists() else ""
