"""``upload``: put files of this computer into a container of their own, as a front end would."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openface_runner.cli import following
from openface_runner.cli.files import check_that_they_are_files, name_given_twice
from openface_runner.cli.following import say, say_json, warn
from openface_runner.cli.jobs import OneContainer, follow
from openface_runner.cli.progress import bar
from openface_runner.cli.wrong_use import WrongUse
from openface_runner.media.address import decline_reason
from openface_runner.settings import Capture

if TYPE_CHECKING:
    from openface_runner.storage.uploads import Uploads

_AT_ONCE = 4
_ANY_CONTAINER = "00000000-0000-4000-8000-000000000000"


def add_command(commands: Any) -> None:
    """Add ``upload`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "upload",
        help="upload pictures and clips, and wait for what becomes of them",
        description="Makes a container that is named by a UUID, uploads the files into it under their own names, and "
        "tells its name. Uses the MediaStorage connection. With --watch it waits for the outcomes. Exit code 0 when "
        "all is uploaded (with --watch: every medium 'analysed' or 'no_face'), 1 otherwise, 2 for wrong use or "
        "settings.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--capture", type=Capture, choices=list(Capture), help="how the media were taken")
    parser.add_argument(
        "--container", type=following.container_name, metavar="UUID", help="one to upload into; default: a new one"
    )
    parser.add_argument("--watch", action="store_true", help="wait for the outcomes")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Upload, and watch; see ``add_command`` for what it prints and returns."""
    files: list[Path] = arguments.files
    _check(files)
    with following.storage_as_a_person_sees_it():
        from openface_runner.storage.uploads import connect_uploads

        uploads = connect_uploads(arguments.container)
        uploads.make()
        if not arguments.json:
            say(f"Container {uploads.container}")
        failed = _upload(uploads, files, {"capture": arguments.capture} if arguments.capture else {})
        if arguments.json:
            for file in files:
                state = "failed" if file in failed else "uploaded"
                say_json({"container": uploads.container, "blob": file.name, "status": state})
        if failed:
            return 1
        if arguments.watch:
            one = OneContainer(following.browser(), uploads.container, {file.name for file in files})
            code = follow(one.look, watch=True, as_json=arguments.json)
        else:
            code = 0
    if not arguments.json:
        command = "python -m openface_runner"
        if not arguments.watch:
            say(f"Follow them:   {command} jobs {uploads.container} --watch")
        say(f"Get results:   {command} fetch {uploads.container} --out results")
    return code


def _check(files: Sequence[Path]) -> None:
    check_that_they_are_files(files)
    for file in files:
        if (reason := decline_reason(_ANY_CONTAINER, file.name)) is not None:
            raise WrongUse(f"{file.name!r} can't be the name of a medium: {reason}.")
    if (twice := name_given_twice(files)) is not None:
        raise WrongUse(f"Several files are named {twice!r}: one would replace the other; upload them apart.")


def _upload(uploads: Uploads, files: Sequence[Path], metadata: dict[str, str]) -> set[Path]:
    """Upload all files; those that could not be read."""
    failed = set()
    total, counts = sum(file.stat().st_size for file in files), dict.fromkeys(files, 0)
    with bar("uploading", total, of_bytes=True) as progress, ThreadPoolExecutor(_AT_ONCE) as pool:

        def one(file: Path) -> None:
            def sent(count: int) -> None:
                counts[file] = count
                progress.update(progress.task_ids[0], completed=sum(counts.values()))

            uploads.put(file, file.name, metadata, sent)

        tasks = [(file, pool.submit(one, file)) for file in files]
        try:
            for file, task in tasks:
                try:
                    task.result()
                except OSError as error:
                    failed.add(file)
                    warn(f"{file} can't be read: {error.strerror}.")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failed
