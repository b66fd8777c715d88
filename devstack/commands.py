"""The commands that run until Ctrl-C: all parts together, or one of them in a terminal of its own."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devstack import core_tools, host_keys, stack
from devstack.azurite import Storage
from devstack.errors import NoOpenFace
from devstack.event_grid import Bookmark, EventGrid
from devstack.functions_host import app_settings, host
from devstack.functions_host.host import HostOptions
from devstack.ports import LOOPBACK, Ports
from devstack.stack import Layout, StackOptions
from devstack.subscription import CORE_TOOLS_SECONDS, patiently

if TYPE_CHECKING:
    from devstack.openface import ChosenOpenFace

_log = logging.getLogger(__name__)

_OPENFACE_SETTING = "OPENFACE_BIN_DIR"

_HOW_TO_UPLOAD = """
Ready. Upload images and videos, in another terminal:

    export MediaStorage='{connection}'
    .venv/bin/python -m openface_runner upload clip.mp4 --watch

or with any other tool, into a container whose name is a UUID, by the connection string above.

The jobs page is at {page}
Results appear as   openface-output/<container>/<name>.csv
and job records as  openface-jobs/<container>/<name>.json
The Functions host is at {host}. Ctrl-C stops everything.
"""


def page_of(host_url: str) -> str:
    """Where a host on this machine serves the jobs page: by the name that the page answers to."""
    return f"{host_url.replace(LOOPBACK, 'localhost')}/api/jobs"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which app runs, where it listens, and where the devstack keeps its files."""

    app_dir: Path
    ports: Ports
    layout: Layout


async def up(place: Place, *, own_host: bool, openface: dict[str, str]) -> None:
    """Run storage, Event Grid and a Functions host: the Core Tools' where they are installed, unless `own_host`."""
    options = StackOptions(
        app_dir=place.app_dir,
        settings=openface,
        ports=place.ports,
        layout=place.layout,
        use_core_tools=core_tools.find() is not None and not own_host,
    )
    async with stack.running(options) as parts:
        default = parts.storage.ports.connection_string == Ports().connection_string
        connection = "UseDevelopmentStorage=true" if default else parts.storage.connection_string
        print(
            _HOW_TO_UPLOAD.format(connection=connection, host=parts.host.url, page=page_of(parts.host.url)), flush=True
        )
        await parts.run()


async def storage(place: Place) -> None:
    """Run Azurite, with everything kept over restarts."""
    async with stack.storage_in(place.layout, place.ports, keep=True) as emulator:
        ports = emulator.storage.ports
        _log.info("Azurite listens on ports %d, %d, %d: blob, queue, table.", ports.blob, ports.queue, ports.table)
        await emulator.run()


async def events(place: Place, *, functions: list[str], access_log: Path | None, keys: Path | None) -> None:
    """Run Event Grid beside a storage and a Functions host that run elsewhere on this machine; waits for the latter.

    Arguments:
        place: where they are.
        functions: those to tell; with none, the host is asked for them.
        access_log: where that storage writes its access log; None for the place's own.
        keys: the host's file of keys, where it asks for one.

    Raises KeysUnreadable when that file holds no key for the webhook.
    """
    key = host_keys.webhook_key(keys) if keys else ""
    account = Storage(ports=place.ports, access_log=access_log or place.layout.access_log)
    own = stack.own_containers({**app_settings.local(place.app_dir), **os.environ})
    async with EventGrid(storage=account, bookmark=Bookmark(place.layout.bookmark), leave_out=own) as grid:
        url = place.ports.host_url
        await patiently(lambda: stack.subscribe(grid, url, functions, key=key), seconds=CORE_TOOLS_SECONDS)
        await grid.run()


async def functions_host(place: Place, *, openface: dict[str, str]) -> None:
    """Run the Functions host beside a storage that runs elsewhere on this machine."""
    environment = app_settings.environment(
        place.app_dir, overrides=openface, connection_string=place.ports.connection_string
    )
    options = HostOptions(app_dir=place.app_dir, environment=environment, port=place.ports.functions)
    async with host.running(options) as running:
        _log.info("The Functions host is at %s.", running.url)
        await running.run()


def chosen_openface(place: Place) -> dict[str, str]:
    """The settings that tell the app which OpenFace to run; empty when local.settings.json says it already.

    Raises NoOpenFace when there is none, and why.
    """
    if app_settings.local(place.app_dir).get(_OPENFACE_SETTING):
        return {}
    chosen = choose_openface(place.layout.state_dir)
    print(chosen.notice, flush=True)
    return dict(chosen.environment)


def choose_openface(state_dir: Path) -> ChosenOpenFace:
    """`devstack.openface.choose`, with an error that says what to do. Raises NoOpenFace."""
    # Only here, because they are slow to import and the other commands do without.
    from devstack import openface
    from devstack.standin.model_file import StandinUnavailable
    from openface_runner.outcomes import BrokenInstallation

    try:
        return openface.choose(state_dir)
    except (BrokenInstallation, StandinUnavailable) as error:
        raise NoOpenFace(str(error)) from error
