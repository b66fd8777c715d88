"""`python -m devstack`: the function app on a laptop. See `--help`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path

from devstack import commands
from devstack.commands import Place
from devstack.errors import DevstackError
from devstack.ports import Ports
from devstack.stack import REPOSITORY, STATE_DIR, Layout

_DEFAULT = Ports()


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 after Ctrl-C, 1 when a part couldn't start or ended by itself."""
    _log_like_func_start()
    parsed = _parser().parse_args(arguments)
    try:
        return _run(parsed)
    except DevstackError as error:
        print(f"devstack {parsed.command}: {error}", file=sys.stderr)
        return 1


def _log_like_func_start() -> None:
    handler = logging.StreamHandler()
    formatter = logging.Formatter("[%(asctime)s.%(msecs)03dZ] %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("devstack").setLevel(logging.INFO)


def _run(parsed: argparse.Namespace) -> int:
    if parsed.command == "demo":
        # Only here: the demo needs what the other commands do without.
        from devstack import demo

        return int(demo.main())
    if parsed.command == "openface":
        return _print_openface(parsed.state_dir)
    place = Place(
        app_dir=parsed.app.resolve(),
        ports=Ports(
            blob=parsed.blob_port, queue=parsed.queue_port, table=parsed.table_port, functions=parsed.host_port
        ),
        layout=Layout(state_dir=parsed.state_dir.resolve()),
    )
    match parsed.command:
        case "up":
            work = commands.up(place, own_host=parsed.own_host, openface=commands.chosen_openface(place))
        case "storage":
            work = commands.storage(place)
        case "events":
            work = commands.events(place, functions=parsed.function, access_log=parsed.access_log, keys=parsed.keys)
        case _:
            work = commands.functions_host(place, openface=commands.chosen_openface(place))
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_signalled(work))
    return 0


async def _until_signalled(work: Coroutine[None, None, None]) -> None:
    """Do the work until SIGINT or SIGTERM, which cancels it once; stopping the parts isn't interrupted by a second."""
    task = asyncio.ensure_future(work)
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            print("Stopping.", file=sys.stderr)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await task


def _print_openface(state_dir: Path) -> int:
    chosen = commands.choose_openface(state_dir.resolve())
    print(chosen.notice)
    print('\nFor "Values" in local.settings.json:\n')
    print(",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in chosen.environment.items()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devstack", description="The function app on a laptop, with everything that Azure would give it."
    )
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--app", type=Path, default=REPOSITORY, help="folder with function_app.py; this repository's")
    where.add_argument("--state-dir", type=Path, default=STATE_DIR, help="where blobs and logs are kept; .devstack")
    for service in ("blob", "queue", "table"):
        default = getattr(_DEFAULT, service)
        where.add_argument(f"--{service}-port", type=int, default=default, help=f"Azurite's; {default}")
    where.add_argument("--host-port", type=int, default=_DEFAULT.functions, help=f"the host's; {_DEFAULT.functions}")
    command = parser.add_subparsers(dest="command", required=True)
    up = command.add_parser("up", parents=[where], help="everything: storage, Event Grid, Functions host")
    up.add_argument("--own-host", action="store_true", help="not `func start`, even where it is installed")
    command.add_parser("storage", parents=[where], help="Azurite alone")
    events = command.add_parser("events", parents=[where], help="Event Grid alone, for example beside `func start`")
    events.add_argument("--function", action="append", default=[], help="whom to tell; the host is asked otherwise")
    events.add_argument("--access-log", type=Path, help="where that Azurite's output goes; a file in the state folder")
    events.add_argument("--keys", type=Path, help="the host's file of keys, for a host in a container")
    command.add_parser("host", parents=[where], help="the Functions host alone")
    openface = command.add_parser("openface", help="say which OpenFace a laptop uses, as settings")
    openface.add_argument("--state-dir", type=Path, default=STATE_DIR, help="where a stand-in would be put; .devstack")
    command.add_parser("demo", help="run the whole way once, with the samples")
    return parser


if __name__ == "__main__":
    sys.exit(main())
