"""``fetch``: a container's results and records as files."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from openface_runner.cli import following
from openface_runner.cli.files import make_folder, written_whole
from openface_runner.cli.following import say, say_json, warn
from openface_runner.cli.progress import bar
from openface_runner.outcomes import Outcome
from openface_runner.status import Job, Status, explain

if TYPE_CHECKING:
    from openface_runner.storage.browse import Browser

_AT_ONCE = 4
_MOST_BYTES = 200
"""Of one part of a path, with room for a suffix: file systems take 255."""
# Control characters, halves of characters, and what Windows and shells make something of.
_STRANGE = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"|?*]')


def add_command(commands: Any) -> None:
    """Add ``fetch`` to an argument parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "fetch",
        help="download a container's results",
        description="Writes NAME.csv and NAME.json (the job record) into DIR for each medium of the container, in sub "
        "folders where names have slashes; what was there under these names is replaced. Names that a file system "
        "wouldn't take are changed, and get a digest of the true one. Uses the MediaStorage connection. Exit code 0 "
        "when every medium is 'analysed' or 'no_face' and fetched, 1 otherwise, 2 for wrong use or settings.",
    )
    parser.add_argument("container", type=following.container_name, metavar="CONTAINER")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where they go; made if missing")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


@dataclass(frozen=True, kw_only=True)
class _Fetched:
    job: Job
    csv: Path | None
    message: str
    is_good: bool


def run(arguments: argparse.Namespace) -> int:
    """Download; see ``add_command`` for what it writes, prints and returns."""
    out: Path = arguments.out
    with following.storage_as_a_person_sees_it():
        browser = following.browser()
        media = browser.media(arguments.container, most=None)
        if media.gone and not media.jobs:
            warn(f"There is no container {arguments.container} in this account.")
            return 1
        make_folder(out)
        places = paths_for([job.name for job in media.jobs])
        good = True
        with bar("fetching", len(media.jobs)) as progress, ThreadPoolExecutor(_AT_ONCE) as pool:
            tasks = [pool.submit(_fetch, browser, job, out / places[job.name]) for job in media.jobs]
            try:
                for task in as_completed(tasks):
                    fetched = task.result()
                    good = good and fetched.is_good
                    progress.advance(progress.task_ids[0])
                    _say(fetched, as_json=arguments.json)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return 0 if good else 1


def paths_for(names: Sequence[str]) -> dict[str, Path]:
    """Where each medium's files go, less their suffix, below the folder: never outside, never two at the same place."""
    found: dict[str, Path] = {}
    taken: set[str] = set()
    for name in names:
        path = _path_of(name)
        # Where the case of letters doesn't count, these would be one file.
        if str(path) != name or str(path).casefold() in taken:
            path = path.with_name(f"{path.name}~{hashlib.sha256(name.encode()).hexdigest()[:10]}")
        taken.add(str(path).casefold())
        found[name] = path
    return found


def _path_of(name: str) -> Path:
    parts = []
    for part in re.split(r"[/\\]", name):
        plain = _STRANGE.sub("_", part).rstrip(". ")
        plain = f"_{plain.removeprefix('.')}" if plain.startswith(".") or not plain else plain
        parts.append(plain.encode()[:_MOST_BYTES].decode(errors="ignore"))
    return Path(PurePosixPath(*parts))


def _fetch(browser: Browser, job: Job, place: Path) -> _Fetched:
    try:
        return _write(browser, job, place)
    except OSError as error:
        return _Fetched(job=job, csv=None, message=f"{place} can't be written: {error.strerror}.", is_good=False)


def _write(browser: Browser, job: Job, place: Path) -> _Fetched:
    record = browser.record_text(job.container, job.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    if record is not None:
        with written_whole(_with(place, ".json")) as passing:
            passing.write_bytes(record)
    csv = _with(place, ".csv")
    if job.outcome is Outcome.ANALYSED and job.status is Status.DONE:
        with written_whole(csv) as passing:
            is_there = browser.download_csv(job.container, job.name, passing)
        if is_there:
            return _Fetched(job=job, csv=csv, message="", is_good=True)
        return _Fetched(job=job, csv=None, message="Its CSV isn't in the output container.", is_good=False)
    # What an earlier fetch left would pass for this version's.
    csv.unlink(missing_ok=True)
    medium = browser.medium(job.container, job.name)
    message = " ".join(explain(medium.status, medium.record)) if medium else "It is gone."
    return _Fetched(job=job, csv=None, message=message, is_good=job.status is Status.DONE)


def _with(place: Path, suffix: str) -> Path:
    return place.with_name(f"{place.name}{suffix}")


def _say(fetched: _Fetched, *, as_json: bool) -> None:
    job = fetched.job
    if as_json:
        fields = following.job_fields(job, datetime.now(UTC))
        say_json({**fields, "csv": fetched.csv and str(fetched.csv), "message": fetched.message or None})
    elif fetched.csv:
        say(f"{job.name} -> {fetched.csv}")
    else:
        say(f"{job.name}: {following.state_of(job)}. {fetched.message}")
